/* Which counts a guess falls under, and room for them. There is room for so many counts in all, so many of
 * one network and so many of one source; beyond those a guess is counted together with others. */
#ifndef THROTTLE_THROTTLE_QUOTA_H
#define THROTTLE_THROTTLE_QUOTA_H

#include "throttle/throttle_txn.h"

struct throttle_room {
    size_t in_all;    /* counts */
    size_t nearby;    /* of one network */
    size_t of_source; /* of one source */
};

struct throttle_count {
    struct throttle_key key;
    struct throttle_record record; /* aged */
    struct throttle_record stored; /* as it was read */
    bool is_stored;
};

struct throttle_counts {
    struct throttle_count nearby;
    struct throttle_count source;
    struct throttle_count pair;
    /* Where the guess is counted. */
    struct throttle_count *of_source; /* the source's, or the network's where that is full */
    struct throttle_count *of_pair;   /* the pair's, or the source's others; NULL: the network is full */
};

/* Finds the counts of a pair, or those that it would have. */
void throttle_counts_find(struct throttle_counts *counts, struct transaction *transaction,
                          const struct throttle_key *pair, const struct throttle_room *room);

/* The same, and makes room. */
void throttle_counts_load(struct throttle_counts *counts, struct transaction *transaction,
                          const struct throttle_key *pair, const struct throttle_room *room);

/* Writes what has changed, and removes what says nothing. */
void throttle_counts_save(struct throttle_counts *counts, struct transaction *transaction);

/* Removes one count, whatever it says; one that has others below it is cleared. */
void throttle_room_remove(struct transaction *transaction, const struct throttle_key *key);

#endif
