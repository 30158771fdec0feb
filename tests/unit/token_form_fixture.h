/* Tokens of accounts, and the endpoints that take a form with a token. */
#ifndef TOKEN_FORM_FIXTURE_H
#define TOKEN_FORM_FIXTURE_H

#include "route_fixture.h"

#include "base/clock.h"
#include "oauth/grant.h"

/* Issues a token to the account, as tokenctl does, even if it is locked. `age` in seconds. */
static inline char *token_of(const struct service *service, const char *client_id, int64_t age)
{
    static const struct grant_request all = {.scope = {NULL, 0}};
    struct account_entry entry;
    struct grant grant;
    size_t cursor = 0;
    assert_int_equal(service_find_account(service, text_of(client_id), &cursor, &entry), ACCOUNT_FOUND);
    assert_int_equal(grant_access(service, &entry.account, &all, clock_now() - age, &grant), OAUTH_NO_ERROR);
    char *token = strdup(grant.token);
    grant_clear(&grant);
    return token;
}

/* Returns the status and the body. */
static inline const char *ask(const struct service *service, const char *path, const char *form,
                              const char *token, char out[ANSWER_SIZE])
{
    static char answer[ANSWER_SIZE];
    static char body[ANSWER_SIZE];
    snprintf(body, sizeof body, "%s%s", form, token);
    const struct example example = {.method = "POST", .path = path, .body = body};
    answer_to(service, &example, answer);
    snprintf(out, ANSWER_SIZE, "%.3s %.4000s", answer + strlen("Status: "), body_of(answer));
    return out;
}

/* `expected` is how the answer begins. */
static inline void check_answer(const struct service *service, const char *path, const char *form,
                                const char *token, const char *expected)
{
    char answer[ANSWER_SIZE];
    ask(service, path, form, token, answer);
    if (strncmp(answer, expected, strlen(expected)) != 0)
        fail_msg("%s: %s instead of %s", form, answer, expected);
}

#endif
