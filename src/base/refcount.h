/* The count of holders of an immutable snapshot. */
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

/* True when that was the last holder: the caller frees. */
static inline bool refcount_release(refcount *count)
{
    return atomic_fetch_sub_explicit(count, 1, memory_order_acq_rel) == 1;
}

#endif
