/* A state in a new folder, and guesses at it. */
#ifndef THROTTLE_FIXTURE_H
#define THROTTLE_FIXTURE_H

#include "fixture.h"

#include "throttle/throttle.h"

/* A time of the year 2026. */
#define NOW INT64_C(1790000000000)

struct desk {
    struct throttle_store *state;
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

static inline struct desk open_desk_again(void)
{
    struct collected problems;
    struct desk desk = {.limits = usual_limits()};
    desk.log = log_open("log", LOG_LEVEL_DEBUG);
    assert_non_null(desk.log);
    desk.state = throttle_store_open("state", collect(&problems));
    if (desk.state == NULL)
        fail_msg("%s", problems.text);
    return desk;
}

static inline void close_desk(struct desk *desk)
{
    throttle_store_release(desk->state);
    log_release(desk->log);
}

/* Nothing is counted yet. */
__attribute__((unused)) static struct desk open_desk(void)
{
    nftw("state", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    unlink("log");
    assert_int_equal(mkdir("state", 0700), 0);
    return open_desk_again();
}

/* `source` NULL: not known. */
static inline struct throttle_attempt guess_of(const struct desk *desk, const char *source,
                                               const char *client_id, uint64_t secret)
{
    struct address address;
    if (source != NULL)
        assert_true(address_parse(source, strlen(source), &address));
    return (struct throttle_attempt){
        .state = desk->state,
        .log = desk->log,
        .limits = desk->limits,
        .pair = throttle_key_of(THROTTLE_PAIR, source != NULL ? &address : NULL, text_of(client_id)),
        .auth_method = THROTTLE_CLIENT_SECRET_POST,
        .secret = {{secret, secret}},
    };
}

/* Look, begin, end: the verdict that ended it, and the wait in `guess`. */
static inline enum throttle_verdict run_guess(struct throttle_attempt *attempt, enum throttle_outcome outcome,
                                              int64_t now)
{
    enum throttle_verdict verdict = throttle_look(attempt, now);
    if (verdict == THROTTLE_ADMITTED)
        verdict = throttle_begin(attempt, now);
    return verdict == THROTTLE_ADMITTED ? throttle_end(attempt, outcome, now) : verdict;
}

/* A wrong secret that was never tried before. */
__attribute__((unused)) static enum throttle_verdict fail_once(const struct desk *desk, const char *source,
                                                               const char *client_id, int64_t now)
{
    static uint64_t secret = 1000;
    struct throttle_attempt attempt = guess_of(desk, source, client_id, ++secret);
    return run_guess(&attempt, THROTTLE_MISMATCH, now);
}

/* How many of `attempts` were admitted. */
__attribute__((unused)) static int failures_admitted(const struct desk *desk, const char *source,
                                                     const char *client_id, int attempts, int64_t now)
{
    int admitted = 0;
    for (int i = 0; i < attempts; i++)
        admitted += fail_once(desk, source, client_id, now) == THROTTLE_ADMITTED ? 1 : 0;
    return admitted;
}

#endif
