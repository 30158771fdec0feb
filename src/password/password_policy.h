/* Decides which hashes the program computes, by their method and by their cost on this machine. */
#ifndef PASSWORD_PASSWORD_POLICY_H
#define PASSWORD_PASSWORD_POLICY_H

#include "base/refcount.h"
#include "config/config.h"
#include "password/password_cost.h"

/* The time for one unit of work of each method on this machine, in ms; 0: not measured yet. One thread at a
 * time may use it. All account tables that a process loads share it, so that a reload judges a hash as the
 * start did. */
struct password_units {
    refcount holders;
    double ms[PASSWORD_SCALES];
};

/* Returns it with one reference. NULL if memory runs out. */
struct password_units *password_units_new(void);
struct password_units *password_units_hold(struct password_units *units);
void password_units_release(struct password_units *units); /* NULL is allowed */

struct password_policy {
    bool allow_legacy;
    double limit_ms;              /* a hash that takes longer is not computed; 0: no limit */
    double limit_bytes;           /* nor one that takes more memory; 0: no limit */
    struct password_units *units; /* not owned; must outlive the policy. NULL: no limit */
};

/* Returns the policy of a configuration. */
struct password_policy password_policy_of(const struct config *config, struct password_units *units);

/* Returns NULL if the policy admits the hash, whose method is `method`. Otherwise returns a constant sentence
 * with the remedy: the hash would take longer than the limit, or more than a quarter of this machine's
 * memory.
 *
 * The function does not compute the hash. For nearly all hashes it measures nothing: a machine 32 times
 * slower, or faster, than a usual one would come to the same result, so the result never varies. For the
 * others it measures the cheapest usual cost of the method once, as the least CPU time of several runs, and
 * scales it by the parameters. Two processes may then judge a hash differently whose time is within some
 * tenths of the limit. */
const char *password_policy_fault(const struct password_policy *policy, const struct password_method *method,
                                  struct text hash);

#endif
