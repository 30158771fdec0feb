/* Addresses and networks: written by inet_ntop() they are the same again, and a network holds what its prefix
 * says. */
#include "base/cidr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static void check_address(struct text text)
{
    struct address address;
    struct address again;
    char written[INET6_ADDRSTRLEN + sizeof "::ffff:"];
    if (address_parse_remote(text.data, text.length, &address)) {
        char remote[NETWORK_TEXT_SIZE];
        address_format(&address, remote);
        REQUIRE(address_parse(remote, strlen(remote), &again));
        REQUIRE(memcmp(&address, &again, sizeof address) == 0);
    }
    if (!address_parse(text.data, text.length, &address))
        return;
    REQUIRE(inet_ntop(AF_INET6, address.bytes, written, sizeof written) != NULL);
    REQUIRE(address_parse(written, strlen(written), &again));
    REQUIRE(memcmp(&address, &again, sizeof address) == 0);

    snprintf(written, sizeof written, "::ffff:%.*s", (int)text.length, text.data);
    if (memchr(text.data, ':', text.length) == NULL) {
        REQUIRE(address_parse(written, strlen(written), &again));
        REQUIRE(memcmp(&address, &again, sizeof address) == 0);
    }
}

static struct address with_bit_turned(struct address address, unsigned bit)
{
    address.bytes[bit / 8] ^= (unsigned char)(0x80U >> bit % 8);
    return address;
}

static void check_network(struct text text)
{
    struct network network;
    struct network again;
    char written[INET6_ADDRSTRLEN + sizeof "/128"];
    if (!network_parse(text.data, text.length, &network))
        return;
    REQUIRE(network.prefix <= 128);
    REQUIRE(network_contains(&network, &network.address));
    for (unsigned bit = 0; bit < 128; bit++) {
        const struct address other = with_bit_turned(network.address, bit);
        REQUIRE(network_contains(&network, &other) == (bit >= network.prefix));
    }

    REQUIRE(inet_ntop(AF_INET6, network.address.bytes, written, sizeof written) != NULL);
    const bool is_v4 = memchr(text.data, ':', text.length) == NULL;
    REQUIRE(!is_v4 || network.prefix >= 96);
    snprintf(written + strlen(written), 5, "/%u", network.prefix);
    REQUIRE(network_parse(written, strlen(written), &again));
    REQUIRE(memcmp(&network, &again, sizeof network) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = fuzz_copy(fuzz_text(data, size));
    struct text prefix = {copy, size};
    check_network(prefix);
    check_address(text_split(&prefix, '/'));
    free(copy);
    return 0;
}
