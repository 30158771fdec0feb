/* Memory that runs out when a test says so. Include it in the one file of a test. */
#ifndef FAILING_MALLOC_H
#define FAILING_MALLOC_H

#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define REAL(function) __interceptor_##function
#endif
#endif
#if !defined(REAL) && (defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__))
#define REAL(function) __interceptor_##function
#endif
#ifndef REAL
#define REAL(function) __libc_##function
#endif

extern void *REAL(malloc)(size_t size);
extern void *REAL(calloc)(size_t count, size_t size);
extern void *REAL(realloc)(void *old, size_t size);

/* How many allocations still succeed; negative: all. */
static long allocations_left = -1;

static bool allocation_fails(void)
{
    if (allocations_left < 0)
        return false;
    if (allocations_left == 0) {
        errno = ENOMEM;
        return true;
    }
    allocations_left--;
    return false;
}

void *malloc(size_t size)
{
    return allocation_fails() ? NULL : REAL(malloc)(size);
}

void *calloc(size_t count, size_t size)
{
    return allocation_fails() ? NULL : REAL(calloc)(count, size);
}

void *realloc(void *old, size_t size)
{
    return allocation_fails() ? NULL : REAL(realloc)(old, size);
}

#endif
