/* Lists and clears counts, for the administrator (tokenctl). */
#ifndef THROTTLE_THROTTLE_LIST_H
#define THROTTLE_THROTTLE_LIST_H

#include "throttle/throttle.h"

struct throttle_entry {
    struct throttle_key key;
    uint64_t failures;     /* whole failures */
    unsigned tenths;       /* of a failure, in addition: 0 to 9 */
    int64_t since;         /* Unix time of the first failure, or of the one that reached the limit */
    int64_t refused_until; /* Unix time; 0: not refused */
};

struct throttle_list {
    struct throttle_entry *entries;
    size_t count;
    size_t capacity;
};

enum throttle_list_result {
    THROTTLE_LISTED,
    THROTTLE_LIST_NO_MEMORY,
    THROTTLE_LIST_DEGRADED /* the store is degraded: the counts on disk cannot be read; the log says why */
};

/* Loads all counts that have failures; those of one netblock are adjacent. The caller calls
 * throttle_list_free(), whatever the result. */
enum throttle_list_result throttle_list_load(struct throttle_store *store, struct log *log,
                                             const struct throttle_limits *limits, int64_t now_ms,
                                             struct throttle_list *list);
void throttle_list_free(struct throttle_list *list);

/* Clears the counts of `client_id` from any source, and those of all addresses in the network `around` (NULL:
 * none). `*cleared` receives their number. */
enum throttle_list_result throttle_list_clear(struct throttle_store *store, struct log *log,
                                              const struct throttle_limits *limits, int64_t now_ms,
                                              struct text client_id, const struct network *around,
                                              size_t *cleared);

/* Returns how many entries of the list throttle_list_clear() would clear. */
size_t throttle_list_count(const struct throttle_list *list, struct text client_id,
                           const struct network *around);

/* Clears the counts that the event, a THROTTLE_EVENT_CLEAR, is for. Returns their number. */
size_t throttle_list_apply_clear(struct throttle_txn *txn, const struct throttle_event *clear);

#endif
