/* Which hashes the program computes: by their method, and by what they cost on this machine. */
#ifndef PASSWORD_PASSWORD_POLICY_H
#define PASSWORD_PASSWORD_POLICY_H

#include "base/refcount.h"
#include "config/config.h"
#include "password/password_cost.h"

/* What a unit of work of each method takes here, in ms; 0: not measured yet. One thread at a time uses them.
 * Shared by all that a process loads, so that a reload judges a hash as the start has. */
struct password_units {
    refcount holders;
    double ms[PASSWORD_SCALES];
};

/* One holder. NULL: no memory. */
struct password_units *password_units_new(void);
struct password_units *password_units_hold(struct password_units *units);
void password_units_release(struct password_units *units); /* NULL is allowed */

struct password_policy {
    bool allow_legacy;
    double limit_ms;              /* a hash that takes longer is not computed; 0: no limit */
    struct password_units *units; /* must live as long as the policy is used; NULL: no limit */
};

/* Of a configuration. */
struct password_policy password_policy_of(const struct config *config, struct password_units *units);

/* NULL: the policy admits the hash, whose method this is. Else a sentence with the remedy: it would take
 * longer than the limit, or more than a quarter of this machine's memory.
 *
 * The hash is not computed. Where a machine 32 times slower, or faster, than today's usual ones came to the
 * same conclusion, which are nearly all hashes, nothing is measured, and the result is always the same.
 * Otherwise the cheapest usual cost of the method is measured once, as the least CPU time of several runs,
 * and scaled by the parameters; a hash within some tenths of the limit may be judged differently by two
 * processes then. */
const char *password_policy_fault(const struct password_policy *policy, const struct password_method *method,
                                  struct text hash);

#endif
