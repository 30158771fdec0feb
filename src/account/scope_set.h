/* The scopes of an account's scope= as a hash set, so that finding repeats and looking up all scopes of a
 * request take linear time. */
#ifndef ACCOUNT_SCOPE_SET_H
#define ACCOUNT_SCOPE_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* The largest list in bytes: an offset into it must fit into 15 bits of a slot. */
enum { SCOPE_LIST_LONGEST = 8192, SCOPE_SET_SLOTS = SCOPE_LIST_LONGEST };

/* 16 KiB, of which a short list uses only a part. */
struct scope_set {
    struct text list;
    size_t slot_count; /* a power of two, at least twice the number of scopes */
    uint16_t slots[SCOPE_SET_SLOTS];
};

/* Fills the set from `list`, which is separated by commas, must live as long as the set, and has at most
 * SCOPE_LIST_LONGEST bytes. An absent list gives the empty set. False: the list repeats a scope; the set
 * contains it once. */
bool scope_set_fill(struct scope_set *set, struct text list);

/* Returns whether the set contains `scope`, which has no comma. */
bool scope_set_holds(const struct scope_set *set, struct text scope);

/* Marks a scope that the set contains. Returns true if it was not marked before. */
bool scope_set_mark(struct scope_set *set, struct text scope);

#endif
