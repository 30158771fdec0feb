#include "account/scope_set.h"

#include <string.h>

/* A slot has a flag and the offset of a scope in the list plus one; 0 means empty. */
#define MARKED 0x8000U
#define OFFSET 0x7fffU

static size_t count_scopes(struct text list)
{
    size_t count = 1;
    if (list.data == NULL)
        return 0;
    for (size_t i = 0; i < list.length; i++)
        count += list.data[i] == ',';
    return count;
}

static bool is_at(const struct scope_set *set, size_t offset, struct text scope)
{
    const struct text list = set->list;
    return scope.length <= list.length - offset &&
           memcmp(list.data + offset, scope.data, scope.length) == 0 &&
           (offset + scope.length == list.length || list.data[offset + scope.length] == ',');
}

/* Returns the slot of `scope`, or the empty slot in which to insert it. */
static size_t find_scope(const struct scope_set *set, struct text scope)
{
    const size_t mask = set->slot_count - 1;
    size_t slot = (size_t)text_hash(scope) & mask;
    while (set->slots[slot] != 0 && !is_at(set, (set->slots[slot] & OFFSET) - 1U, scope))
        slot = (slot + 1) & mask;
    return slot;
}

bool scope_set_fill(struct scope_set *set, struct text list)
{
    const size_t count = count_scopes(list);
    bool is_repeated = false;
    set->list = list;
    for (set->slot_count = 1; set->slot_count < 2 * count && set->slot_count < SCOPE_SET_SLOTS;
         set->slot_count *= 2)
        ;
    memset(set->slots, 0, set->slot_count * sizeof *set->slots);
    for (struct text rest = list; rest.data != NULL;) {
        const struct text scope = text_split(&rest, ',');
        const size_t slot = find_scope(set, scope);
        if (set->slots[slot] != 0)
            is_repeated = true;
        else
            set->slots[slot] = (uint16_t)(scope.data - list.data + 1);
    }
    return !is_repeated;
}

bool scope_set_holds(const struct scope_set *set, struct text scope)
{
    return set->slots[find_scope(set, scope)] != 0;
}

bool scope_set_mark(struct scope_set *set, struct text scope)
{
    const size_t slot = find_scope(set, scope);
    const bool is_new = (set->slots[slot] & MARKED) == 0;
    set->slots[slot] |= MARKED;
    return is_new;
}
