/* What resource servers and clients read: keys, metadata, and the clock. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "doctor/web.h"

enum { LEAST_SKEW = 2 };

/* --- Keys --- */

static bool publishes_kid(struct json_object *keys, const char *kid)
{
    for (size_t i = 0; i < json_object_array_length(keys); i++) {
        struct json_object *member = json_object_object_get(json_object_array_get_idx(keys, i), "kid");
        if (json_object_is_type(member, json_type_string) && strcmp(json_object_get_string(member), kid) == 0)
            return true;
    }
    return false;
}

static void judge_keys(struct probe *probe)
{
    struct json_object *keys = json_object_object_get(probe->answer.json, "keys");
    const struct keyset *ours = probe->doctor->keys;
    if (!json_object_is_type(keys, json_type_array))
        findings_add(probe->findings, STEP_PUBLISHED, FINDING_ERROR,
                     "%s%s/jwks: %ld, and no key set, so that resource servers have no keys; %s",
                     probe->origin, probe->mount, probe->answer.status,
                     probe_remedy(probe, WEB_NOT_MOUNTED, probe->mount));
    else if (ours != NULL && ours->signer->published != NULL && !publishes_kid(keys, ours->signer->kid))
        findings_add(probe->findings, STEP_PUBLISHED, FINDING_WARNING,
                     "%s%s/jwks does not have %s, which signs; if a cache is in the way, have it heed "
                     "Cache-Control, or see the log of token.fcgi",
                     probe->origin, probe->mount, ours->signer->kid);
    else
        findings_add(probe->findings, STEP_PUBLISHED, FINDING_GOOD, "%s%s/jwks has the public keys, %zu",
                     probe->origin, probe->mount, json_object_array_length(keys));
}

/* --- Metadata --- */

/* `path` follows the origin. */
static void look_at_metadata(struct probe *probe, const char *path, enum finding_weight weight)
{
    const struct message get = {.user = NULL};
    const struct config *config = probe->doctor->config;
    const bool is_sent = probe_send(probe, path, &get);
    const char *issuer = is_sent ? probe_string(probe, "issuer") : "";

    if (issuer[0] == '\0')
        findings_add(probe->findings, STEP_PUBLISHED, weight,
                     "%s%s: %ld, and no metadata, where clients and resource servers look for it; %s",
                     probe->origin, path, probe->answer.status,
                     probe_remedy(probe, WEB_NO_METADATA, probe->mount));
    else if (config != NULL && strcmp(issuer, config->issuer) != 0)
        findings_add(
            probe->findings, STEP_PUBLISHED, FINDING_ERROR,
            "%s%s: the issuer of the running token.fcgi is %s, and that of %s %s; run: kill -HUP PID",
            probe->origin, path, issuer, config->file, config->issuer);
    else
        findings_add(probe->findings, STEP_PUBLISHED, FINDING_GOOD, "%s%s has the metadata of %s",
                     probe->origin, path, issuer);
}

void web_published(struct probe *probe)
{
    static const char inside[] = "/.well-known/openid-configuration";
    static const char outside[] = "/.well-known/oauth-authorization-server";
    const struct message get = {.user = NULL};
    struct buffer path = {0};
    if (probe_endpoint(probe, "/jwks", &get))
        judge_keys(probe);
    buffer_print(&path, "%s%s", probe->mount, inside);
    if (!path.out_of_memory)
        look_at_metadata(probe, path.data, FINDING_ERROR);
    buffer_free(&path);
    buffer_print(&path, "%s%s", outside, probe->mount);
    if (!path.out_of_memory)
        look_at_metadata(probe, path.data, FINDING_WARNING);
    buffer_free(&path);
}

/* --- The clock --- */

void web_clock(struct probe *probe)
{
    const struct message get = {.user = NULL};
    const struct config *config = probe->doctor->config;
    const long allowed = config != NULL && config->clock_skew > LEAST_SKEW ? config->clock_skew : LEAST_SKEW;
    if (!probe_endpoint(probe, "/health", &get) || probe->answer.date[0] == '\0')
        return;
    int64_t date = 0;
    if (!probe_parse_date(probe->answer.date, &date))
        return;
    const int64_t ahead = date - probe->answer.received;
    if (llabs(ahead) > allowed)
        findings_add(
            probe->findings, STEP_CLOCK, FINDING_ERROR,
            "the clock of the web server is %" PRId64 " seconds %s this one, more than the %ld of "
            "clock_skew, so that tokens are not valid yet or expire early; run an NTP client on both "
            "machines",
            ahead > 0 ? ahead : -ahead, ahead > 0 ? "ahead of" : "behind", allowed);
    else
        findings_add(probe->findings, STEP_CLOCK, FINDING_GOOD,
                     "the clock of the web server is that of this "
                     "machine, within %ld seconds",
                     allowed);
}
