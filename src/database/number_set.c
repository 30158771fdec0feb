#include "database/number_set.h"

#include <string.h>

/* Returns the index of the first range that ends at or behind `number`, or the count. Numbers come at the
 * end, so the search begins there. */
static size_t find_range(const struct number_set *set, uint64_t number)
{
    size_t i = (size_t)set->count;
    while (i > 0 && set->ranges[i - 1].last >= number)
        i--;
    return i;
}

bool number_set_contains(const struct number_set *set, uint64_t number)
{
    const size_t i = find_range(set, number);
    return i < set->count && set->ranges[i].first <= number;
}

static void remove_range(struct number_set *set, size_t i)
{
    set->count--;
    memmove(&set->ranges[i], &set->ranges[i + 1], (size_t)(set->count - i) * sizeof *set->ranges);
}

static void insert_range(struct number_set *set, size_t i, uint64_t number)
{
    memmove(&set->ranges[i + 1], &set->ranges[i], (size_t)(set->count - i) * sizeof *set->ranges);
    set->ranges[i] = (struct number_range){number, number};
    set->count++;
}

void number_set_add(struct number_set *set, uint64_t number)
{
    size_t i = find_range(set, number);
    if (i < set->count && set->ranges[i].first <= number)
        return;
    const bool touches_before = i > 0 && set->ranges[i - 1].last + 1 == number;
    const bool touches_behind = i < set->count && set->ranges[i].first - 1 == number;
    if (touches_before && touches_behind) {
        set->ranges[i - 1].last = set->ranges[i].last;
        remove_range(set, i);
    } else if (touches_before)
        set->ranges[i - 1].last = number;
    else if (touches_behind)
        set->ranges[i].first = number;
    else if (set->count < NUMBER_SET_RANGES)
        insert_range(set, i, number);
    else if (i == 0) /* the lowest gap would be the one behind it */
        set->ranges[0].first = number;
    else {
        set->ranges[0].last = set->ranges[1].last;
        remove_range(set, 1);
        if (i > 1)
            insert_range(set, i - 1, number);
    }
}

bool number_set_is_valid(const struct number_set *set)
{
    if (set->count > NUMBER_SET_RANGES)
        return false;
    for (size_t i = 0; i < set->count; i++) {
        const struct number_range *range = &set->ranges[i];
        if (range->first == 0 || range->first > range->last ||
            (i > 0 && (range->first <= set->ranges[i - 1].last + 1 || set->ranges[i - 1].last == UINT64_MAX)))
            return false;
    }
    return true;
}
