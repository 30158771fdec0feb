/* The cost of a hash, read from its parameters, and the costs of each method that are usual and advised
 * today. */
#ifndef PASSWORD_PASSWORD_COST_H
#define PASSWORD_PASSWORD_COST_H

#include <stdbool.h>
#include <stddef.h>

#include "password/password.h"

struct password_cost {
    struct text setting; /* the hash up to its salt: "$2b$10$", "$y$j9T$", "$6$"; points into the hash */
    double work;         /* the time is proportional to it: rounds, 2^cost, blocks of memory */
    double memory;       /* bytes that a verification needs; 0: a negligible amount */
    bool maps_memory;    /* crypt(3) maps this memory, which can fail */
};

enum { PASSWORD_SCALES = 11, PASSWORD_COUNTS = 5 };

/* The costs of a method. The table has one row per method name. */
struct password_scale {
    const char *method;
    const char *prefix; /* for password_scale_setting() */
    unsigned long
        counts[PASSWORD_COUNTS]; /* usual costs in the unit of crypt_gensalt(3), the cheapest
                                    first; 0: the method has one cost only, or the end of the list */
    double usual_ns;             /* roughly the time for work of 1 on a usual machine */
    double advised;              /* the least work that is advised today; legacy methods: 0 */
    const char *advice;          /* the same in words; legacy methods: NULL */
    bool (*read)(struct text *rest, struct password_cost *cost);
};

extern const struct password_scale password_scales[PASSWORD_SCALES];

const struct password_scale *password_scale_of(const struct password_method *method);

/* Returns a setting of the method for crypt(3) with a fresh salt. `count` is a cost in the unit of
 * crypt_gensalt(3). The caller frees it. NULL with errno set if it fails. */
char *password_scale_setting(const struct password_scale *scale, unsigned long count);

/* Reads the parameters of a hash of `method`, or of a setting. False: crypt(3) does not compute hashes with
 * these parameters, so no secret matches. For the methods that map memory this is exact: if the function
 * returns true, crypt(3) fails only for lack of memory. */
bool password_cost_read(const struct password_method *method, struct text hash, struct password_cost *cost);

#endif
