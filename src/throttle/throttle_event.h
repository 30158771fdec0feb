/* What one machine tells the others about its counts.
 *
 * It tells of an attempt when that is admitted, as it counts from then on, too: a hash takes long enough for
 * an attacker to fill the limit of each machine. And it tells how the attempt has ended: until then the
 * others count it as in flight, as this machine does, so that a refusal because of it says that it is over
 * soon. The secret counted last is not counted again, so that a client with good credentials counts once for
 * each machine at most, until the first match.
 *
 * A match tells how much it took back, not that the count is zero: additions and subtractions have the same
 * sum in any order, so that all machines come to the same count. */
#ifndef THROTTLE_THROTTLE_EVENT_H
#define THROTTLE_THROTTLE_EVENT_H

#include "throttle/throttle_key.h"

enum throttle_event_type {
    THROTTLE_EVENT_TENTH = 1,       /* a tenth of a failure of the pair */
    THROTTLE_EVENT_PAIR,            /* a failure of the pair */
    THROTTLE_EVENT_PAIR_AND_SOURCE, /* and of its source */
    THROTTLE_EVENT_PAIR_BEGUN,      /* an attempt in flight, which counts as a failure until it ends */
    THROTTLE_EVENT_PAIR_AND_SOURCE_BEGUN,
    THROTTLE_EVENT_MATCH,       /* takes back `tenths` of the pair */
    THROTTLE_EVENT_PAIR_FAILED, /* the attempt in flight has failed */
    THROTTLE_EVENT_PAIR_AND_SOURCE_FAILED,
    THROTTLE_EVENT_PAIR_BACK, /* it counts nothing */
    THROTTLE_EVENT_PAIR_AND_SOURCE_BACK,
    THROTTLE_EVENT_CLEAR, /* the administrator clears counts: see throttle_list_clear() */
};

struct throttle_event {
    enum throttle_event_type type;
    int64_t time_ms;
    uint32_t tenths; /* of THROTTLE_EVENT_MATCH; else 0 */
    /* The pair. Of THROTTLE_EVENT_CLEAR: the client_id of any source, in the key of an unknown one. */
    struct throttle_key key;
    bool has_network; /* of THROTTLE_EVENT_CLEAR: all addresses of this network are meant, too */
    struct network network;
};

enum { THROTTLE_EVENT_SIZE = 1 + 8 + 4 + 1 + sizeof(((struct throttle_key *)NULL)->bytes) + 17 };

/* Writes at most THROTTLE_EVENT_SIZE bytes, and returns their number. */
size_t throttle_event_write(const struct throttle_event *event, unsigned char *out);

/* Returns false unless the bytes are those of an event. */
bool throttle_event_read(const void *bytes, size_t size, struct throttle_event *event);

#endif
