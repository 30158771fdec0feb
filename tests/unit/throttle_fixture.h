/* A throttle store in a new folder, and attempts to authenticate. */
#ifndef THROTTLE_FIXTURE_H
#define THROTTLE_FIXTURE_H

#include "fixture.h"

#include "throttle/throttle.h"

/* A time of the year 2026. */
#define NOW INT64_C(1790000000000)

struct throttle_fixture {
    struct throttle_store *store;
    struct log *log;
    struct throttle_limits limits;
};

static inline struct throttle_limits usual_limits(void)
{
    return (struct throttle_limits){.failures = 3,
                                    .source_failures = 10,
                                    .window_ms = 60000,
                                    .quota = {.in_all = 65536, .netblock = 4096, .of_source = 256}};
}

static inline struct throttle_fixture reopen_throttle_fixture(void)
{
    struct collected problems;
    struct throttle_fixture fixture = {.limits = usual_limits()};
    fixture.log = log_open("log", LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    assert_non_null(fixture.log);
    fixture.store = throttle_store_open("state", collect(&problems));
    if (fixture.store == NULL)
        fail_msg("%s", problems.text);
    return fixture;
}

static inline void close_throttle_fixture(struct throttle_fixture *fixture)
{
    throttle_store_release(fixture->store);
    log_release(fixture->log);
}

/* Nothing is counted yet. */
__attribute__((unused)) static struct throttle_fixture open_throttle_fixture(void)
{
    nftw("state", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    unlink("log");
    assert_int_equal(mkdir("state", 0700), 0);
    return reopen_throttle_fixture();
}

__attribute__((unused)) static struct throttle_window window_at(const struct throttle_fixture *fixture,
                                                                int64_t now)
{
    return (struct throttle_window){now, fixture->limits.window_ms};
}

/* `source` NULL: unknown. */
static inline struct throttle_attempt attempt_of(const struct throttle_fixture *fixture, const char *source,
                                                 const char *client_id, uint64_t secret)
{
    struct address address;
    if (source != NULL)
        assert_true(address_parse(source, strlen(source), &address));
    return (struct throttle_attempt){
        .store = fixture->store,
        .log = fixture->log,
        .limits = fixture->limits,
        .pairs = {{.key =
                       throttle_key_of(THROTTLE_PAIR, source != NULL ? &address : NULL, text_of(client_id)),
                   .secret = {{secret, secret}}}},
        .pair_count = 1,
        .auth_method = THROTTLE_CLIENT_SECRET_POST,
    };
}

/* Runs a whole attempt. Returns the final verdict; the wait is in `attempt`. */
static inline enum throttle_verdict run_attempt(struct throttle_attempt *attempt,
                                                enum throttle_outcome outcome, int64_t now)
{
    enum throttle_verdict verdict = throttle_check(attempt, now);
    if (verdict == THROTTLE_ADMITTED)
        verdict = throttle_begin(attempt, now);
    return verdict == THROTTLE_ADMITTED ? throttle_end(attempt, outcome, now) : verdict;
}

/* A wrong secret that was never tried before. */
__attribute__((unused)) static enum throttle_verdict fail_once(const struct throttle_fixture *fixture,
                                                               const char *source, const char *client_id,
                                                               int64_t now)
{
    static uint64_t secret = 1000;
    struct throttle_attempt attempt = attempt_of(fixture, source, client_id, ++secret);
    return run_attempt(&attempt, THROTTLE_MISMATCH, now);
}

/* Returns how many of `attempts` were admitted. */
__attribute__((unused)) static int failures_admitted(const struct throttle_fixture *fixture,
                                                     const char *source, const char *client_id, int attempts,
                                                     int64_t now)
{
    int admitted = 0;
    for (int i = 0; i < attempts; i++)
        admitted += fail_once(fixture, source, client_id, now) == THROTTLE_ADMITTED ? 1 : 0;
    return admitted;
}

#endif
