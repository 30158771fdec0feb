/* Counts in the memory of one process, used while those on disk are not available. The table has a fixed
 * size. If it is full, a new count replaces one that is over, or the one with the fewest failures. */
#ifndef THROTTLE_THROTTLE_MEMORY_H
#define THROTTLE_THROTTLE_MEMORY_H

#include "throttle/throttle_key.h"
#include "throttle/throttle_record.h"

struct throttle_memory;

struct throttle_memory *throttle_memory_new(void); /* NULL if memory runs out */
void throttle_memory_free(struct throttle_memory *memory);

/* The mutex of the table. The caller of the functions below holds it, and keeps it for all calls that belong
 * together. */
void throttle_memory_lock(struct throttle_memory *memory);
void throttle_memory_unlock(struct throttle_memory *memory);

/* Returns the count of `key`, or NULL. The pointer is valid until the next throttle_memory_put(). */
struct throttle_record *throttle_memory_find(struct throttle_memory *memory, const struct throttle_key *key);

/* Stores a count. If there is no free entry, it replaces another count. */
void throttle_memory_put(struct throttle_memory *memory, const struct throttle_key *key,
                         const struct throttle_record *record, const struct throttle_window *window);

/* Removes the count of `key`, if there is one. */
void throttle_memory_remove(struct throttle_memory *memory, const struct throttle_key *key);

#endif
