#include "password/password_speed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { REPETITIONS = 5, LEAST_REPETITIONS = 2, ENOUGH_MS = 60, LONGEST_MS = 200, MOST_MS = 2000 };

/* As long as a secret of --generate: the time of some methods depends on the length. */
static const char secret[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/* Takes the least of several runs: other load on the machine only adds time, and the first run may have to
 * fault in fresh memory. */
enum password_result password_measure(const struct password_method *method, struct text setting, double *ms)
{
    double spent = 0;
    for (int i = 0; i < REPETITIONS && (i < LEAST_REPETITIONS || spent < ENOUGH_MS); i++) {
        const double start = clock_thread_ms();
        const enum password_result result = password_verify(NULL, method, setting, text_of(secret));
        const double took = clock_thread_ms() - start;
        if (result != PASSWORD_MISMATCH && result != PASSWORD_MATCH)
            return result;
        if (i == 0 || took < *ms)
            *ms = took;
        spent += took;
    }
    return PASSWORD_MISMATCH;
}

enum password_result password_measure_unit(const struct password_scale *scale, double *unit_ms)
{
    const struct password_method *method = password_method_named(text_of(scale->method));
    char *setting = password_scale_setting(scale, scale->counts[0]);
    struct password_cost cost;
    if (setting == NULL)
        return errno == ENOMEM ? PASSWORD_NO_MEMORY : PASSWORD_UNUSABLE;
    double ms = 0;
    enum password_result result = PASSWORD_UNUSABLE;
    if (password_cost_read(method, text_of(setting), &cost))
        result = password_measure(method, text_of(setting), &ms);
    if (result == PASSWORD_MISMATCH)
        *unit_ms = ms / cost.work;
    free(setting);
    return result;
}

/* Estimates the time from the cheapest usual cost of the method. */
static enum password_result estimate(struct password_speeds *speeds, const struct password_scale *scale,
                                     const struct password_cost *cost, double *ms)
{
    double *unit_ms = &speeds->unit_ms[scale - password_scales];
    const enum password_result result =
        *unit_ms > 0 ? PASSWORD_MISMATCH : password_measure_unit(scale, unit_ms);
    *ms = *unit_ms * cost->work;
    return result;
}

static const struct password_speed *find_measured(const struct password_speeds *speeds, struct text setting)
{
    for (size_t i = 0; i < speeds->count; i++) {
        if (text_equal(speeds->known[i].setting, setting))
            return &speeds->known[i];
    }
    return NULL;
}

enum password_result password_speed(struct password_speeds *speeds, const struct password_method *method,
                                    struct text hash, const struct password_cost *cost, double *ms)
{
    const struct password_speed *known = find_measured(speeds, cost->setting);
    if (known != NULL) {
        *ms = known->ms;
        return known->result;
    }
    const enum password_result result = estimate(speeds, password_scale_of(method), cost, ms);
    if (result != PASSWORD_MISMATCH || *ms > LONGEST_MS || speeds->spent_ms > MOST_MS ||
        speeds->count == PASSWORD_SPEEDS)
        return result;
    struct password_speed *speed = &speeds->known[speeds->count++];
    *speed = (struct password_speed){.setting = cost->setting, .ms = *ms};
    const double start = clock_thread_ms();
    speed->result = password_measure(method, hash, &speed->ms);
    speeds->spent_ms += clock_thread_ms() - start;
    *ms = speed->ms;
    return speed->result;
}
