/* From the name to the first answer of token.fcgi. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "doctor/web.h"

enum { DAY = 86400, EXPIRES_SOON_DAYS = 14 };

/* --- Connection and certificate --- */

/* Returns the value of the server's certificate under `name`, NULL if there is none. */
static const char *certificate_field(const struct probe *probe, const char *name)
{
    const struct curl_certinfo *info = NULL;
    const size_t length = strlen(name);
    if (probe->curl.curl_easy_getinfo(probe->handle, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL ||
        info->num_of_certs < 1)
        return NULL;
    for (const struct curl_slist *item = info->certinfo[0]; item != NULL; item = item->next) {
        if (strncmp(item->data, name, length) == 0 && item->data[length] == ':')
            return item->data + length + 1;
    }
    return NULL;
}

/* Returns when the certificate expires, or -1. */
static int64_t certificate_expiry(const struct probe *probe, char date[CLOCK_DATE_SIZE])
{
    const char *field = certificate_field(probe, "Expire date");
    int64_t expires = -1;
    if (field != NULL && probe_parse_date(field, &expires))
        clock_format_date(expires, date);
    return expires;
}

/* `fault` is what libcurl says of the certificate. */
static void report_certificate(const struct probe *probe, const char *fault)
{
    char date[CLOCK_DATE_SIZE];
    const int64_t expires = certificate_expiry(probe, date);
    const char *names = certificate_field(probe, "X509v3 Subject Alternative Name");
    if (expires >= 0 && expires <= clock_now())
        findings_add(probe->findings, STEP_TLS, FINDING_ERROR,
                     "the certificate of %s has expired, on %s; renew it, and reload the web server",
                     probe->origin, date);
    else if (strstr(fault, "subject name") != NULL)
        findings_add(probe->findings, STEP_TLS, FINDING_ERROR,
                     "the certificate of %s is for %s; get one for the name in the URL", probe->origin,
                     names != NULL ? names : "another name");
    else
        findings_add(
            probe->findings, STEP_TLS, FINDING_ERROR,
            "the certificate of %s is not trusted here: %s; have the web server send the certificates "
            "between it and a known authority, or name yours in SSL_CERT_FILE",
            probe->origin, fault);
}

static void judge_expiry(const struct probe *probe)
{
    char date[CLOCK_DATE_SIZE];
    const int64_t expires = certificate_expiry(probe, date);
    const int64_t days = expires >= 0 ? (expires - clock_now()) / DAY : 0;
    if (expires >= 0 && days < EXPIRES_SOON_DAYS)
        findings_add(probe->findings, STEP_TLS, FINDING_WARNING,
                     "the certificate of %s expires in %" PRId64 " days, on %s; renew it", probe->origin,
                     days, date);
    else if (expires >= 0)
        findings_add(probe->findings, STEP_TLS, FINDING_GOOD, "the certificate is trusted, and good until %s",
                     date);
}

static void report_no_answer(const struct probe *probe)
{
    static const struct {
        CURLcode result;
        enum finding_step step;
        const char *what;
        const char *remedy;
    } faults[] = {
        {CURLE_COULDNT_RESOLVE_HOST, STEP_CONNECTION, "the name is not known",
         "enter it in DNS, or correct the issuer or --url"},
        {CURLE_COULDNT_CONNECT, STEP_CONNECTION, "nobody listens there",
         "start the web server, correct its port, or open the firewall"},
        {CURLE_OPERATION_TIMEDOUT, STEP_CONNECTION, "there is no answer in time",
         "open the firewall, or see what the web server waits for"},
        {CURLE_SSL_CONNECT_ERROR, STEP_TLS, "there is no TLS",
         "see whether this port of the web server has TLS"},
    };
    const struct answer *answer = &probe->answer;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (faults[i].result == answer->result) {
            findings_add(probe->findings, faults[i].step, FINDING_ERROR, "%s: %s: %s; %s", probe->origin,
                         faults[i].what, answer->fault, faults[i].remedy);
            return;
        }
    }
    findings_add(probe->findings, STEP_CONNECTION, FINDING_ERROR,
                 "%s: the request failed: %s; see the log of the web server", probe->origin, answer->fault);
}

/* Sends the first request. A certificate that is not good is reported, and the doctor goes on without. */
static bool connect_first(struct probe *probe)
{
    const struct message get = {.user = NULL};
    bool good = probe_endpoint(probe, "/health", &get);
    const bool is_doubted = !good && probe->answer.result == CURLE_PEER_FAILED_VERIFICATION;
    if (is_doubted) {
        char fault[CURL_ERROR_SIZE];
        snprintf(fault, sizeof fault, "%s", probe->answer.fault);
        probe_trust_all(probe);
        good = probe_endpoint(probe, "/health", &get);
        report_certificate(probe, fault);
    }
    if (!good) {
        report_no_answer(probe);
        return false;
    }
    findings_add(probe->findings, STEP_CONNECTION, FINDING_GOOD, "%s is %s, and answers", probe->origin,
                 probe->answer.remote);
    if (probe->is_https && !is_doubted)
        judge_expiry(probe);
    return true;
}

/* --- The mount --- */

/* Says where token.fcgi listens, if it does. */
static void report_not_reached(struct probe *probe)
{
    const struct responder *ours = responders_ours(&probe->doctor->responders);
    const enum web_server_kind kind = probe->answer.kind;
    if (ours != NULL && ours->socket[0] != '\0')
        findings_add(probe->findings, STEP_MOUNT, FINDING_ERROR,
                     "%s%s: %ld from %s: it does not reach token.fcgi, which listens at %s; %s",
                     probe->origin, probe->mount, probe->answer.status, web_server_name(kind), ours->socket,
                     probe_remedy(probe, WEB_NOT_REACHED, probe->mount));
    else
        findings_add(
            probe->findings, STEP_MOUNT, FINDING_ERROR,
            "%s%s: %ld from %s: it does not reach token.fcgi, and none with this configuration was "
            "seen to run; start it (its log, as in journalctl -u token.service, says why it does not "
            "start, and so does token.fcgi -t, called as its user); %s",
            probe->origin, probe->mount, probe->answer.status, web_server_name(kind),
            probe_remedy(probe, WEB_NOT_REACHED, probe->mount));
}

/* The answer is the web server's own. */
static void report_foreign(struct probe *probe)
{
    const struct answer *answer = &probe->answer;
    const char *name = web_server_name(answer->kind);
    if (answer->status >= 502 && answer->status <= 504)
        report_not_reached(probe);
    else if (answer->status == 500)
        findings_add(probe->findings, STEP_MOUNT, FINDING_ERROR,
                     "%s%s: 500 from %s: it cannot start token.fcgi; its error log says why, and so does: "
                     "token.fcgi -t",
                     probe->origin, probe->mount, name);
    else if (answer->status >= 300 && answer->status < 400)
        findings_add(
            probe->findings, STEP_MOUNT, FINDING_ERROR,
            "%s%s: %ld to %s, which no client follows with its secret; give clients, and the doctor, "
            "the URL without a redirection",
            probe->origin, probe->mount, answer->status, answer->location);
    else if (answer->status == 401 || answer->status == 403)
        findings_add(probe->findings, STEP_MOUNT, FINDING_ERROR,
                     "%s%s: %ld from %s itself, not from token.fcgi; let everybody in there: token.fcgi "
                     "authenticates clients",
                     probe->origin, probe->mount, answer->status, name);
    else
        findings_add(probe->findings, STEP_MOUNT, FINDING_ERROR,
                     "%s%s: %ld from %s itself: token.fcgi is not mounted there; %s", probe->origin,
                     probe->mount, answer->status, name, probe_remedy(probe, WEB_NOT_MOUNTED, probe->mount));
}

/* token.fcgi answers that there is no such endpoint. */
static void report_wrong_path(struct probe *probe)
{
    const struct config *config = probe->doctor->config;
    if (config != NULL && strcmp(config->mount_path, probe->mount) != 0)
        findings_add(probe->findings, STEP_MOUNT, FINDING_ERROR,
                     "%s%s: token.fcgi answers, but serves %s, the path of issuer = %s; make both the same: "
                     "tokenctl config set issuer URL, or another mount",
                     probe->origin, probe->mount, config->mount_path[0] != '\0' ? config->mount_path : "/",
                     config->issuer);
    else
        findings_add(probe->findings, STEP_MOUNT, FINDING_ERROR,
                     "%s%s: token.fcgi answers 404, as it gets another path than that (its log has path= and "
                     "served=), or has loaded another issuer; %s",
                     probe->origin, probe->mount, probe_remedy(probe, WEB_WRONG_PATH, probe->mount));
}

/* The web server may pass the token endpoint alone. */
static bool reach_token_only(struct probe *probe)
{
    const struct message post = {.body = text_of("doctor=1")};
    const enum web_server_kind kind = probe->answer.kind;
    const long status = probe->answer.status;
    if (status >= 500 || !probe_endpoint(probe, "/token", &post) || !probe_is_answered(probe))
        return false;
    findings_add(probe->findings, STEP_MOUNT, FINDING_WARNING,
                 "%s%s/health: %ld from %s, which passes %s/token to token.fcgi, but not this; %s",
                 probe->origin, probe->mount, status, web_server_name(kind), probe->mount,
                 probe_remedy(probe, WEB_NOT_MOUNTED, probe->mount));
    return true;
}

static void judge_status(const struct probe *probe)
{
    const char *status = probe_string(probe, "status");
    if (strcmp(status, "ok") == 0)
        findings_add(probe->findings, STEP_MOUNT, FINDING_GOOD,
                     "%s%s: token.fcgi answers behind %s, and can issue tokens", probe->origin, probe->mount,
                     web_server_name(probe->answer.kind));
    else if (status[0] != '\0')
        findings_add(probe->findings, STEP_MOUNT, FINDING_ERROR,
                     "%s%s/health: %s: token.fcgi cannot issue tokens now; its log says why", probe->origin,
                     probe->mount, status);
}

bool web_reach(struct probe *probe)
{
    const struct message get = {.user = NULL};
    if (!connect_first(probe))
        return false;
    if (probe_string(probe, "status")[0] == '\0' && strcmp(probe_string(probe, "error"), "not_found") != 0) {
        if (reach_token_only(probe))
            return probe_endpoint(probe, "/health", &get);
        if (!probe_endpoint(probe, "/health", &get))
            report_no_answer(probe);
        else
            report_foreign(probe);
        return false;
    }
    if (probe_string(probe, "error")[0] != '\0') {
        report_wrong_path(probe);
        return false;
    }
    judge_status(probe);
    return true;
}
