#include "throttle/throttle_operation.h"

static void init_operation(struct throttle_operation *operation, struct throttle_txn *transaction)
{
    transaction->window = (struct throttle_window){operation->now_ms, operation->attempt->limits.window_ms};
    operation->verdict = THROTTLE_ADMITTED;
    operation->wait = 0;
    operation->is_method_fallback = operation->pair->is_method_fallback;
}

enum throttle_verdict throttle_operation_apply(const struct throttle_operation *operation, bool done)
{
    struct throttle_attempt *attempt = operation->attempt;
    if (!done)
        return THROTTLE_NO_MEMORY;
    if (operation->verdict != THROTTLE_ADMITTED)
        attempt->wait = operation->wait;
    operation->pair->is_method_fallback = operation->is_method_fallback;
    return operation->verdict;
}

void throttle_operation_set_verdict(struct throttle_operation *operation, enum throttle_verdict verdict,
                                    long wait)
{
    operation->verdict = verdict;
    operation->wait = wait;
}

/* --- The verdict --- */

/* Whole failures. */
static long failures_of(const struct throttle_record *record)
{
    return (long)(throttle_record_tenths(record) / THROTTLE_TENTHS);
}

/* Sets the verdict. If the netblock has no quota left for the pair, the netblock's count is used for both: it
 * counts beyond the limit of the source, by as many failures as a pair may have. An attempt in flight was
 * counted when it started, so tenths that were added since do not refuse it. */
static void judge_counts(struct throttle_operation *operation, const struct throttle_window *window)
{
    const struct throttle_limits *limits = &operation->attempt->limits;
    const struct throttle_record *source = &operation->counts.of_source->record;
    const bool has_count = operation->counts.of_pair != NULL;
    const struct throttle_record *pair = has_count ? &operation->counts.of_pair->record : source;
    const long limit = limits->failures + (has_count ? 0 : limits->source_failures);
    operation->of_source = failures_of(source);
    operation->of_pair = has_count ? failures_of(pair) : 0;
    if (operation->pair->run.is_in_flight ? (int64_t)pair->failures >= limit
                                          : throttle_record_is_full(pair, limit))
        throttle_operation_set_verdict(operation, THROTTLE_PAIR_REFUSED, throttle_record_wait(pair, window));
    else if (throttle_record_is_full(source, limits->source_failures))
        throttle_operation_set_verdict(operation, THROTTLE_SOURCE_REFUSED,
                                       throttle_record_wait(source, window));
}

bool throttle_operation_has_own_count(const struct throttle_operation *operation)
{
    return operation->counts.of_pair != NULL &&
           throttle_key_level(&operation->counts.of_pair->key) != THROTTLE_OVERFLOW;
}

/* Each of its digests is one of the secret counted last for this pair. */
bool throttle_operation_is_known_secret(const struct throttle_operation *operation)
{
    const struct throttle_secret *secret = &operation->pair->secret;
    if (!throttle_operation_has_own_count(operation))
        return false;
    const struct throttle_record *record = &operation->counts.of_pair->record;
    if (!throttle_record_has_failures(record))
        return false;
    for (size_t i = 0; i < 2; i++) {
        if (secret->digests[i] != record->failed.digests[0] &&
            secret->digests[i] != record->failed.digests[1])
            return false;
    }
    return true;
}

/* The same secret sent twice, with both auth methods, is one failure: a client that tries both has learned
 * nothing from the second. A third time is another failure. */
static bool is_method_fallback(const struct throttle_operation *operation)
{
    if (!throttle_operation_is_known_secret(operation))
        return false;
    const uint32_t auth_method = operation->counts.of_pair->record.auth_method;
    return auth_method != THROTTLE_AUTH_NONE && auth_method != operation->attempt->auth_method;
}

static bool is_ahead(const struct throttle_operation *operation, const struct throttle_count *count)
{
    return count->stored.since_ms > operation->now_ms;
}

static void judge_operation(struct throttle_operation *operation, const struct throttle_window *window)
{
    judge_counts(operation, window);
    operation->is_ahead =
        is_ahead(operation, operation->counts.of_source) || is_ahead(operation, &operation->counts.pair);
    operation->has_failures = throttle_operation_has_own_count(operation) &&
                              throttle_record_has_failures(&operation->counts.of_pair->record);
    operation->is_known = throttle_operation_is_known_secret(operation);
    operation->finds_method_fallback = is_method_fallback(operation);
}

static void read_operation(struct throttle_txn *transaction, void *context)
{
    struct throttle_operation *operation = context;
    init_operation(operation, transaction);
    throttle_counts_find(&operation->counts, transaction, &operation->pair->key,
                         &operation->attempt->limits.quota);
    judge_operation(operation, &transaction->window);
}

/* Writes the adjusted times of the counts. */
static void write_adjusted_time(struct throttle_txn *transaction, void *context)
{
    struct throttle_operation *operation = context;
    init_operation(operation, transaction);
    throttle_counts_load(&operation->counts, transaction, &operation->pair->key,
                         &operation->attempt->limits.quota);
    throttle_counts_save(&operation->counts, transaction);
}

/* If the clock was set back, store the adjusted time; otherwise each refusal would restart the window. A
 * refusal writes nothing else. */
static enum throttle_verdict store_adjusted_time(struct throttle_operation *operation,
                                                 enum throttle_verdict verdict)
{
    if (verdict != THROTTLE_ADMITTED && operation->is_ahead)
        throttle_store_update(operation->attempt->store, operation->attempt->log, write_adjusted_time,
                              operation);
    return verdict;
}

/* Reads only, except for store_adjusted_time(). If nothing has failed at all, it does not even read. */
enum throttle_verdict throttle_operation_check(struct throttle_operation *operation)
{
    struct throttle_attempt *attempt = operation->attempt;
    if (throttle_store_is_empty(attempt->store, attempt->log))
        return THROTTLE_ADMITTED;
    return store_adjusted_time(
        operation, throttle_operation_apply(operation, throttle_store_read(attempt->store, attempt->log,
                                                                           read_operation, operation)));
}

/* A credential that the cache proves is accepted although its source is refused. */
enum throttle_verdict throttle_operation_check_pair(struct throttle_operation *operation)
{
    const enum throttle_verdict verdict = throttle_operation_check(operation);
    if (verdict != THROTTLE_SOURCE_REFUSED)
        return verdict;
    operation->attempt->wait = 0;
    return THROTTLE_ADMITTED;
}

/* --- Writing --- */

void throttle_operation_load(struct throttle_operation *operation, struct throttle_txn *transaction)
{
    init_operation(operation, transaction);
    throttle_counts_load(&operation->counts, transaction, &operation->pair->key,
                         &operation->attempt->limits.quota);
    judge_operation(operation, &transaction->window);
}

void throttle_operation_use_method_fallback(struct throttle_operation *operation)
{
    operation->is_method_fallback = operation->verdict == THROTTLE_ADMITTED && is_method_fallback(operation);
    if (operation->is_method_fallback)
        operation->counts.of_pair->record.auth_method = THROTTLE_AUTH_NONE;
}
