/* How long a hash takes on this machine. */
#ifndef PASSWORD_PASSWORD_SPEED_H
#define PASSWORD_PASSWORD_SPEED_H

#include "password/password_cost.h"

enum { PASSWORD_SPEEDS = 64 };

/* Hashes with a setting, or again with a hash: a few times where it is quick. `*ms`: the least CPU time of
 * this thread. PASSWORD_MISMATCH: measured; PASSWORD_UNUSABLE or PASSWORD_NO_MEMORY: it cannot be. */
enum password_result password_measure(const struct password_method *method, struct text setting, double *ms);

/* The same of the cheapest usual cost of a method, for work of 1. */
enum password_result password_measure_unit(const struct password_scale *scale, double *unit_ms);

/* What was measured already. Begins as {0}. */
struct password_speeds {
    struct password_speed {
        struct text setting; /* of the hash that was measured, which must live as long */
        enum password_result result;
        double ms;
    } known[PASSWORD_SPEEDS];
    size_t count;
    double
        unit_ms[PASSWORD_SCALES]; /* a method's time for work of 1, by its cheapest usual cost; 0: not yet */
    double spent_ms;
};

/* The same of a hash that somebody else chose the cost of. Each setting is measured once; and what would take
 * longer than a fifth of a second is not run but reckoned from a cheaper one of its method, and so is
 * whatever comes when two seconds were spent or PASSWORD_SPEEDS were measured. */
enum password_result password_speed(struct password_speeds *speeds, const struct password_method *method,
                                    struct text hash, const struct password_cost *cost, double *ms);

#endif
