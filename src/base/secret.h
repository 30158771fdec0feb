/* Secrets in memory: wiped on every path, compared in constant time. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites in a way that the compiler keeps. NULL with size 0 is allowed. */
void secret_wipe(void *data, size_t size);

/* Wipes, then frees; NULL is allowed. */
void secret_free(void *data, size_t size);

/* In a time that depends on `size` alone. */
bool secret_equal(const void *a, const void *b, size_t size);

/* Fills from the operating system's generator. False: none to be had. */
bool secret_random(void *out, size_t size);

#endif
