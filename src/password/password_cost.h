/* What a hash costs, by its parameters: they are read, compared with today's advice, and set beside those
 * that are usual. */
#ifndef PASSWORD_PASSWORD_COST_H
#define PASSWORD_PASSWORD_COST_H

#include <stdbool.h>
#include <stddef.h>

#include "password/password.h"

struct password_cost {
    struct text setting; /* the hash up to its salt: "$2b$10$", "$y$j9T$", "$6$"; points into the hash */
    double work;         /* what the time grows with: rounds, 2^cost, blocks of memory */
    double memory;       /* bytes that a verification takes; 0: next to none */
    bool maps_memory;    /* crypt(3) asks the system for them, which may not have them */
};

enum { PASSWORD_SCALES = 11, PASSWORD_COUNTS = 5 };

/* The costs of a method, a row for each name of a method. */
struct password_scale {
    const char *method;
    const char *prefix;                    /* for password_scale_setting() */
    unsigned long counts[PASSWORD_COUNTS]; /* usual costs as crypt_gensalt(3) counts them, the cheapest first;
                                              0: the one that there is, or behind the last */
    double usual_ns;                       /* roughly what work of 1 takes on a usual machine */
    double advised;                        /* the least work that today's advice allows; legacy methods: 0 */
    const char *advice;                    /* the same in words; legacy methods: NULL */
    bool (*read)(struct text *rest, struct password_cost *cost);
};

extern const struct password_scale password_scales[PASSWORD_SCALES];

const struct password_scale *password_scale_of(const struct password_method *method);

/* A setting of the method for crypt(3), with a fresh salt. The caller frees; NULL with errno set. */
char *password_scale_setting(const struct password_scale *scale, unsigned long count);

/* Reads the parameters of a hash of `method`, or of a setting. False: crypt(3) does not compute such ones, so
 * no secret matches. Of the methods that map memory this is exact: it computes whatever is read, or finds no
 * memory. */
bool password_cost_read(const struct password_method *method, struct text hash, struct password_cost *cost);

#endif
