#include "config/config_key.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cidr.h"
#include "base/file.h"
#include "base/identity.h"
#include "base/log.h"
#include "base/text.h"
#include "config/issuer.h"
#include "config/sync_address.h"

enum { TYPO_DISTANCE = 2 };

void config_key_error(const struct config_origin *origin, const struct config_key *key, const char *fault)
{
    diagnostics_add(origin->diagnostics, SEVERITY_ERROR, origin->file, origin->line, "%s %s", key->name,
                    fault);
}

static void *field_of(const struct config_origin *origin, const struct config_key *key)
{
    return (char *)origin->config + key->offset;
}

void config_no_memory_error(const struct config_origin *origin)
{
    diagnostics_add(origin->diagnostics, SEVERITY_ERROR, origin->file, origin->line, "%s", strerror(ENOMEM));
}

/* Stores `copy` and takes ownership of it. NULL means that memory ran out. */
static void store_string(struct config_origin *origin, const struct config_key *key, char *copy)
{
    if (copy == NULL)
        config_no_memory_error(origin);
    *(char **)field_of(origin, key) = copy;
}

static void set_string(struct config_origin *origin, const struct config_key *key, const char *value)
{
    store_string(origin, key, text_copy(text_of(value)));
}

static void set_path(struct config_origin *origin, const struct config_key *key, const char *value)
{
    store_string(origin, key, file_resolve(origin->file, value));
}

static void set_log(struct config_origin *origin, const struct config_key *key, const char *value)
{
    const bool is_name = strcmp(value, "stderr") == 0 || strcmp(value, "syslog") == 0;
    (is_name ? set_string : set_path)(origin, key, value);
}

/* `fault` is what is wrong with a value that is not valid. */
static void set_valid(struct config_origin *origin, const struct config_key *key, const char *value,
                      bool is_valid, const char *fault)
{
    if (is_valid)
        set_string(origin, key, value);
    else
        config_key_error(origin, key, fault);
}

static void set_issuer(struct config_origin *origin, const struct config_key *key, const char *value)
{
    const enum issuer_result result = issuer_parse(value, &origin->config->mount_path);
    set_valid(origin, key, value, result == ISSUER_GOOD, issuer_fault(result));
}

static void set_url(struct config_origin *origin, const struct config_key *key, const char *value)
{
    const bool has_scheme = strncmp(value, "https://", 8) == 0 || strncmp(value, "http://", 7) == 0;
    set_valid(origin, key, value,
              has_scheme && strcspn(value, " \"\\<>#") == strlen(value) &&
                  text_is_printable_ascii(text_of(value)),
              "must be an absolute URL that starts with https:// or http://, without a fragment: write other "
              "characters as %XX");
}

/* No quote can break out of the header of a token. */
static void set_media_type(struct config_origin *origin, const struct config_key *key, const char *value)
{
    set_valid(origin, key, value, text_is_media_type(text_of(value)),
              "is not a media type's name: write at+jwt or JWT");
}

static void set_yes_no(struct config_origin *origin, const struct config_key *key, const char *value)
{
    const bool yes = strcmp(value, "yes") == 0;
    if (!yes && strcmp(value, "no") != 0)
        config_key_error(origin, key, "must be yes or no");
    *(bool *)field_of(origin, key) = yes;
}

static void set_number(struct config_origin *origin, const struct config_key *key, const char *value)
{
    if (!text_parse_number(text_of(value), key->low, key->high, field_of(origin, key)))
        diagnostics_add(origin->diagnostics, SEVERITY_ERROR, origin->file, origin->line,
                        "%s must be a whole number from %ld to %ld", key->name, key->low, key->high);
}

/* The key is "user" or "group": adduser and addgroup end in these names. */
static void add_name_error(struct config_origin *origin, const struct config_key *key, const char *name)
{
    if (errno != 0)
        diagnostics_add(origin->diagnostics, SEVERITY_ERROR, origin->file, origin->line,
                        "%s %s cannot be looked up: %s", key->name, name, strerror(errno));
    else
        diagnostics_add(origin->diagnostics, SEVERITY_ERROR, origin->file, origin->line,
                        "there is no %s %s: make it with 'add%s --system %s', or name another", key->name,
                        name, key->name, name);
}

static void set_user(struct config_origin *origin, const struct config_key *key, const char *value)
{
    struct identity found;
    if (identity_find_user(value, &found))
        set_string(origin, key, value);
    else
        add_name_error(origin, key, value);
}

static void set_group(struct config_origin *origin, const struct config_key *key, const char *value)
{
    gid_t found;
    if (identity_find_group(value, &found))
        set_string(origin, key, value);
    else
        add_name_error(origin, key, value);
}

static void set_log_level(struct config_origin *origin, const struct config_key *key, const char *value)
{
    if (!log_level_parse(value, field_of(origin, key)))
        config_key_error(origin, key, "must be error, warn, info or debug");
}

static void set_networks(struct config_origin *origin, const struct config_key *key, const char *value)
{
    set_valid(
        origin, key, value, network_list_is_valid(text_of(value)),
        "must be addresses or networks such as 192.0.2.0/24, separated by commas, without bits set after "
        "the prefix");
}

static void set_log_format(struct config_origin *origin, const struct config_key *key, const char *value)
{
    if (!log_format_parse(value, field_of(origin, key)))
        config_key_error(origin, key, "must be text or json");
}

static void set_sync(struct config_origin *origin, const struct config_key *key, const char *value)
{
    const char *fault = sync_addresses_fault(text_of(value));
    if (fault == NULL)
        set_string(origin, key, value);
    else
        config_key_error(origin, key, fault);
}

/* It is in the log of other machines. */
static void set_sync_name(struct config_origin *origin, const struct config_key *key, const char *value)
{
    const struct text name = text_of(value);
    if (name.length <= SYNC_NAME_MAX && text_is_printable_ascii(name) &&
        memchr(value, ' ', name.length) == NULL)
        set_string(origin, key, value);
    else
        config_key_error(origin, key, "must be at most 64 printable ASCII characters without a space");
}

const struct config_key config_keys[CONFIG_KEYS] = {
    {"issuer", set_issuer, offsetof(struct config, issuer), NULL, 0, 0},
    {"audience", set_string, offsetof(struct config, audience), NULL, 0, 0},
    {"accounts", set_path, offsetof(struct config, accounts), "accounts", 0, 0},
    {"keys", set_path, offsetof(struct config, keys), "keys.jwks", 0, 0},
    {"state", set_path, offsetof(struct config, state), "state", 0, 0},
    {"token_lifetime", set_number, offsetof(struct config, token_lifetime), "3600", 0, 315360000},
    {"threads", set_number, offsetof(struct config, threads), NULL, 1, CONFIG_THREADS},
    {"idle_timeout", set_number, offsetof(struct config, idle_timeout), "300", 1, 86400},
    {"verify_concurrency", set_number, offsetof(struct config, verify_concurrency), NULL, 1,
     CONFIG_VERIFIERS},
    {"verify_queue", set_number, offsetof(struct config, verify_queue), "32", 0, 65536},
    {"verify_cost_limit", set_number, offsetof(struct config, verify_cost_limit), "2000", 10, 60000},
    {"verify_cache_ttl", set_number, offsetof(struct config, verify_cache_ttl), "300", 0, 86400},
    {"throttle_failures", set_number, offsetof(struct config, throttle_failures), "10", 1, 1000000},
    {"throttle_window", set_number, offsetof(struct config, throttle_window), "300", 1, 86400},
    {"throttle_source_failures", set_number, offsetof(struct config, throttle_source_failures), "100", 1,
     1000000},
    {"max_body", set_number, offsetof(struct config, max_body), "16384", 1024, 1048576},
    {"request_timeout", set_number, offsetof(struct config, request_timeout), "30", 1, 3600},
    {"backlog", set_number, offsetof(struct config, backlog), "1024", 1, 65535},
    {"strict_rfc6749", set_yes_no, offsetof(struct config, strict_rfc6749), "no", 0, 0},
    {"token_typ", set_media_type, offsetof(struct config, token_typ), "at+jwt", 0, 0},
    {"clock_skew", set_number, offsetof(struct config, clock_skew), "30", 0, 3600},
    {"check_accounts", set_yes_no, offsetof(struct config, check_accounts), "yes", 0, 0},
    {"check_max_age", set_number, offsetof(struct config, check_max_age), "1", 0, 3600},
    {"keys_max_age", set_number, offsetof(struct config, keys_max_age), "3600", 0, 604800},
    {"authorization_endpoint", set_url, offsetof(struct config, authorization_endpoint), NULL, 0, 0},
    {"allow_legacy_hashes", set_yes_no, offsetof(struct config, allow_legacy_hashes), "no", 0, 0},
    {"user", set_user, offsetof(struct config, user), NULL, 0, 0},
    {"group", set_group, offsetof(struct config, group), NULL, 0, 0},
    {"sandbox", set_yes_no, offsetof(struct config, sandbox), "yes", 0, 0},
    {"log", set_log, offsetof(struct config, log), "stderr", 0, 0},
    {"log_level", set_log_level, offsetof(struct config, log_level), "info", 0, 0},
    {"log_format", set_log_format, offsetof(struct config, log_format), "text", 0, 0},
    {"status_from", set_networks, offsetof(struct config, status_from), "127.0.0.0/8,::1", 0, 0},
    {"sync", set_sync, offsetof(struct config, sync), NULL, 0, 0},
    {"sync_user", set_string, offsetof(struct config, sync_user), NULL, 0, 0},
    {"sync_password_file", set_path, offsetof(struct config, sync_password_file), NULL, 0, 0},
    {"sync_tls", set_yes_no, offsetof(struct config, sync_tls), "no", 0, 0},
    {"sync_name", set_sync_name, offsetof(struct config, sync_name), NULL, 0, 0},
    {"sync_wait", set_number, offsetof(struct config, sync_wait), "5", 0, 300},
};

const struct config_key *config_key_find(const char *name)
{
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        if (strcmp(config_keys[i].name, name) == 0)
            return &config_keys[i];
    }
    return NULL;
}

const struct config_key *config_key_nearest(const char *name)
{
    const struct config_key *nearest = NULL;
    size_t least = TYPO_DISTANCE + 1;
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        const size_t distance = text_distance(text_of(name), text_of(config_keys[i].name));
        if (distance < least) {
            least = distance;
            nearest = &config_keys[i];
        }
    }
    return nearest;
}

static const char *yes_no(const void *field)
{
    return *(const bool *)field ? "yes" : "no";
}

static const char *log_level(const void *field)
{
    return log_level_name(*(const enum log_level *)field);
}

static const char *log_format(const void *field)
{
    static const char *const names[] = {[LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json"};
    return names[*(const enum log_format *)field];
}

bool config_key_format(const struct config_key *key, const struct config *config, struct buffer *out)
{
    /* The types of fields that are neither numbers nor strings. */
    static const struct {
        void (*set)(struct config_origin *origin, const struct config_key *key, const char *value);
        const char *(*name)(const void *field);
    } types[] = {{set_yes_no, yes_no}, {set_log_level, log_level}, {set_log_format, log_format}};
    const void *field = (const char *)config + key->offset;
    const char *value = NULL;
    if (key->set == set_number) {
        buffer_print(out, "%ld", *(const long *)field);
        return true;
    }
    for (size_t i = 0; i < sizeof types / sizeof *types && value == NULL; i++) {
        if (key->set == types[i].set)
            value = types[i].name(field);
    }
    if (value == NULL)
        value = *(char *const *)field;
    if (value != NULL)
        buffer_add(out, text_of(value));
    return value != NULL;
}
