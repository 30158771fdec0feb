#include "config/sync_address.h"

#include <string.h>
#include <sys/un.h>

static const char sentinel_prefix[] = "sentinel:";
static const char unix_prefix[] = "unix:";

static struct text skip_bytes(struct text text, size_t length)
{
    return (struct text){text.data + length, text.length - length};
}

/* Returns the next word, or an absent text at the end. */
static struct text next_word(struct text *rest)
{
    struct text word = {NULL, 0};
    while (rest->data != NULL && word.length == 0)
        word = text_trim(text_split(rest, ' '));
    return word.length > 0 ? word : (struct text){NULL, 0};
}

struct text sync_addresses_sentinel(struct text list)
{
    struct text first = next_word(&list);
    if (first.data == NULL || !text_begins_with(first, text_of(sentinel_prefix)))
        return (struct text){NULL, 0};
    first = skip_bytes(first, strlen(sentinel_prefix));
    return text_split(&first, '@');
}

static const char *read_port(struct text host, struct text port, struct sync_address *address)
{
    address->host = host;
    if (host.length == 0 || port.data == NULL || !text_parse_number(port, 1, 65535, &address->port))
        return "must have addresses such as 192.0.2.1:6379, redis.example.com:6379 or "
               "unix:/run/redis/redis.sock";
    return NULL;
}

static const char *read_host(struct text word, struct sync_address *address)
{
    struct text rest = word;
    if (word.length == 0 || word.data[0] != '[') {
        const struct text host = text_split(&rest, ':');
        if (rest.data != NULL && memchr(rest.data, ':', rest.length) != NULL)
            return "has an IPv6 address without brackets: write [2001:db8::1]:6379";
        return read_port(host, rest, address);
    }
    rest = skip_bytes(word, 1);
    const struct text host = text_split(&rest, ']');
    if (rest.data == NULL || rest.length == 0 || rest.data[0] != ':')
        return "has a bracket but no port: write [2001:db8::1]:6379";
    return read_port(host, skip_bytes(rest, 1), address);
}

static const char *read_path(struct text path, struct sync_address *address)
{
    address->path = path;
    if (path.length == 0 || path.data[0] != '/')
        return "must name a Unix socket by its full path: unix:/run/redis/redis.sock";
    if (path.length >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return "names a Unix socket with more than 107 characters";
    return NULL;
}

static const char *read_address(struct text word, struct sync_address *address)
{
    *address = (struct sync_address){.port = 0};
    if (text_begins_with(word, text_of(unix_prefix)))
        return read_path(skip_bytes(word, strlen(unix_prefix)), address);
    return read_host(word, address);
}

/* Returns the address behind "sentinel:NAME@", if the word has that. */
static struct text text_of_address(struct text word)
{
    if (text_begins_with(word, text_of(sentinel_prefix)))
        text_split(&word, '@');
    return word;
}

const char *sync_addresses_fault(struct text list)
{
    struct text rest = list;
    struct sync_address address;
    const struct text sentinel = sync_addresses_sentinel(list);
    const char *fault = NULL;
    size_t count = 0;
    if (!text_is_printable_ascii(list))
        return "must be printable ASCII";
    if (sentinel.data != NULL && sentinel.length == 0)
        return "must name the engine as the Sentinels know it: sentinel:NAME@host:port";
    for (struct text word = next_word(&rest); fault == NULL && word.data != NULL; word = next_word(&rest)) {
        const bool is_sentinel = text_begins_with(word, text_of(sentinel_prefix));
        if (is_sentinel && count > 0)
            return "must begin with sentinel:NAME@host:port, which more Sentinels may follow as host:port";
        if (is_sentinel && text_of_address(word).data == NULL)
            return "must name the engine and a Sentinel: sentinel:NAME@host:port";
        if (sentinel.data != NULL && text_begins_with(text_of_address(word), text_of(unix_prefix)))
            return "must name Sentinels as host:port";
        fault = read_address(text_of_address(word), &address);
        count++;
    }
    return count == 0 ? "has no address" : fault;
}

bool sync_address_next(struct text *rest, struct sync_address *address)
{
    const struct text word = next_word(rest);
    return word.data != NULL && read_address(text_of_address(word), address) == NULL;
}
