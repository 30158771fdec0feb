/* One count of failures, and the time it counts for. Times are milliseconds of the wall clock, which
 * processes share and restarts keep, and which may jump. */
#ifndef THROTTLE_THROTTLE_RECORD_H
#define THROTTLE_THROTTLE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

/* How credentials were given: by HTTP Basic or in the body. */
enum throttle_auth_method { THROTTLE_AUTH_NONE, THROTTLE_CLIENT_SECRET_BASIC, THROTTLE_CLIENT_SECRET_POST };

/* What tells one wrong secret from another: keyed digests of each reading of it, the same twice where there
 * is one. */
struct throttle_secret {
    uint64_t digests[2];
};

/* All zero: nothing is counted. It is kept on disk as it stands. Files of the program before it counted
 * tenths are read as they are: `way` had eight bytes then, and the upper four were zero. */
struct throttle_record {
    int64_t since_ms;              /* of the first failure, or of the one that reached the limit */
    uint32_t failures;             /* within the window, whole ones */
    uint32_t members;              /* counts below this one, which keep it from being removed; in memory 0 */
    uint32_t auth_method;          /* enum throttle_auth_method of the last failure that was counted */
    uint32_t tenths;               /* of a failure, beside those */
    struct throttle_secret failed; /* the secret that was counted last */
};

/* What is added to a count. */
enum throttle_amount { THROTTLE_TENTH, THROTTLE_FAILURE };

enum { THROTTLE_TENTHS = 10 }; /* that are a failure */

struct throttle_window {
    int64_t now_ms;
    int64_t length_ms;
};

/* Takes off what has passed: failures whose window is over. Where the clock was set back, what seems to come
 * from the future begins now. */
void throttle_record_age(struct throttle_record *record, const struct throttle_window *window);

/* Of an aged record: whether its failures speak against another guess. */
bool throttle_record_is_full(const struct throttle_record *record, long limit);

/* Of one that is full: seconds to wait before another guess. */
long throttle_record_wait(const struct throttle_record *record, const struct throttle_window *window);

void throttle_record_add(struct throttle_record *record, enum throttle_amount amount, long limit,
                         const struct throttle_window *window);

/* Failures and tenths together, in tenths. */
uint64_t throttle_record_tenths(const struct throttle_record *record);

/* Nothing has failed. */
void throttle_record_clear(struct throttle_record *record);

/* Whether it counts anything, be it a tenth of a failure. */
bool throttle_record_has_failures(const struct throttle_record *record);

/* Whether it says nothing and may be removed. */
bool throttle_record_is_empty(const struct throttle_record *record);

/* Whether it says less than `other`, and is the first to go where there is no room. */
bool throttle_record_is_lesser(const struct throttle_record *record, const struct throttle_record *other);

#endif
