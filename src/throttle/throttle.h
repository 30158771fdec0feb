/* Guesses at secrets, counted by the client_id and the source that they come from, and by the source alone,
 * in the state that all processes share: too many wrong ones, and there is none for a while. A guess counts
 * from the moment its verification starts: in its own process at once, and among all when it ends, where one
 * that finds the limit reached by others is refused, be it right or wrong. So the right ones, unless
 * something has failed before, write nothing.
 *
 * A proven credential is served from memory, so every other answer tells that the secret is not the proven
 * one, and counts:
 * - "Bad credentials" is a failure of the pair and of the source.
 * - A refusal because the source is over its limit is a failure of the pair.
 * - A refusal because too many are in flight, and a verification that could not be done or was given up, are
 * a tenth of a failure of the pair; not so where the same secret was the last one that was counted for the
 * pair, as the answer tells nothing new. So a client that retries after 503 never reaches the limit, however
 * many processes it has.
 * - A refusal because the pair is over its limit counts nothing: it is made before memory is looked at, and
 *   again at the end, where others have reached the limit in the meantime. */
#ifndef THROTTLE_THROTTLE_H
#define THROTTLE_THROTTLE_H

#include "config/config.h"
#include "throttle/throttle_in_flight.h"
#include "throttle/throttle_quota.h"
#include "throttle/throttle_store.h"

struct throttle_limits {
    long failures;        /* of one source on one client_id */
    long source_failures; /* of one source */
    int64_t window_ms;
    struct throttle_quota quota;
};

struct throttle_limits throttle_limits_of(const struct config *config);

enum throttle_verdict {
    THROTTLE_ADMITTED,
    THROTTLE_PAIR_REFUSED,
    THROTTLE_SOURCE_REFUSED,
    THROTTLE_NO_MEMORY,
};

/* One attempt to authenticate. All of it is set before throttle_look(), the rest begins as zero. */
struct throttle_attempt {
    struct throttle_store *state;
    struct log *log; /* for faults of the state */
    struct throttle_limits limits;
    struct throttle_key pair; /* of THROTTLE_PAIR */
    enum throttle_auth_method auth_method;
    struct throttle_secret secret; /* to be set before all but throttle_look(); not for a remembered match */

    long wait;                             /* of a refusal: seconds */
    long failures_of_pair;                 /* whole ones, as throttle_look() has found them */
    bool is_begun;                         /* throttle_begin() has admitted it */
    bool is_method_fallback;               /* of a failure that was counted when it came the other way */
    bool is_too_many_in_flight;            /* why throttle_begin() has refused it, and not the counts */
    struct throttle_in_flight_attempt run; /* while its verification is under way; until throttle_end() the
                                guess stays where it is */
    enum throttle_verdict refusal;         /* of throttle_begin(); THROTTLE_ADMITTED: none */
};

/* What has come of it. THROTTLE_NOT_VERIFIED: throttle_begin() has refused it, or the verification could not
 * be done (the queue is full, memory is out). */
enum throttle_outcome { THROTTLE_MATCH, THROTTLE_MISMATCH, THROTTLE_NOT_VERIFIED };

/* `now_ms` is of clock_now_ms(). All of these may be called by any thread, each on a guess of its own. */

/* Before anything else: whether the pair is refused. It only reads, unless the clock was set back. A pair
 * without a count of its own, for want of room, is refused with those that it is counted with. */
enum throttle_verdict throttle_look(struct throttle_attempt *attempt, int64_t now_ms);

/* Whether as many attempts of the pair as may fail are in flight in this process, beside what has failed.
 * Then throttle_look_beside_others() decides, for which the secret is to be set: the same one is admitted,
 * any other one refused before memory is looked at, and counted. */
bool throttle_is_crowded(const struct throttle_attempt *attempt);
enum throttle_verdict throttle_look_beside_others(struct throttle_attempt *attempt, int64_t now_ms);

/* Before something is verified, or waits for a verification in flight; whoever finds the credential proven
 * never calls it. The same credential of the same pair that is being verified already is admitted and counted
 * when it has failed. May be called again, with the same result; whoever has called it calls throttle_end().
 */
enum throttle_verdict throttle_begin(struct throttle_attempt *attempt, int64_t now_ms);

/* Once, in the end, also where nothing was verified because the result was remembered; but not where
 * a look has refused. Counts, and returns the verdict that is to be answered: THROTTLE_ADMITTED
 * means that the outcome is. A remembered match is not refused because of its source. THROTTLE_NO_MEMORY:
 * nothing was counted. */
enum throttle_verdict throttle_end(struct throttle_attempt *attempt, enum throttle_outcome outcome,
                                   int64_t now_ms);

#endif
