/* The scopes of an account's scope= as a set: repeats and look-ups take linear time, however many there are.
 */
#ifndef ACCOUNT_SCOPE_SET_H
#define ACCOUNT_SCOPE_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* Bytes of a list, so that a place in it fits into a slot beside a flag. */
enum { SCOPE_LIST_LONGEST = 8192, SCOPE_SET_SLOTS = SCOPE_LIST_LONGEST };

/* 16 KiB, of which only as many slots are touched as the list needs. */
struct scope_set {
    struct text list;
    size_t slot_count; /* a power of two, at least twice the number of scopes */
    uint16_t slots[SCOPE_SET_SLOTS];
};

/* Fills the set from `list`, which is separated by commas, lives as long as the set and has
 * SCOPE_LIST_LONGEST bytes at most; absent: the empty set. False: a scope is repeated; it is in the set once.
 */
bool scope_set_fill(struct scope_set *set, struct text list);

/* `scope` has no comma in it. */
bool scope_set_holds(const struct scope_set *set, struct text scope);

/* Marks a scope of the set. True: it was not marked before. */
bool scope_set_mark(struct scope_set *set, struct text scope);

#endif
