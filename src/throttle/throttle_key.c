#include "throttle/throttle_key.h"

#include <nettle/sha2.h>
#include <string.h>

enum { LEVEL_AT = THROTTLE_HEAD_SIZE - 1, CUT_SIZE = THROTTLE_CLIENT_ID_SIZE - THROTTLE_DIGEST_SIZE };

/* A multicast address, which is never a source. */
static const struct address unknown = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

/* The prefix lengths of a source and of its netblock, by the kind of address: the first row that contains the
 * address applies. No prefix is shorter than that of its row's kind, so a masked address stays in its row. A
 * host has an IPv6 /64, but all hosts of a link share fe80::/64, and all of the IPv4 Internet shares the /96
 * that translators put before it (RFC 6052 §2.1). */
static const struct {
    struct network kind;
    unsigned source;
    unsigned netblock;
} prefixes[] = {
    {{{{[10] = 0xff, [11] = 0xff}}, 96}, 128, 120}, /* IPv4 */
    {{{{0xfe, 0x80}}, 10}, 128, 48},
    {{{{0x00, 0x64, 0xff, 0x9b}}, 48}, 128, 120},
    {{{{0}}, 0}, 64, 48},
};

static struct network network_of(enum throttle_level level, const struct address *source)
{
    size_t row = 0;
    while (!network_contains(&prefixes[row].kind, source))
        row++;
    return network_around(source, level == THROTTLE_NETBLOCK ? prefixes[row].netblock : prefixes[row].source);
}

/* The digest is not a secret: it only distinguishes long client_ids that start alike. */
static void put_client_id(struct throttle_key *key, struct text client_id)
{
    struct sha256_ctx sha256;
    unsigned char *target = key->bytes + THROTTLE_HEAD_SIZE;
    if (client_id.length <= THROTTLE_CLIENT_ID_SIZE) {
        memcpy(target, client_id.data, client_id.length);
        key->size += client_id.length;
        return;
    }
    memcpy(target, client_id.data, CUT_SIZE);
    sha256_init(&sha256);
    sha256_update(&sha256, client_id.length, (const unsigned char *)client_id.data);
    sha256_digest(&sha256, THROTTLE_DIGEST_SIZE, target + CUT_SIZE);
    key->bytes[LEVEL_AT] = THROTTLE_LONG_PAIR;
    key->size += THROTTLE_CLIENT_ID_SIZE;
}

struct throttle_key throttle_key_of(enum throttle_level level, const struct address *source,
                                    struct text client_id)
{
    struct throttle_key key = {.size = THROTTLE_HEAD_SIZE};
    const struct network network = network_of(level, source != NULL ? source : &unknown);
    memcpy(key.bytes, network.address.bytes, sizeof network.address.bytes);
    key.bytes[LEVEL_AT] = (unsigned char)level;
    if (level == THROTTLE_PAIR && client_id.length > 0)
        put_client_id(&key, client_id);
    return key;
}

bool throttle_key_read(const void *bytes, size_t size, struct throttle_key *key)
{
    if (size < THROTTLE_HEAD_SIZE || size > sizeof key->bytes)
        return false;
    *key = (struct throttle_key){.size = size};
    memcpy(key->bytes, bytes, size);
    return key->bytes[LEVEL_AT] <= THROTTLE_LONG_PAIR || key->bytes[LEVEL_AT] == THROTTLE_NO_COUNT;
}

static struct address address_of(const struct throttle_key *key)
{
    struct address address;
    memcpy(address.bytes, key->bytes, sizeof address.bytes);
    return address;
}

struct throttle_key throttle_key_above(const struct throttle_key *key, enum throttle_level level)
{
    const struct address address = address_of(key);
    return throttle_key_of(level, &address, (struct text){NULL, 0});
}

struct throttle_key throttle_key_lowest(void)
{
    return (struct throttle_key){.size = THROTTLE_HEAD_SIZE};
}

/* Bytes are compared, and a prefix sorts before a longer key. */
void throttle_key_advance(struct throttle_key *key)
{
    if (key->size < sizeof key->bytes) {
        key->bytes[key->size++] = 0;
        return;
    }
    for (size_t i = key->size; i > 0 && ++key->bytes[i - 1] == 0; i--)
        ;
}

bool throttle_key_equal(const struct throttle_key *one, const struct throttle_key *other)
{
    return one->size == other->size && memcmp(one->bytes, other->bytes, one->size) == 0;
}

enum throttle_level throttle_key_level(const struct throttle_key *key)
{
    return (enum throttle_level)key->bytes[LEVEL_AT];
}

struct network throttle_key_network(const struct throttle_key *key)
{
    const struct address address = address_of(key);
    return network_of(throttle_key_level(key), &address);
}

bool throttle_key_is_unknown(const struct throttle_key *key)
{
    return key->bytes[0] == unknown.bytes[0];
}

struct text throttle_key_client_id(const struct throttle_key *key)
{
    const char *text = (const char *)key->bytes + THROTTLE_HEAD_SIZE;
    if (throttle_key_level(key) < THROTTLE_PAIR)
        return (struct text){NULL, 0};
    return (struct text){text, throttle_key_is_cut(key) ? CUT_SIZE : key->size - THROTTLE_HEAD_SIZE};
}

bool throttle_key_is_cut(const struct throttle_key *key)
{
    return throttle_key_level(key) == THROTTLE_LONG_PAIR;
}

bool throttle_key_has_client_id_of(const struct throttle_key *key, const struct throttle_key *pair)
{
    return throttle_key_level(key) >= THROTTLE_PAIR && key->size == pair->size &&
           memcmp(key->bytes + LEVEL_AT, pair->bytes + LEVEL_AT, key->size - LEVEL_AT) == 0;
}
