/* Under what failures are counted: a client_id from a source, a source, and the network around it. The keys
 * of one network stand side by side. */
#ifndef THROTTLE_THROTTLE_KEY_H
#define THROTTLE_THROTTLE_KEY_H

#include "base/cidr.h"
#include "base/text.h"

enum throttle_level {
    THROTTLE_NETBLOCK, /* the IPv4 /24 or IPv6 /48 */
    THROTTLE_SOURCE,   /* the IPv4 address, the IPv6 /64, or one link-local address */
    THROTTLE_OVERFLOW, /* of the source: the client_ids that have no count of their own */
    THROTTLE_PAIR,     /* of the source: one client_id */
    THROTTLE_LONG_PAIR,
    THROTTLE_NO_COUNT = 255, /* kept beside the counts, behind the last of them */
};

/* Bytes of a client_id that are kept; of a longer one the last of these are a digest of the whole. */
enum { THROTTLE_CLIENT_ID_SIZE = 128, THROTTLE_DIGEST_SIZE = 16, THROTTLE_HEAD_SIZE = 17 };

struct throttle_key {
    unsigned char bytes[THROTTLE_HEAD_SIZE + THROTTLE_CLIENT_ID_SIZE];
    size_t size;
};

/* The key of `level` for a source; NULL: an unknown one, and all of these are one source. `client_id` matters
 * to THROTTLE_PAIR only. */
struct throttle_key throttle_key_of(enum throttle_level level, const struct address *source,
                                    struct text client_id);

/* Reads bytes that were a key's. False: they never were. */
bool throttle_key_read(const void *bytes, size_t size, struct throttle_key *key);

/* The key of another level, above it, of the same source. */
struct throttle_key throttle_key_above(const struct throttle_key *key, enum throttle_level level);

bool throttle_key_equal(const struct throttle_key *one, const struct throttle_key *other);

/* Whether both are of one source; neither is of THROTTLE_NETBLOCK. */
bool throttle_key_is_of_source(const struct throttle_key *one, const struct throttle_key *other);

enum throttle_level throttle_key_level(const struct throttle_key *key);

/* What it counts for. An unknown source is told by throttle_key_is_unknown(). */
struct network throttle_key_network(const struct throttle_key *key);
bool throttle_key_is_unknown(const struct throttle_key *key);

/* Absent where it is no pair; of a long one the beginning. */
struct text throttle_key_client_id(const struct throttle_key *key);
bool throttle_key_is_cut(const struct throttle_key *key);

#endif
