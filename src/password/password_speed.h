/* Measures how long a hash takes on this machine. */
#ifndef PASSWORD_PASSWORD_SPEED_H
#define PASSWORD_PASSWORD_SPEED_H

#include "password/password_cost.h"

enum { PASSWORD_SPEEDS = 64 };

/* Hashes a fixed secret with `setting`, which may be a hash, too; several times if that is fast. Sets `*ms`
 * to the least CPU time of this thread. PASSWORD_MISMATCH: measured; PASSWORD_UNUSABLE or PASSWORD_NO_MEMORY:
 * it cannot be measured. */
enum password_result password_measure(const struct password_method *method, struct text setting, double *ms);

/* Measures the cheapest usual cost of a method and sets `*unit_ms` to the time for work of 1. Returns as
 * password_measure(). */
enum password_result password_measure_unit(const struct password_scale *scale, double *unit_ms);

/* The times measured so far. Initialise it with {0}. */
struct password_speeds {
    struct password_speed {
        struct text setting; /* points into the hash that was measured, which must live as long */
        enum password_result result;
        double ms;
    } known[PASSWORD_SPEEDS];
    size_t count;
    double unit_ms[PASSWORD_SCALES]; /* time for work of 1, measured at the cheapest usual cost; 0: not yet */
    double spent_ms;
};

/* Sets `*ms` to the time of a hash whose cost is not under our control, in bounded time. Measures each
 * setting once. Does not compute, but estimates from the cheapest usual cost of the method: a hash that would
 * take longer than 200 ms, and every hash once two seconds are spent or PASSWORD_SPEEDS settings are
 * measured. Returns as password_measure(). */
enum password_result password_speed(struct password_speeds *speeds, const struct password_method *method,
                                    struct text hash, const struct password_cost *cost, double *ms);

#endif
