/* What token.fcgi says of itself, and of the request for it. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cidr.h"
#include "doctor/web.h"
#include "version.h"

/* --- Which process --- */

static const char *string_of(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    return object != NULL && json_object_object_get_ex(object, name, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : "";
}

static const char *path_of(const struct probe *probe, const char *file)
{
    struct json_object *files = json_object_object_get(probe->answer.json, "files");
    return string_of(json_object_object_get(files, file), "path");
}

static bool is_same_file(const char *one, const char *other)
{
    char a[PATH_MAX];
    char b[PATH_MAX];
    return strcmp(one, other) == 0 ||
           (realpath(one, a) != NULL && realpath(other, b) != NULL && strcmp(a, b) == 0);
}

/* A relative path is that of the other process. */
static bool differs(const char *running, const char *ours)
{
    return running[0] == '/' && ours[0] == '/' && !is_same_file(running, ours);
}

static void judge_process(const struct probe *probe)
{
    const struct config *config = probe->doctor->config;
    const struct keyset *keys = probe->doctor->keys;
    const char *version = probe_string(probe, "version");
    const char *signer = probe_string(probe, "signing_key");
    const char *configuration = path_of(probe, "configuration");
    if (strcmp(version, TOKEN_VERSION) != 0)
        findings_add(probe->findings, STEP_MOUNT, FINDING_NOTE,
                     "the running token.fcgi is version %s, this tokenctl %s; start it again", version,
                     TOKEN_VERSION);
    if (config == NULL)
        return;
    if (differs(configuration, config->file))
        findings_add(probe->findings, STEP_MOUNT, FINDING_ERROR,
                     "%s%s: the running token.fcgi has another configuration, %s, and not %s; start it with "
                     "TOKEN_CONF=%s or -c, or give that file to tokenctl -c",
                     probe->origin, probe->mount, configuration, config->file, config->file);
    else if (differs(path_of(probe, "accounts"), config->accounts) ||
             differs(path_of(probe, "keys"), config->keys))
        findings_add(
            probe->findings, STEP_MOUNT, FINDING_WARNING,
            "%s was changed since token.fcgi has loaded it: accounts or keys are in other files; run: "
            "kill -HUP PID, or systemctl reload token",
            config->file);
    else if (keys != NULL && strcmp(signer, keys->signer->kid) != 0)
        findings_add(
            probe->findings, STEP_MOUNT, FINDING_WARNING,
            "the running token.fcgi signs with %s, and not with %s of %s; its log says why it has not "
            "loaded that; run: kill -HUP PID",
            signer, keys->signer->kid, config->keys);
}

static void judge_reload(const struct probe *probe)
{
    struct json_object *refused = json_object_object_get(probe->answer.json, "last_refused");
    if (refused != NULL)
        findings_add(probe->findings, STEP_MOUNT, FINDING_WARNING,
                     "token.fcgi goes on with what it had, as it refused at %s: %s",
                     string_of(refused, "time"), string_of(refused, "reason"));
    if (strcmp(probe_string(probe, "state"), "in_memory") == 0)
        findings_add(probe->findings, STEP_STATE, FINDING_WARNING,
                     "the running token.fcgi counts failures in its memory, as the state folder cannot be "
                     "used; its log says why");
}

/* Nothing is shown of a machine that is alone, or on which token-sync has never run. */
static void judge_sync(const struct probe *probe)
{
    struct json_object *sync = json_object_object_get(probe->answer.json, "sync");
    const char *state = string_of(sync, "state");
    if (strcmp(state, "connected") == 0)
        findings_add(probe->findings, STEP_SYNC, FINDING_GOOD, "token-sync is connected since %s",
                     string_of(sync, "since"));
    else if (state[0] != '\0')
        findings_add(probe->findings, STEP_SYNC, FINDING_WARNING,
                     "token-sync is %s since %s, so that this machine counts and revokes alone; %s",
                     strcmp(state, "not_running") == 0 ? "not running" : "without its engine",
                     string_of(sync, "since"),
                     strcmp(state, "not_running") == 0 ? "start it" : "its log says why");
}

/* --- The source --- */

static bool is_admitted(const struct probe *probe, const char *text)
{
    const struct config *config = probe->doctor->config;
    struct address address;
    return config != NULL && address_parse_remote(text, strlen(text), &address) &&
           network_list_contains(text_of(config->status_from), &address);
}

static bool is_same_address(const char *one, const char *other)
{
    struct address a;
    struct address b;
    return address_parse_remote(one, strlen(one), &a) && address_parse_remote(other, strlen(other), &b) &&
           memcmp(&a, &b, sizeof a) == 0;
}

/* The answer has no details: the source is none of status_from. */
static void report_hidden(struct probe *probe)
{
    const char *local = probe->answer.local;
    if (is_admitted(probe, local))
        findings_add(probe->findings, STEP_SOURCE, FINDING_ERROR,
                     "token.fcgi does not see the client's address, %s: all clients count as one, and from= "
                     "refuses them; %s",
                     local, probe_remedy(probe, WEB_NO_SOURCE, probe->mount));
    else
        findings_add(probe->findings, STEP_SOURCE, FINDING_NOTE,
                     "%s%s/health shows no details to %s; run the doctor on the machine itself, with --url "
                     "http://127.0.0.1, or add the address to status_from",
                     probe->origin, probe->mount, local);
}

static void judge_source(struct probe *probe)
{
    const char *source = probe_string(probe, "source");
    const char *forwarded = probe_string(probe, "forwarded_for");
    const char *local = probe->answer.local;
    const char *remedy = probe_remedy(probe, WEB_BALANCED, source);
    if (forwarded[0] != '\0')
        findings_add(probe->findings, STEP_SOURCE, FINDING_ERROR,
                     "the source address is %s, which is a balancer's: X-Forwarded-For has the client's, %s; "
                     "all clients count as one; %s",
                     source, forwarded, remedy);
    else if (!is_same_address(source, local))
        findings_add(probe->findings, STEP_SOURCE, FINDING_WARNING,
                     "the source address is %s, and this client has %s: if a balancer is between them, all "
                     "clients count as one; have it send X-Forwarded-For, and %s",
                     source, local, remedy);
    else
        findings_add(probe->findings, STEP_SOURCE, FINDING_GOOD, "token.fcgi sees the client's address, %s",
                     source);
}

static bool is_loopback(const char *text)
{
    struct network loopback;
    struct address address;
    return address_parse_remote(text, strlen(text), &address) &&
           ((network_parse("127.0.0.0/8", 11, &loopback) && network_contains(&loopback, &address)) ||
            strcmp(text, "::1") == 0);
}

static void judge_https(struct probe *probe)
{
    const struct config *config = probe->doctor->config;
    const bool seen = json_object_get_boolean(json_object_object_get(probe->answer.json, "https"));
    const bool is_https_issuer = config != NULL && strncmp(config->issuer, "https:", 6) == 0;
    if (probe->is_https && !seen)
        findings_add(probe->findings, STEP_SOURCE, FINDING_WARNING,
                     "token.fcgi does not see that the request came by HTTPS; %s",
                     probe_remedy(probe, WEB_NO_HTTPS, probe->mount));
    else if (!probe->is_https && is_https_issuer)
        findings_add(probe->findings, STEP_SOURCE,
                     is_loopback(probe->answer.remote) ? FINDING_NOTE : FINDING_WARNING,
                     "the issuer is %s, but this URL is http, and HTTPS not seen; look at --url %s, too",
                     config->issuer, config->issuer);
}

void web_health(struct probe *probe)
{
    if (probe_string(probe, "status")[0] == '\0')
        return;
    if (probe_string(probe, "version")[0] == '\0') {
        report_hidden(probe);
        return;
    }
    judge_process(probe);
    judge_reload(probe);
    judge_sync(probe);
    judge_source(probe);
    judge_https(probe);
}
