/* The keys under which failures are counted: a client_id from a source, a source, and its netblock. The keys
 * of one netblock are adjacent in the order of LMDB. */
#ifndef THROTTLE_THROTTLE_KEY_H
#define THROTTLE_THROTTLE_KEY_H

#include "base/cidr.h"
#include "base/text.h"

enum throttle_level {
    THROTTLE_NETBLOCK, /* the IPv4 /24 or IPv6 /48 */
    THROTTLE_SOURCE,   /* the IPv4 address, the IPv6 /64, or one link-local address */
    THROTTLE_OVERFLOW, /* of a source: all client_ids that have no count of their own */
    THROTTLE_PAIR,     /* of a source: one client_id */
    THROTTLE_LONG_PAIR,
    THROTTLE_NO_COUNT = 255, /* not a count: the cursor, which sorts after all counts */
};

/* The size of a client_id in a key. A longer one is truncated, and ends in a digest of all of it. */
enum { THROTTLE_CLIENT_ID_SIZE = 128, THROTTLE_DIGEST_SIZE = 16, THROTTLE_HEAD_SIZE = 17 };

struct throttle_key {
    unsigned char bytes[THROTTLE_HEAD_SIZE + THROTTLE_CLIENT_ID_SIZE];
    size_t size;
};

/* Returns the key of `level` for a source. NULL stands for an unknown source; all unknown sources share one
 * key. Only THROTTLE_PAIR uses `client_id`. */
struct throttle_key throttle_key_of(enum throttle_level level, const struct address *source,
                                    struct text client_id);

/* Reads a key from stored bytes. Returns false if they are not a key. */
bool throttle_key_read(const void *bytes, size_t size, struct throttle_key *key);

/* Returns the key of a higher level for the same source. */
struct throttle_key throttle_key_above(const struct throttle_key *key, enum throttle_level level);

/* Returns the key that sorts before all others. */
struct throttle_key throttle_key_lowest(void);

/* Sets `key` to the smallest key that is greater than it. */
void throttle_key_advance(struct throttle_key *key);

bool throttle_key_equal(const struct throttle_key *one, const struct throttle_key *other);

enum throttle_level throttle_key_level(const struct throttle_key *key);

/* Returns the network that the key counts for. For an unknown source, throttle_key_is_unknown() returns true
 * and the network means nothing. */
struct network throttle_key_network(const struct throttle_key *key);
bool throttle_key_is_unknown(const struct throttle_key *key);

/* Returns the client_id of a pair, or absent for other levels. If throttle_key_is_cut(), it is only the start
 * of the client_id. It points into `key`. */
struct text throttle_key_client_id(const struct throttle_key *key);
bool throttle_key_is_cut(const struct throttle_key *key);

/* Returns whether both keys are those of pairs, of the same client_id. */
bool throttle_key_has_client_id_of(const struct throttle_key *key, const struct throttle_key *pair);

#endif
