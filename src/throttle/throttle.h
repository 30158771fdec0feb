/* Limits failed attempts to authenticate. Failures are counted per pair (client_id and source) and per
 * source, in a store that all processes share. At the limit, further attempts are refused until the window is
 * over.
 *
 * An attempt counts as a failure from the moment its verification is admitted, in all processes. When it ends
 * in a match, what it counted is taken back, and the failures of its pair are cleared. If its process is
 * killed, it stays counted.
 *
 * A proven credential is answered from the credential cache. Every other answer therefore reveals that the
 * secret is not the proven one, and counts:
 * - "Bad credentials" is a failure of the pair and of the source.
 * - A refusal because the source is over its limit is a failure of the pair.
 * - A client that gives up while it waits for a verification also learns this. It is a failure of the pair
 *   and of the source.
 * - A refusal because too many attempts are in flight, or a verification that failed, is a tenth of a failure
 *   of the pair.
 * - The last two count nothing if the same secret was the last one counted for the pair, as they reveal
 *   nothing new. So a client that retries after 503 or a timeout never reaches the limit, however many
 *   processes it has.
 * - A refusal because the pair is over its limit counts nothing: it is made before the cache is consulted,
 *   and again before a match from the cache is answered.
 *
 * The secret that was counted last for a pair may be tried again at the same time, however often: that counts
 * only if it fails. So a client with many processes is not refused.
 *
 * An attempt that tries two client_ids counts for both pairs, and once for the source. It is refused if
 * either pair is. A success clears the pair that it proves, and no other: otherwise a client could clear the
 * failures of a client_id that is not its own. */
#ifndef THROTTLE_THROTTLE_H
#define THROTTLE_THROTTLE_H

#include "config/config.h"
#include "throttle/throttle_quota.h"
#include "throttle/throttle_store.h"

struct throttle_limits {
    long failures;        /* of one pair */
    long source_failures; /* of one source */
    int64_t window_ms;
    bool is_shared; /* other machines are to learn what is counted: see throttle_event.h */
    struct throttle_quota quota;
};

struct throttle_limits throttle_limits_of(const struct config *config);

/* If the pairs of an attempt differ in their verdicts, the greatest one holds. */
enum throttle_verdict {
    THROTTLE_ADMITTED,
    THROTTLE_SOURCE_REFUSED,
    THROTTLE_PAIR_REFUSED,
    THROTTLE_NO_MEMORY,
};

/* One client_id that an attempt tries, with its secret. The caller sets the first two members. */
struct throttle_pair {
    struct throttle_key key;       /* of level THROTTLE_PAIR */
    struct throttle_secret secret; /* not needed by throttle_check(), nor for a match from the cache */

    enum throttle_pair_state {
        THROTTLE_PAIR_COUNTED,         /* counted in `count` as an attempt in flight */
        THROTTLE_PAIR_REPEATED,        /* repeats the secret counted last: counts if it fails */
        THROTTLE_PAIR_METHOD_FALLBACK, /* repeats a counted failure with the other auth_method: counts nothing
                                        */
    } state;
    struct throttle_key count;
};

/* HTTP Basic has two decodings, which may name two client_ids. */
enum { THROTTLE_PAIRS = 2 };

/* One attempt to authenticate. The caller sets the first block of members before throttle_check(), and zero
 * in the others. */
struct throttle_attempt {
    struct throttle_store *store;
    struct log *log; /* receives faults of the store */
    struct throttle_limits limits;
    struct throttle_pair pairs[THROTTLE_PAIRS]; /* of one source */
    size_t pair_count;
    size_t proven; /* index of the pair that THROTTLE_MATCH has proven */
    enum throttle_auth_method auth_method;

    long wait;                     /* seconds to wait after a refusal */
    bool is_saturated;             /* set by throttle_check(): attempts in flight fill the limit of a pair */
    bool has_failures;             /* set by throttle_check(): in the own count of the pair `proven` */
    bool is_begun;                 /* throttle_begin() has admitted it */
    enum throttle_verdict refusal; /* verdict of throttle_begin(), if it refused */
    struct throttle_key
        of_source; /* the count in which the attempt is in flight for its source; size 0: none */
};

/* The result of an attempt. THROTTLE_NOT_VERIFIED: throttle_begin() refused it, or the verification was not
 * possible (queue full, out of memory). THROTTLE_WITHDRAWN: the client gave up while the attempt waited. */
enum throttle_outcome { THROTTLE_MATCH, THROTTLE_MISMATCH, THROTTLE_WITHDRAWN, THROTTLE_NOT_VERIFIED };

/* `now_ms` comes from clock_now_ms(). Any thread may call the functions below, each thread with its own
 * attempt. */

/* Checks whether a pair is over its limit; call it first. It only reads, unless the clock was set back. A
 * pair that has no count of its own, because the quota is used up, is judged by the count that it shares. If
 * it sets `is_saturated`, the caller sets the secrets and calls throttle_begin() before the cache is
 * consulted. */
enum throttle_verdict throttle_check(struct throttle_attempt *attempt, int64_t now_ms);

/* Admits a verification and counts it, or refuses it and counts what the refusal reveals. Call it before a
 * verification starts or waits for one in flight; it is not needed for a credential that the cache proves.
 * Repeated calls return the same result. If it admits, the caller must call throttle_end(). A
 * refusal is counted already: throttle_end() only returns it again, or clears it for a match from the cache.
 */
enum throttle_verdict throttle_begin(struct throttle_attempt *attempt, int64_t now_ms);

/* Ends the attempt and counts it. Call it exactly once, also for a match from the cache, but not after a
 * refusal of throttle_check(). Returns the verdict to answer with: THROTTLE_ADMITTED means that `outcome`
 * stands. A match from the cache is not refused because of its source. THROTTLE_NO_MEMORY: nothing was
 * counted. */
enum throttle_verdict throttle_end(struct throttle_attempt *attempt, enum throttle_outcome outcome,
                                   int64_t now_ms);

#endif
