/* A token, as a client fetches it. */
#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/secret.h"
#include "doctor/web.h"
#include "password/password.h"
#include "token/jwt_verify.h"

/* Returns why the line gets no token for the secret; NULL: it does. */
static const char *refusal_of(const struct account_entry *entry, struct text secret, int64_t now)
{
    const struct account *account = &entry->account;
    if (!entry->usable || account->method == NULL)
        return "its line of the accounts file is unusable; tokenctl check prints the reason";
    if (account->locked)
        return "it is locked; run: tokenctl unlock";
    if (account->expires <= now)
        return "it has expired; run: tokenctl set --expires";
    return password_verify(NULL, account->method, account->hash, secret) == PASSWORD_MATCH
               ? NULL
               : "the secret is wrong; run: tokenctl passwd";
}

static const char *refusal(const struct doctor *doctor)
{
    const char *why = "there is no such account; run: tokenctl add";
    struct account_entry entry;
    if (doctor->accounts == NULL)
        return "the accounts file cannot be used here";
    for (size_t cursor = 0;
         why != NULL && account_table_find(doctor->accounts, doctor->client_id, &cursor, &entry);)
        why = refusal_of(&entry, doctor->secret, clock_now());
    return why;
}

static void add_escaped(struct buffer *form, struct text text)
{
    for (size_t i = 0; i < text.length; i++)
        buffer_print(form, "%%%02X", (unsigned)(unsigned char)text.data[i]);
}

static void judge_token(const struct probe *probe, struct text token)
{
    const struct doctor *doctor = probe->doctor;
    struct jwt jwt;
    const struct jwt_expectation expected = {.issuer = doctor->config->issuer,
                                             .type = doctor->config->token_typ,
                                             .clock_skew = doctor->config->clock_skew,
                                             .now = clock_now()};
    if (doctor->keys == NULL)
        return;
    const enum jwt_status status = jwt_verify(doctor->keys, token, &expected, &jwt);
    if (status == JWT_VALID || status == JWT_WRONG_TYPE)
        findings_add(probe->findings, STEP_TOKEN, FINDING_GOOD, "a token was issued to %.*s, signed with %s",
                     (int)doctor->client_id.length, doctor->client_id.data, jwt.key->kid);
    else
        findings_add(probe->findings, STEP_TOKEN, FINDING_ERROR,
                     "a token was issued to %.*s, but is not valid here: %s; see whether the running "
                     "token.fcgi has this configuration",
                     (int)doctor->client_id.length, doctor->client_id.data, jwt_status_text(status));
    jwt_clear(&jwt);
}

static void judge_answer(const struct probe *probe)
{
    const struct doctor *doctor = probe->doctor;
    const char *token = probe_string(probe, "access_token");
    if (token[0] != '\0')
        judge_token(probe, text_of(token));
    else
        findings_add(probe->findings, STEP_TOKEN, FINDING_ERROR,
                     "no token was issued to %.*s, whose secret is right: %ld %s; the log of token.fcgi says "
                     "why (from=, or another configuration)",
                     (int)doctor->client_id.length, doctor->client_id.data, probe->answer.status,
                     probe_string(probe, "error_description"));
}

static void fetch(struct probe *probe)
{
    struct buffer form = {0};
    buffer_print(&form, "grant_type=client_credentials&client_id=");
    add_escaped(&form, probe->doctor->client_id);
    buffer_print(&form, "&client_secret=");
    add_escaped(&form, probe->doctor->secret);
    const struct message post = {.body = {form.data, form.length}};
    if (!form.out_of_memory && probe_endpoint(probe, "/token", &post))
        judge_answer(probe);
    else
        findings_add(probe->findings, STEP_TOKEN, FINDING_ERROR, "no token was fetched: %s; run it again",
                     form.out_of_memory ? "out of memory" : probe->answer.fault);
    buffer_free(&form);
}

void web_token(struct probe *probe)
{
    const struct doctor *doctor = probe->doctor;
    const char *remote = probe->answer.remote;
    if (doctor->client_id.data == NULL || doctor->config == NULL)
        return;
    const char *why = refusal(doctor);
    if (why == NULL && !probe->is_trusted)
        why = "the certificate is not good";
    if (why == NULL && !probe->is_https && strncmp(remote, "127.", 4) != 0 && strcmp(remote, "::1") != 0)
        why = "the URL is http, and everybody on the way would see the secret";
    if (why == NULL)
        fetch(probe);
    else
        findings_add(probe->findings, STEP_TOKEN, FINDING_ERROR, "no token was fetched for %.*s: %s",
                     (int)doctor->client_id.length, doctor->client_id.data, why);
}
