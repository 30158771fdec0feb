#include "throttle/throttle.h"

#include "throttle/throttle_charge.h"

enum { MS_PER_SECOND = 1000 };

/* At most about 20 MB on disk. */
static const struct throttle_quota default_quota = {.in_all = 65536, .netblock = 4096, .of_source = 256};

struct throttle_limits throttle_limits_of(const struct config *config)
{
    return (struct throttle_limits){
        .failures = config->throttle_failures,
        .source_failures = config->throttle_source_failures,
        .window_ms = (int64_t)config->throttle_window * MS_PER_SECOND,
        .is_shared = config->sync != NULL,
        .quota = default_quota,
    };
}

static struct throttle_window window_of(const struct throttle_attempt *attempt, int64_t now_ms)
{
    return (struct throttle_window){now_ms, attempt->limits.window_ms};
}

/* --- Judging --- */

/* The greatest one of the pairs holds. */
enum judgement {
    JUDGED_GOOD,
    JUDGED_SOURCE_IN_FLIGHT, /* attempts in flight fill the limit of the source */
    JUDGED_PAIR_IN_FLIGHT,
    JUDGED_SOURCE_FULL,
    JUDGED_PAIR_FULL,
};

static const enum throttle_verdict verdicts[] = {
    [JUDGED_GOOD] = THROTTLE_ADMITTED,
    [JUDGED_SOURCE_IN_FLIGHT] = THROTTLE_SOURCE_REFUSED,
    [JUDGED_PAIR_IN_FLIGHT] = THROTTLE_PAIR_REFUSED,
    [JUDGED_SOURCE_FULL] = THROTTLE_SOURCE_REFUSED,
    [JUDGED_PAIR_FULL] = THROTTLE_PAIR_REFUSED,
};

/* Sets the seconds to wait after a refusal; attempts in flight end soon. If the netblock has no quota left
 * for the pair, the netblock's count is used for both: it counts beyond the limit of the source, by as many
 * failures as a pair may have. */
static enum judgement judge_attempt(const struct throttle_limits *limits,
                                    const struct throttle_counts *counts,
                                    const struct throttle_window *window, long *wait)
{
    const struct throttle_record *source = &counts->of_source->record;
    const bool has_count = counts->of_pair != NULL;
    const struct throttle_record *pair = has_count ? &counts->of_pair->record : source;
    const enum throttle_fullness of_pair =
        throttle_record_fullness(pair, limits->failures + (has_count ? 0 : limits->source_failures));
    const enum throttle_fullness of_source = throttle_record_fullness(source, limits->source_failures);
    if (of_pair == THROTTLE_FULL || of_source == THROTTLE_FULL) {
        *wait = throttle_record_wait(of_pair == THROTTLE_FULL ? pair : source, window);
        return of_pair == THROTTLE_FULL ? JUDGED_PAIR_FULL : JUDGED_SOURCE_FULL;
    }
    *wait = of_pair != THROTTLE_NOT_FULL || of_source != THROTTLE_NOT_FULL ? 1 : 0;
    if (of_pair != THROTTLE_NOT_FULL)
        return JUDGED_PAIR_IN_FLIGHT;
    return of_source != THROTTLE_NOT_FULL ? JUDGED_SOURCE_IN_FLIGHT : JUDGED_GOOD;
}

/* All pairs are judged before the first one is charged: the attempt must not be refused because of its own
 * charge. The secret that was counted last may be tried again beside the attempts in flight (`may_repeat`):
 * it reveals nothing new. */
static enum judgement judge_pairs(struct throttle_txn *txn, struct throttle_attempt *attempt, bool may_repeat)
{
    enum judgement worst = JUDGED_GOOD;
    attempt->wait = 0;
    for (size_t i = 0; i < attempt->pair_count; i++) {
        struct throttle_counts counts;
        long wait;
        throttle_counts_find(&counts, txn, &attempt->pairs[i].key, &attempt->limits.quota);
        const enum judgement judgement = judge_attempt(&attempt->limits, &counts, &txn->window, &wait);
        if (judgement <= worst || (may_repeat && judgement <= JUDGED_PAIR_IN_FLIGHT &&
                                   throttle_is_known_secret(&counts, &attempt->pairs[i])))
            continue;
        worst = judgement;
        attempt->wait = wait;
    }
    return worst;
}

/* --- Checks --- */

static bool is_ahead(const struct throttle_count *count, const struct throttle_window *window)
{
    return count->stored.since_ms > window->now_ms;
}

/* If the clock was set back, store the adjusted time; otherwise each refusal would restart the window. */
static void store_adjusted_times(const struct throttle_attempt *attempt, struct throttle_window window)
{
    struct throttle_txn txn;
    do {
        throttle_store_begin(attempt->store, attempt->log, DATABASE_WRITE, window, &txn);
        for (size_t i = 0; i < attempt->pair_count; i++) {
            struct throttle_counts counts;
            throttle_counts_find(&counts, &txn, &attempt->pairs[i].key, &attempt->limits.quota);
            throttle_counts_save(&counts, &txn);
        }
    } while (throttle_store_end(&txn) == THROTTLE_TXN_REPEAT);
}

/* Returns whether the pair is over its limit. Its source may be over its own, as the credential may be a
 * proven one. */
static bool check_pair(struct throttle_txn *txn, struct throttle_attempt *attempt, size_t i,
                       bool *is_clock_back)
{
    struct throttle_counts counts;
    long wait;
    throttle_counts_find(&counts, txn, &attempt->pairs[i].key, &attempt->limits.quota);
    if (counts.of_pair != NULL)
        attempt->is_saturated |=
            throttle_record_fullness(&counts.of_pair->record, attempt->limits.failures) != THROTTLE_NOT_FULL;
    attempt->has_failures |= i == attempt->proven && throttle_has_own_count(&counts) &&
                             throttle_record_settled(&counts.of_pair->record) > 0;
    if (judge_attempt(&attempt->limits, &counts, &txn->window, &wait) != JUDGED_PAIR_FULL)
        return false;
    attempt->wait = wait > attempt->wait ? wait : attempt->wait;
    *is_clock_back |= is_ahead(&counts.netblock, &txn->window) || is_ahead(&counts.source, &txn->window) ||
                      is_ahead(&counts.pair, &txn->window);
    return true;
}

enum throttle_verdict throttle_check(struct throttle_attempt *attempt, int64_t now_ms)
{
    const struct throttle_window window = window_of(attempt, now_ms);
    struct throttle_txn txn;
    enum throttle_txn_result ended = THROTTLE_TXN_DONE;
    bool is_refused = false;
    bool is_clock_back = false;
    attempt->is_saturated = attempt->has_failures = false;
    attempt->wait = 0;
    if (throttle_store_is_empty(attempt->store))
        return THROTTLE_ADMITTED;
    do {
        throttle_store_begin(attempt->store, attempt->log, DATABASE_READ, window, &txn);
        is_refused = false;
        for (size_t i = 0; i < attempt->pair_count; i++)
            is_refused |= check_pair(&txn, attempt, i, &is_clock_back);
        ended = throttle_store_end(&txn);
    } while (ended == THROTTLE_TXN_REPEAT);
    if (ended == THROTTLE_TXN_NO_MEMORY)
        return THROTTLE_NO_MEMORY;
    if (is_clock_back)
        store_adjusted_times(attempt, window);
    return is_refused ? THROTTLE_PAIR_REFUSED : THROTTLE_ADMITTED;
}

/* --- Admission --- */

/* Returns what an attempt charges that would charge `wanted` if it was admitted and revealed something new.
 */
static enum throttle_charge charge_of(enum judgement judgement, enum throttle_charge wanted,
                                      const struct throttle_counts *counts,
                                      const struct throttle_attempt *attempt,
                                      const struct throttle_pair *pair)
{
    switch (judgement) {
    case JUDGED_PAIR_FULL:
        return CHARGE_NOTHING;
    case JUDGED_SOURCE_FULL:
        return CHARGE_PAIR;
    case JUDGED_PAIR_IN_FLIGHT:
    case JUDGED_SOURCE_IN_FLIGHT:
        wanted = CHARGE_TENTH;
        break;
    case JUDGED_GOOD:
        break;
    }
    if (wanted != CHARGE_TENTH && throttle_is_method_fallback(counts, pair, attempt->auth_method))
        return CHARGE_METHOD_FALLBACK;
    return wanted != CHARGE_PAIR_AND_SOURCE && throttle_is_known_secret(counts, pair) ? CHARGE_NOTHING
                                                                                      : wanted;
}

static void charge_pairs(struct throttle_txn *txn, struct throttle_attempt *attempt, enum judgement judgement,
                         enum throttle_charge wanted)
{
    struct throttle_charged charged = {false, false};
    attempt->of_source.size = 0;
    for (size_t i = 0; i < attempt->pair_count; i++) {
        struct throttle_pair *pair = &attempt->pairs[i];
        struct throttle_counts counts;
        pair->count.size = 0;
        throttle_counts_find(&counts, txn, &attempt->pairs[i].key, &attempt->limits.quota);
        const enum throttle_charge charge = charge_of(judgement, wanted, &counts, attempt, pair);
        pair->state = charge == CHARGE_IN_FLIGHT         ? THROTTLE_PAIR_COUNTED
                      : charge == CHARGE_METHOD_FALLBACK ? THROTTLE_PAIR_METHOD_FALLBACK
                                                         : THROTTLE_PAIR_REPEATED;
        throttle_charge(charge, &counts, pair, attempt, txn, &charged);
        throttle_counts_save(&counts, txn);
    }
}

/* Judges the attempt, and charges `wanted` if it is admitted, or what the refusal reveals. */
static enum throttle_verdict admit(struct throttle_attempt *attempt, enum throttle_charge wanted,
                                   int64_t now_ms)
{
    struct throttle_txn txn;
    enum throttle_txn_result ended;
    enum judgement judgement;
    do {
        throttle_store_begin(attempt->store, attempt->log, DATABASE_WRITE, window_of(attempt, now_ms), &txn);
        throttle_quota_evict(&txn, &attempt->limits.quota);
        judgement = judge_pairs(&txn, attempt, true);
        charge_pairs(&txn, attempt, judgement, wanted);
        ended = throttle_store_end(&txn);
    } while (ended == THROTTLE_TXN_REPEAT);
    return ended == THROTTLE_TXN_DONE ? verdicts[judgement] : THROTTLE_NO_MEMORY;
}

/* A refusal is final. If a later line of the same client_id were admitted, the attempt would still end with
 * the refusal of the first line, and its mismatch would count for less than it reveals. */
enum throttle_verdict throttle_begin(struct throttle_attempt *attempt, int64_t now_ms)
{
    if (attempt->is_begun || attempt->refusal != THROTTLE_ADMITTED)
        return attempt->refusal;
    attempt->refusal = admit(attempt, CHARGE_IN_FLIGHT, now_ms);
    attempt->is_begun = attempt->refusal == THROTTLE_ADMITTED;
    return attempt->refusal;
}

/* --- The end --- */

/* Returns whether a counted attempt stays counted. A client that gave up learned that there was no answer at
 * once, which reveals as much as a refusal. */
static bool has_failed(const struct throttle_pair *pair, enum throttle_outcome outcome)
{
    return pair->state == THROTTLE_PAIR_COUNTED &&
           (outcome == THROTTLE_MISMATCH || outcome == THROTTLE_WITHDRAWN);
}

/* A repeated secret was not counted before, so a limit may have been reached since. Others have their result:
 * none of them could pass a limit with it in flight. */
static enum judgement judge_end(struct throttle_txn *txn, struct throttle_attempt *attempt,
                                enum throttle_outcome outcome)
{
    bool is_repeated_mismatch = false;
    for (size_t i = 0; i < attempt->pair_count; i++)
        is_repeated_mismatch |=
            outcome == THROTTLE_MISMATCH && attempt->pairs[i].state == THROTTLE_PAIR_REPEATED;
    attempt->wait = 0;
    return is_repeated_mismatch ? judge_pairs(txn, attempt, false) : JUDGED_GOOD;
}

/* Returns what the end charges beside the count of the attempt in flight. */
static enum throttle_charge charge_of_end(enum judgement judgement, const struct throttle_counts *counts,
                                          const struct throttle_attempt *attempt, size_t i,
                                          enum throttle_outcome outcome)
{
    const struct throttle_pair *pair = &attempt->pairs[i];
    const bool is_counted = pair->state == THROTTLE_PAIR_COUNTED;
    const bool is_known = !is_counted && throttle_is_known_secret(counts, pair);
    switch (outcome) {
    case THROTTLE_MATCH:
        return i == attempt->proven ? CLEAR_FAILURES : CHARGE_NOTHING;
    case THROTTLE_MISMATCH:
        return pair->state == THROTTLE_PAIR_REPEATED
                   ? charge_of(judgement, CHARGE_PAIR_AND_SOURCE, counts, attempt, pair)
                   : CHARGE_NOTHING;
    case THROTTLE_WITHDRAWN:
        return is_counted || is_known ? CHARGE_NOTHING : CHARGE_PAIR_AND_SOURCE;
    case THROTTLE_NOT_VERIFIED:
        break;
    }
    return is_known ? CHARGE_NOTHING : CHARGE_TENTH;
}

/* What of an attempt was still in flight when it ended: an administrator may have cleared a count meanwhile,
 * or its window was over. */
struct ended {
    bool source; /* and other machines were not told yet */
    bool any;
};

/* Ends the attempt in flight in the count of the pair. On other machines the pair may have a count of its
 * own, though here it shares one that was charged for an earlier pair. */
static void end_in_flight(struct throttle_txn *txn, const struct throttle_attempt *attempt,
                          const struct throttle_pair *pair, bool has_failed, struct ended *ended)
{
    static const enum throttle_event_type failed[] = {THROTTLE_EVENT_PAIR_FAILED,
                                                      THROTTLE_EVENT_PAIR_AND_SOURCE_FAILED};
    static const enum throttle_event_type back[] = {THROTTLE_EVENT_PAIR_BACK,
                                                    THROTTLE_EVENT_PAIR_AND_SOURCE_BACK};
    ended->any |= throttle_charge_end(txn, &attempt->limits, &txn->window, &pair->count, has_failed);
    if (pair->state != THROTTLE_PAIR_COUNTED || !ended->any || !attempt->limits.is_shared)
        return;
    throttle_share(txn, has_failed ? failed[ended->source] : back[ended->source], pair, 0);
    ended->source = false;
}

static void end_pairs(struct throttle_txn *txn, struct throttle_attempt *attempt,
                      enum throttle_outcome outcome, enum judgement judgement)
{
    struct throttle_charged charged = {false, false};
    for (size_t i = 0; i < attempt->pair_count; i++)
        charged.source |= has_failed(&attempt->pairs[i], outcome);
    const bool is_source =
        throttle_charge_end(txn, &attempt->limits, &txn->window, &attempt->of_source, charged.source);
    struct ended ended = {is_source, is_source};
    for (size_t i = 0; i < attempt->pair_count; i++) {
        struct throttle_pair *pair = &attempt->pairs[i];
        struct throttle_counts counts;
        end_in_flight(txn, attempt, pair, has_failed(pair, outcome), &ended);
        throttle_counts_find(&counts, txn, &attempt->pairs[i].key, &attempt->limits.quota);
        throttle_charge(charge_of_end(judgement, &counts, attempt, i, outcome), &counts, pair, attempt, txn,
                        &charged);
        throttle_counts_save(&counts, txn);
    }
}

static enum throttle_verdict end_begun(struct throttle_attempt *attempt, enum throttle_outcome outcome,
                                       int64_t now_ms)
{
    struct throttle_txn txn;
    enum throttle_txn_result ended;
    enum judgement judgement;
    do {
        throttle_store_begin(attempt->store, attempt->log, DATABASE_WRITE, window_of(attempt, now_ms), &txn);
        if (outcome == THROTTLE_NOT_VERIFIED)
            throttle_quota_evict(&txn, &attempt->limits.quota);
        judgement = judge_end(&txn, attempt, outcome);
        end_pairs(&txn, attempt, outcome, judgement);
        ended = throttle_store_end(&txn);
    } while (ended == THROTTLE_TXN_REPEAT);
    /* A match is not refused because it could not be written. */
    return ended == THROTTLE_TXN_DONE || outcome == THROTTLE_MATCH ? verdicts[judgement] : THROTTLE_NO_MEMORY;
}

/* Other attempts may have reached the limit since the first check. */
static enum throttle_verdict end_cached_match(struct throttle_attempt *attempt, int64_t now_ms)
{
    const enum throttle_verdict verdict = throttle_check(attempt, now_ms);
    return verdict == THROTTLE_ADMITTED && attempt->has_failures ? end_begun(attempt, THROTTLE_MATCH, now_ms)
                                                                 : verdict;
}

enum throttle_verdict throttle_end(struct throttle_attempt *attempt, enum throttle_outcome outcome,
                                   int64_t now_ms)
{
    if (attempt->is_begun)
        return end_begun(attempt, outcome, now_ms);
    if (outcome == THROTTLE_MATCH)
        return end_cached_match(attempt, now_ms);
    if (attempt->refusal != THROTTLE_ADMITTED)
        return attempt->refusal;
    return admit(attempt, outcome == THROTTLE_NOT_VERIFIED ? CHARGE_TENTH : CHARGE_PAIR_AND_SOURCE, now_ms);
}
