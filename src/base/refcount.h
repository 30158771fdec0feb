/* The reference count of an immutable object. */
#ifndef BASE_REFCOUNT_H
#define BASE_REFCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>

typedef atomic_uint refcount;

static inline void refcount_init(refcount *count)
{
    atomic_init(count, 1);
}

static inline void refcount_hold(refcount *count)
{
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

/* Returns true for the last reference: the caller frees the object. */
static inline bool refcount_release(refcount *count)
{
    return atomic_fetch_sub_explicit(count, 1, memory_order_acq_rel) == 1;
}

#endif
