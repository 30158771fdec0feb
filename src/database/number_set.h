/* A set of the numbers of entries that were received from one sender. They come nearly in order, so it is
 * kept as a few ranges. */
#ifndef DATABASE_NUMBER_SET_H
#define DATABASE_NUMBER_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUMBER_SET_RANGES = 16 };

struct number_range {
    uint64_t first;
    uint64_t last;
};

/* All zero: the empty set. The ranges are sorted and do not touch. */
struct number_set {
    uint64_t count;
    struct number_range ranges[NUMBER_SET_RANGES];
};

bool number_set_contains(const struct number_set *set, uint64_t number);

/* Adds a number. If that takes more ranges than there are, the lowest gap is closed: its numbers count as
 * received, so that an entry may be lost, but none has its effect twice. */
void number_set_add(struct number_set *set, uint64_t number);

/* Returns whether the set could have been made by number_set_add(). */
bool number_set_is_valid(const struct number_set *set);

#endif
