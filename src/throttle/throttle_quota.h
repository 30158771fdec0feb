/* Which counts a guess falls under, and room for them. There is room for so many counts in all, so many of
 * one network and so many of one source; beyond those a guess is counted together with others. */
#ifndef THROTTLE_THROTTLE_QUOTA_H
#define THROTTLE_THROTTLE_QUOTA_H

#include "throttle/throttle_txn.h"

struct throttle_quota {
    size_t in_all;    /* counts */
    size_t netblock;  /* of one network */
    size_t of_source; /* of one source */
};

struct throttle_count {
    struct throttle_key key;
    struct throttle_record record; /* aged */
    struct throttle_record stored; /* as it was read */
    bool is_stored;
};

struct throttle_counts {
    struct throttle_count netblock;
    struct throttle_count source;
    struct throttle_count pair;
    /* Where the guess is counted. */
    struct throttle_count *of_source; /* the source's, or the network's where that is full */
    struct throttle_count *of_pair;   /* the pair's, or the source's others; NULL: the network is full */
};

/* Finds the counts of a pair, or those that it would have. */
void throttle_counts_find(struct throttle_counts *counts, struct throttle_txn *transaction,
                          const struct throttle_key *pair, const struct throttle_quota *quota);

/* The same, and makes room. */
void throttle_counts_load(struct throttle_counts *counts, struct throttle_txn *transaction,
                          const struct throttle_key *pair, const struct throttle_quota *quota);

/* Writes what has changed, and removes what says nothing. */
void throttle_counts_save(struct throttle_counts *counts, struct throttle_txn *transaction);

/* Removes one count, whatever it says; one that has others below it is cleared. */
void throttle_quota_remove(struct throttle_txn *transaction, const struct throttle_key *key);

#endif
