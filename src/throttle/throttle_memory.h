/* Counts in the memory of one process, for as long as those on disk cannot be had: a fixed number of them;
 * where there is no room, what has passed goes, or what says least. */
#ifndef THROTTLE_THROTTLE_MEMORY_H
#define THROTTLE_THROTTLE_MEMORY_H

#include "throttle/throttle_key.h"
#include "throttle/throttle_record.h"

struct throttle_memory;

struct throttle_memory *throttle_memory_new(void); /* NULL: no memory */
void throttle_memory_free(struct throttle_memory *memory);

/* Held from the first to the last of what belongs together. */
void throttle_memory_lock(struct throttle_memory *memory);
void throttle_memory_unlock(struct throttle_memory *memory);

/* NULL: there is none. Valid until something is put. */
struct throttle_record *throttle_memory_find(struct throttle_memory *memory, const struct throttle_key *key);

/* Where there is no room, something else is forgotten. */
void throttle_memory_put(struct throttle_memory *memory, const struct throttle_key *key,
                         const struct throttle_record *record, const struct throttle_window *window);

/* Nothing happens where there is none. */
void throttle_memory_remove(struct throttle_memory *memory, const struct throttle_key *key);

#endif
