#include "base/cidr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { MAPPED_PREFIX = 96, WHOLE_PREFIX = 128 };

static const struct address mapped = {{[10] = 0xff, [11] = 0xff}};

bool address_parse(const char *text, size_t length, struct address *address)
{
    char copy[INET6_ADDRSTRLEN];
    if (length >= sizeof copy || text_has_control((struct text){text, length}))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';

    *address = mapped;
    return inet_pton(AF_INET, copy, address->bytes + MAPPED_PREFIX / 8) == 1 ||
           inet_pton(AF_INET6, copy, address->bytes) == 1;
}

static bool is_port_number(struct text text)
{
    long port;
    return text_parse_number(text, 0, 65535, &port);
}

/* Removes the brackets and the port. Returns an absent text if the part after the address is not a port. */
static struct text without_port(struct text text)
{
    const struct text absent = {NULL, 0};
    struct text port = text;
    if (text.length > 0 && text.data[0] == '[') {
        const struct text inside = text_split(&port, ']');
        if (port.data == NULL ||
            (port.length > 0 &&
             (port.data[0] != ':' || !is_port_number((struct text){port.data + 1, port.length - 1}))))
            return absent;
        return (struct text){inside.data + 1, inside.length - 1};
    }
    const struct text ipv4 = text_split(&port, ':');
    if (port.data == NULL || memchr(ipv4.data, '.', ipv4.length) == NULL)
        return text;
    return is_port_number(port) ? ipv4 : absent;
}

bool address_parse_remote(const char *text, size_t length, struct address *address)
{
    struct text zone = without_port((struct text){text, length});
    if (zone.data == NULL)
        return false;
    const struct text bare = text_split(&zone, '%');
    const bool has_zone = zone.data != NULL;
    return (!has_zone || (zone.length > 0 && memchr(bare.data, ':', bare.length) != NULL)) &&
           address_parse(bare.data, bare.length, address);
}

/* Returns the mask of the bits of byte `index` that belong to the network. */
static unsigned char mask_of(unsigned prefix, unsigned index)
{
    if (prefix >= (index + 1) * 8)
        return 0xff;
    if (prefix <= index * 8)
        return 0;
    return (unsigned char)(0xff << ((index + 1) * 8 - prefix));
}

static bool network_holds(const struct address *address, const struct network *network)
{
    for (unsigned i = 0; i < sizeof address->bytes; i++) {
        if ((address->bytes[i] & mask_of(network->prefix, i)) != network->address.bytes[i])
            return false;
    }
    return true;
}

bool network_parse(const char *text, size_t length, struct network *network)
{
    struct text prefix = {text, length};
    const struct text address = text_split(&prefix, '/');
    if (!address_parse(address.data, address.length, &network->address))
        return false;

    const unsigned before = memchr(address.data, ':', address.length) == NULL ? MAPPED_PREFIX : 0;
    const long longest = 128 - (long)before;
    long number = longest;
    if (prefix.data != NULL && !text_parse_number(prefix, 0, longest, &number))
        return false;
    network->prefix = before + (unsigned)number;
    return network_holds(&network->address, network);
}

static bool next_network(struct text *list, struct network *network)
{
    const struct text item = text_trim(text_split(list, ','));
    return network_parse(item.data, item.length, network);
}

bool network_list_is_valid(struct text list)
{
    struct network network;
    bool valid = list.data != NULL;
    while (valid && list.data != NULL)
        valid = next_network(&list, &network);
    return valid;
}

bool network_list_contains(struct text list, const struct address *address)
{
    struct network network;
    while (address != NULL && list.data != NULL) {
        if (next_network(&list, &network) && network_contains(&network, address))
            return true;
    }
    return false;
}

bool network_contains(const struct network *network, const struct address *address)
{
    return network_holds(address, network);
}

struct network network_around(const struct address *address, unsigned prefix)
{
    struct network network = {.address = *address, .prefix = prefix};
    for (unsigned i = 0; i < sizeof address->bytes; i++)
        network.address.bytes[i] &= mask_of(prefix, i);
    return network;
}

bool address_is_ipv4(const struct address *address)
{
    return memcmp(address->bytes, mapped.bytes, MAPPED_PREFIX / 8) == 0;
}

void address_format(const struct address *address, char out[NETWORK_TEXT_SIZE])
{
    const struct network network = {.address = *address, .prefix = WHOLE_PREFIX};
    network_format(&network, out);
}

/* inet_ntop() uses sprintf(), which takes ten times as long, and a line of the log has an address. */
static void format_ipv4(const unsigned char bytes[4], char *out)
{
    for (size_t i = 0; i < 4; i++) {
        out += text_format_number(bytes[i], out);
        *out++ = i < 3 ? '.' : '\0';
    }
}

void network_format(const struct network *network, char out[NETWORK_TEXT_SIZE])
{
    const unsigned char *bytes = network->address.bytes;
    const bool ipv4 = address_is_ipv4(&network->address) && network->prefix >= MAPPED_PREFIX;
    if (ipv4)
        format_ipv4(bytes + MAPPED_PREFIX / 8, out);
    else
        inet_ntop(AF_INET6, bytes, out, NETWORK_TEXT_SIZE);
    const size_t used = strlen(out);
    if (network->prefix < WHOLE_PREFIX)
        snprintf(out + used, NETWORK_TEXT_SIZE - used, "/%u",
                 network->prefix - (ipv4 ? (unsigned)MAPPED_PREFIX : 0));
}
