/* Functions of a shared library that is loaded when they are needed. */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

struct library_function {
    const char *name;
    size_t place; /* offset of the pointer to it in the structure that library_load() fills */
};

/* Loads the library `file`, which is never unloaded, and stores its functions in `structure`. Returns NULL,
 * or the reason why that failed, which the next call of dlerror() or of this function overwrites. */
const char *library_load(const char *file, const struct library_function *functions, size_t count,
                         void *structure);

#endif
