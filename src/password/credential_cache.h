/* Keys that are remembered for a while: a fixed number of them; where there is no room the one that would be
 * forgotten first goes. */
#ifndef PASSWORD_CREDENTIAL_CACHE_H
#define PASSWORD_CREDENTIAL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEY_MEMORY_ENTRIES = 65536 };

/* 128 bits of a keyed hash, so that nobody outside can choose where they fall. */
struct memory_key {
    uint64_t words[2];
};

struct key_memory;

struct key_memory *key_memory_new(void); /* NULL: no memory */
void key_memory_free(struct key_memory *memory);

/* Times are seconds of a clock that only goes forward. Threads may share a memory. */
bool key_memory_holds(struct key_memory *memory, struct memory_key key, uint32_t now);
void key_memory_add(struct key_memory *memory, struct memory_key key, uint32_t until);

/* What would be held for longer is held until then. */
void key_memory_shorten(struct key_memory *memory, uint32_t until);

#endif
