/* Secrets in memory: wiped on every path, compared in constant time. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites the memory; the compiler does not remove the call. NULL with size 0 is allowed. */
void secret_wipe(void *data, size_t size);

/* Wipes, then frees; NULL is allowed. Nothing secret may be in the memory beyond `size`. */
void secret_free(void *data, size_t size);

/* For a free() that wipes: returns whether secret_free() has just wiped the memory. */
bool secret_is_wiped(const void *data);

/* Compares in a time that depends only on `size`. */
bool secret_equal(const void *a, const void *b, size_t size);

/* Fills `out` from the operating system's random generator. Returns false if it fails. */
bool secret_random(void *out, size_t size);

#endif
