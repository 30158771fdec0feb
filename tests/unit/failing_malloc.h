/* Memory that runs out when a test says so. Include it in the one file of a test. Under ThreadSanitizer,
 * which starts too late for it, and under valgrind, which has a malloc() of its own, these tests are skipped.
 */
#ifndef FAILING_MALLOC_H
#define FAILING_MALLOC_H

#include "fixture.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#define REAL(function) __interceptor_##function
#else
#define REAL(function) __libc_##function
#endif

/* How many allocations of this thread still succeed; negative: all. */
static _Thread_local long allocations_left = -1;

/* Whatever is larger fails, in any thread. */
__attribute__((unused)) static _Atomic size_t largest_allocation = SIZE_MAX;

/* Allocations of this size fail each time; 0: none do. */
__attribute__((unused)) static _Thread_local size_t failing_size;

/* Whether memory is there again after the one that failed; `allocations_left` is then negative. */
__attribute__((unused)) static bool one_allocation_fails;

#ifndef __SANITIZE_THREAD__
extern void *REAL(malloc)(size_t size);
extern void *REAL(calloc)(size_t count, size_t size);
extern void *REAL(realloc)(void *old, size_t size);

static bool allocation_fails(size_t size)
{
    if (size > largest_allocation || (size == failing_size && size > 0)) {
        errno = ENOMEM;
        return true;
    }
    if (allocations_left < 0)
        return false;
    if (allocations_left == 0) {
        errno = ENOMEM;
        if (one_allocation_fails)
            allocations_left = -1;
        return true;
    }
    allocations_left--;
    return false;
}

void *malloc(size_t size)
{
    return allocation_fails(size) ? NULL : REAL(malloc)(size);
}

void *calloc(size_t count, size_t size)
{
    return allocation_fails(count * size) ? NULL : REAL(calloc)(count, size);
}

void *realloc(void *old, size_t size)
{
    return allocation_fails(size) ? NULL : REAL(realloc)(old, size);
}
#endif

#ifdef STRDUP_NEVER_FAILS
/* json-c copies the names of members with it while it reads, and does not look whether it could. */
char *strdup(const char *string)
{
    static void *(*volatile allocate)(size_t) = malloc; /* a compiler knows that malloc() reads no variable */
    const size_t size = strlen(string) + 1;
    const long left = allocations_left;
    const size_t failing = failing_size;
    allocations_left = -1;
    failing_size = 0;
    char *copy = allocate(size);
    allocations_left = left;
    failing_size = failing;
    return memcpy(copy, string, size);
}
#endif

/* At the start of a test that sets allocations_left. */
static inline void skip_unless_malloc_fails(void)
{
    void *(*volatile allocate)(size_t) = malloc; /* a compiler may leave a plain call out */
    allocations_left = 0;
    void *probe = allocate(1);
    allocations_left = -1;
    if (probe == NULL)
        return;
    free(probe);
    skip();
}

#endif
