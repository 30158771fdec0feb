/* Whether the parts of a request arrive at token.fcgi, which the errors of the endpoint tell. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "doctor/web.h"

/* A client_id that no account has. */
#define INVENTED_SIZE 64
static bool invent(char out[INVENTED_SIZE])
{
    unsigned char bytes[16];
    if (!secret_random(bytes, sizeof bytes))
        return false;
    int used = snprintf(out, INVENTED_SIZE, "doctor-");
    for (size_t i = 0; i < sizeof bytes; i++)
        used += snprintf(out + used, INVENTED_SIZE - (size_t)used, "%02x", bytes[i]);
    return true;
}

static void report_arrival(struct probe *probe, enum finding_weight weight, const char *what,
                           enum web_fault fault)
{
    findings_add(probe->findings, STEP_REQUEST, weight, "%s; %s", what,
                 probe_remedy(probe, fault, probe->mount));
}

static void report_other(const struct probe *probe)
{
    const char *description = probe_string(probe, "error_description");
    findings_add(probe->findings, STEP_REQUEST, FINDING_ERROR, "POST %s%s/token: %ld %s%s%s", probe->origin,
                 probe->mount, probe->answer.status, description,
                 description[0] != '\0' ? ", which does not fit the request" : "from the web server itself",
                 description[0] != '\0' ? "; the log of token.fcgi has more" : "; its log says why");
}

/* HTTP Basic beside another client_id in the body is refused before anything is verified or counted, if both
 * arrive. */
static bool judge_request(struct probe *probe)
{
    static const struct {
        const char *description;
        const char *what;
        enum web_fault fault;
    } rows[] = {
        {"Bad credentials", "Authorization does not arrive, so that HTTP Basic fails", WEB_NO_AUTHORIZATION},
        {"Content-Type must be application/x-www-form-urlencoded",
         "the Content-Type of a request does not arrive", WEB_NO_CONTENT_TYPE},
        {"The method must be POST", "the method of a request does not arrive", WEB_NO_METHOD},
        {"GrantType value must be client_credentials!", "the body of a request does not arrive", WEB_NO_BODY},
    };
    if (probe_is_error(probe, "The client_id in the body is not the one in the Authorization header"))
        return true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (probe_is_error(probe, rows[i].description)) {
            report_arrival(probe, FINDING_ERROR, rows[i].what, rows[i].fault);
            return false;
        }
    }
    report_other(probe);
    return false;
}

static void judge_query(struct probe *probe)
{
    const struct message post = {.body = text_of("grant_type=doctor")};
    if (probe_endpoint(probe, "/token?client_secret=doctor", &post) &&
        !probe_is_error(probe, "Parameters must be in the body, not in the URL"))
        report_arrival(probe, FINDING_WARNING,
                       "the query of a URL does not arrive, so that secrets in URLs are not refused",
                       WEB_NO_QUERY);
}

void web_request(struct probe *probe)
{
    char invented[INVENTED_SIZE];
    char other[INVENTED_SIZE];
    char body[256];
    if (!invent(invented) || !invent(other))
        return;
    snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s", other);
    const struct message basic = {.body = text_of(body), .user = invented, .password = "doctor"};
    if (!probe_endpoint(probe, "/token", &basic))
        findings_add(probe->findings, STEP_REQUEST, FINDING_ERROR,
                     "POST %s%s/token: there is no answer: %s; see the log of the web server", probe->origin,
                     probe->mount, probe->answer.fault);
    else if (judge_request(probe))
        findings_add(probe->findings, STEP_REQUEST, FINDING_GOOD,
                     "method, Content-Type, Authorization and body arrive");
    judge_query(probe);
}

/* --- The largest body --- */

/* Returns a form of `size` bytes that grants nothing, which the caller frees. */
static char *large_form(size_t size)
{
    static const char start[] = "doctor=";
    char *form = size > sizeof start ? malloc(size + 1) : NULL;
    if (form == NULL)
        return NULL;
    memcpy(form, start, sizeof start - 1);
    memset(form + sizeof start - 1, 'x', size - sizeof start + 1);
    form[size] = '\0';
    return form;
}

static void judge_body(struct probe *probe, bool is_sent, long size)
{
    const struct answer *answer = &probe->answer;
    if (is_sent && probe_is_error(probe, "The request body is too large"))
        findings_add(probe->findings, STEP_BODY, FINDING_WARNING,
                     "a body of %ld bytes, max_body of token.conf, is too large for the running token.fcgi, "
                     "which has loaded a smaller max_body; run: kill -HUP PID",
                     size);
    else if (is_sent && probe_is_answered(probe))
        findings_add(probe->findings, STEP_BODY, FINDING_GOOD, "a body of %ld bytes, max_body, arrives",
                     size);
    else
        findings_add(probe->findings, STEP_BODY, FINDING_ERROR,
                     "a body of %ld bytes, max_body of token.conf, does not pass %s: %ld %s; %s", size,
                     web_server_name(answer->kind), answer->status, is_sent ? "is its answer" : answer->fault,
                     probe_remedy(probe, WEB_BODY_LIMIT, probe->mount));
}

void web_body(struct probe *probe)
{
    const long size = probe->doctor->config != NULL ? probe->doctor->config->max_body : 16384;
    const enum web_server_kind kind = probe->answer.kind;
    char *form = large_form((size_t)size);
    if (form == NULL)
        return;
    const struct message post = {.body = {form, (size_t)size}};
    const bool is_sent = probe_endpoint(probe, "/token", &post);
    if (probe->answer.kind == WEB_SERVER_OTHER)
        probe->answer.kind = kind;
    judge_body(probe, is_sent, size);
    free(form);
}
