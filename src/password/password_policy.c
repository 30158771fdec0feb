#include "password/password_policy.h"

#include <stdlib.h>
#include <unistd.h>

#include "password/password_speed.h"

/* Without measuring, the result is right on machines up to this factor slower or faster than usual. */
static const double span = 32;

static const char too_slow[] = "the hash would take longer on this machine than verify_cost_limit allows; "
                               "set a new secret with tokenctl "
                               "passwd, or raise verify_cost_limit in token.conf";
static const char too_large[] =
    "the hash takes more than a quarter of this machine's memory; set a new secret with tokenctl passwd";

struct password_units *password_units_new(void)
{
    struct password_units *units = calloc(1, sizeof *units);
    if (units != NULL)
        refcount_init(&units->holders);
    return units;
}

struct password_units *password_units_hold(struct password_units *units)
{
    refcount_hold(&units->holders);
    return units;
}

void password_units_release(struct password_units *units)
{
    if (units != NULL && refcount_release(&units->holders))
        free(units);
}

/* Each call is a system call. */
static double quarter_of_memory(void)
{
    const double pages = (double)sysconf(_SC_PHYS_PAGES);
    return pages > 0 ? pages * (double)sysconf(_SC_PAGESIZE) / 4 : 0;
}

struct password_policy password_policy_of(const struct config *config, struct password_units *units)
{
    return (struct password_policy){.allow_legacy = config->allow_legacy_hashes,
                                    .limit_ms = (double)config->verify_cost_limit,
                                    .limit_bytes = quarter_of_memory(),
                                    .units = units};
}

/* Returns the time for one unit of work. If it cannot be measured, for lack of memory for example, returns
 * the usual time. */
static double unit_ms(struct password_units *units, const struct password_scale *scale)
{
    double *ms = &units->ms[scale - password_scales];
    if (*ms == 0 && password_measure_unit(scale, ms) != PASSWORD_MISMATCH) {
        *ms = 0;
        return scale->usual_ns / 1e6;
    }
    return *ms;
}

static bool is_within(const struct password_policy *policy, const struct password_scale *scale,
                      const struct password_cost *cost)
{
    const double usual_ms = scale->usual_ns * cost->work / 1e6;
    if (usual_ms * span <= policy->limit_ms)
        return true;
    if (usual_ms / span > policy->limit_ms)
        return false;
    return unit_ms(policy->units, scale) * cost->work <= policy->limit_ms;
}

const char *password_policy_fault(const struct password_policy *policy, const struct password_method *method,
                                  struct text hash)
{
    struct password_cost cost;
    if (policy->limit_ms == 0 || policy->units == NULL || !password_cost_read(method, hash, &cost))
        return NULL;
    if (!is_within(policy, password_scale_of(method), &cost))
        return too_slow;
    return policy->limit_bytes == 0 || cost.memory <= policy->limit_bytes ? NULL : too_large;
}
