/* Selects the counts that an attempt falls under. The number of counts is limited in total, per netblock and
 * per source. Beyond these quotas an attempt shares a count with others. */
#ifndef THROTTLE_THROTTLE_QUOTA_H
#define THROTTLE_THROTTLE_QUOTA_H

#include "throttle/throttle_table.h"

struct throttle_quota {
    size_t in_all;    /* the total number of counts */
    size_t netblock;  /* counts per netblock */
    size_t of_source; /* counts per source */
};

struct throttle_count {
    struct throttle_key key;
    struct throttle_record record; /* as of now: aged */
    struct throttle_record stored; /* as it was read from the store */
    bool is_stored;
};

struct throttle_counts {
    struct throttle_count netblock;
    struct throttle_count source;
    struct throttle_count pair;
    /* Where the attempt is counted. */
    struct throttle_count *of_source; /* the source's, or the netblock's if that has no quota left */
    struct throttle_count
        *of_pair; /* the pair's, or the overflow of the source; NULL: the netblock has no quota left */
};

/* Finds the counts of a pair, or those that it would get. */
void throttle_counts_find(struct throttle_counts *counts, struct throttle_txn *txn,
                          const struct throttle_key *pair, const struct throttle_quota *quota);

/* Makes sure that the counts of one attempt fit: removes counts that are over, or else the least one. Call it
 * before counts are found that will be saved. */
void throttle_quota_evict(struct throttle_txn *txn, const struct throttle_quota *quota);

/* Writes counts that have changed, and removes those that hold nothing. */
void throttle_counts_save(struct throttle_counts *counts, struct throttle_txn *txn);

/* Removes the count of `key`, whatever it holds. One that has other counts below it is only cleared. */
void throttle_quota_remove(struct throttle_txn *txn, const struct throttle_key *key);

#endif
