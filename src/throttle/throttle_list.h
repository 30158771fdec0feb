/* The counts for an administrator's eyes, and taking them away. */
#ifndef THROTTLE_THROTTLE_LIST_H
#define THROTTLE_THROTTLE_LIST_H

#include "throttle/throttle.h"

struct throttle_entry {
    struct throttle_key key;
    uint64_t failures;     /* whole ones */
    unsigned tenths;       /* of a failure, beyond those: 0 to 9 */
    int64_t since;         /* seconds: the first failure, or the one that reached the limit */
    int64_t refused_until; /* seconds; 0: it is not */
};

struct throttle_list {
    struct throttle_entry *entries;
    size_t count;
    size_t capacity;
};

enum throttle_list_result {
    THROTTLE_LISTED,
    THROTTLE_LIST_NO_MEMORY,
    THROTTLE_LIST_LOST /* told in the log */
};

/* All counts that have failures, those of a network side by side. Free with throttle_list_free(), whatever
 * the result. */
enum throttle_list_result throttle_list_load(struct throttle_store *state, struct log *log,
                                             const struct throttle_limits *limits, int64_t now_ms,
                                             struct throttle_list *list);
void throttle_list_free(struct throttle_list *list);

/* Takes away the counts of a client_id from any source, and those of an address, or of all addresses of a
 * network, and says how many there were; `around` NULL: no address is meant. */
enum throttle_list_result throttle_list_clear(struct throttle_store *state, struct log *log,
                                              const struct throttle_window *window, struct text client_id,
                                              const struct network *around, size_t *cleared);

#endif
