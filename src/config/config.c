#include "config/config.h"

#include <errno.h>
#include <ini.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/identity.h"
#include "base/text.h"
#include "config/config_key.h"
#include "config/config_line.h"

/* The size of inih's line buffer is chosen when it is built. The same file must not be valid on one
 * machine and invalid on another, so lines are limited to inih's usual size. */
enum { SIZE_LIMIT = 1024 * 1024, LINE_SIZE = 200 };

/* Shared by the reader, the handler and the setters while a file is read. */
struct parsing {
    struct config_origin origin;
    struct text rest;
    size_t given_at[CONFIG_KEYS]; /* the line number of each key; 0: not given */
};

static void add_unknown_error(const struct config_origin *origin, const char *name)
{
    const struct config_key *nearest = config_key_nearest(name);
    if (nearest != NULL)
        diagnostics_add(origin->diagnostics, SEVERITY_ERROR, origin->file, origin->line,
                        "unknown key '%s': is '%s' meant?", name, nearest->name);
    else
        diagnostics_add(origin->diagnostics, SEVERITY_ERROR, origin->file, origin->line,
                        "unknown key '%s': see token.conf(5) for the known keys", name);
}

/* inih's handler. Always returns 1, because errors are counted in the diagnostics. */
static int handle_value(void *user, const char *section, const char *name, const char *value)
{
    struct parsing *parsing = user;
    struct config_origin *origin = &parsing->origin;
    (void)section;
    const struct config_key *key = config_key_find(name);
    if (key == NULL) {
        add_unknown_error(origin, name);
        return 1;
    }
    size_t *given_at = &parsing->given_at[key - config_keys];
    if (*given_at > 0) {
        diagnostics_add(origin->diagnostics, SEVERITY_ERROR, origin->file, origin->line,
                        "%s is already set in line %zu: remove one of them", name, *given_at);
        return 1;
    }
    *given_at = origin->line;
    if (value[0] == '\0')
        config_key_error(origin, key, "has no value: add one, or remove the line");
    else
        key->set(origin, key, value);
    return 1;
}

/* inih's reader, like fgets(): returns the next line that inih parses as it is meant. inih does not give
 * its handler the line number, so lines are counted here. */
static char *next_config_line(char *out, int size, void *stream)
{
    struct parsing *parsing = stream;
    while (parsing->rest.data != NULL) {
        const struct text line = config_line_trim(text_split(&parsing->rest, '\n'));
        parsing->origin.line++;
        if (line.length == 0 || line.data[0] == '#')
            continue;
        const char *fault = config_line_fault(line, size < LINE_SIZE ? (size_t)size : LINE_SIZE);
        if (fault == NULL) {
            memcpy(out, line.data, line.length);
            out[line.length] = '\0';
            return out;
        }
        diagnostics_add(parsing->origin.diagnostics, SEVERITY_ERROR, parsing->origin.file,
                        parsing->origin.line, "%s", fault);
    }
    return NULL;
}

/* Returns the number of CPUs that this process may use; in a container they may be fewer than the machine
 * has. */
static long usable_cpus(long most)
{
    cpu_set_t cpus;
    const int count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    return count < most ? count : most;
}

static void apply_defaults(struct parsing *parsing)
{
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        const struct config_key *key = &config_keys[i];
        if (parsing->given_at[i] == 0 && key->fallback != NULL)
            key->set(&parsing->origin, key, key->fallback);
    }
}

/* Sets the defaults that depend on other values. */
static void apply_computed_defaults(struct parsing *parsing)
{
    struct config_origin *origin = &parsing->origin;
    struct config *config = origin->config;
    const struct config_key *issuer = config_key_find("issuer");
    const struct config_key *audience = config_key_find("audience");
    if (parsing->given_at[issuer - config_keys] == 0)
        config_key_error(origin, issuer,
                         "is missing: add a line such as 'issuer = https://api.example.com/apiops/auth'");
    else if (config->audience == NULL && config->issuer != NULL)
        audience->set(origin, audience, config->issuer);
    if (parsing->given_at[config_key_find("verify_concurrency") - config_keys] == 0)
        config->verify_concurrency = usable_cpus(CONFIG_VERIFIERS);
    if (parsing->given_at[config_key_find("threads") - config_keys] == 0)
        config->threads = usable_cpus(CONFIG_THREADS);
}

static struct config *parse_config(const char *path, struct text content, struct diagnostics *diagnostics)
{
    const size_t skipped = text_mark_length(content);
    struct config *config = calloc(1, sizeof *config);
    struct parsing parsing = {.origin = {.config = config, .diagnostics = diagnostics, .file = path},
                              .rest = {content.data + skipped, content.length - skipped}};
    if (config == NULL) {
        config_no_memory_error(&parsing.origin);
        return NULL;
    }
    refcount_init(&config->holders);
    config->file = text_copy(text_of(path));
    if (config->file == NULL || ini_parse_stream(next_config_line, &parsing, handle_value, &parsing) < 0)
        config_no_memory_error(&parsing.origin);
    parsing.origin.line = 0;
    for (size_t i = 0; i < CONFIG_KEYS; i++)
        config->given |= parsing.given_at[i] > 0 ? UINT64_C(1) << i : 0;
    apply_defaults(&parsing);
    apply_computed_defaults(&parsing);
    return config;
}

/* Returns the user of the daemon, if another user runs this program: `user`; or, if a web server starts
 * the daemon and root runs this, the owner of the state folder, which only the daemon's user writes. 0:
 * unknown. */
static uid_t find_trusted_owner(const struct config *config)
{
    struct identity identity;
    struct stat status;
    if (config->user != NULL)
        return identity_find_user(config->user, &identity) ? identity.user : 0;
    const bool is_known = geteuid() == 0 && config->state != NULL && stat(config->state, &status) == 0;
    return is_known ? status.st_uid : 0;
}

static void add_read_error(const char *path, int error, struct diagnostics *diagnostics)
{
    static const char remedy[] = "'tokenctl init' writes one where it is missing, -c FILE names another";
    diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "cannot be read: %s; %s", file_read_reason(error),
                    file_read_remedy(error, remedy));
}

struct config *config_load_text(const char *path, struct text content, const struct stat *status,
                                struct diagnostics *diagnostics)
{
    const size_t errors = diagnostics->errors;
    struct config *config = parse_config(path, content, diagnostics);
    if (config != NULL)
        config->owner = diagnostics->user = find_trusted_owner(config);
    file_is_trusted(path, status, false, diagnostics);
    if (diagnostics->errors == errors)
        return config;
    config_release(config);
    return NULL;
}

struct config *config_load(const char *path, struct diagnostics *diagnostics)
{
    struct file_content content;
    if (!file_read(path, SIZE_LIMIT, &content)) {
        add_read_error(path, errno, diagnostics);
        return NULL;
    }
    struct config *config =
        config_load_text(path, (struct text){content.data, content.size}, &content.status, diagnostics);
    file_content_free(&content);
    return config;
}

const char *config_path(const char *option)
{
    if (option != NULL)
        return option;
    const char *variable = getenv("TOKEN_CONF");
    return variable != NULL && variable[0] != '\0' ? variable : SYSCONFDIR "/token/token.conf";
}

struct config *config_hold(struct config *config)
{
    refcount_hold(&config->holders);
    return config;
}

void config_release(struct config *config)
{
    if (config == NULL || !refcount_release(&config->holders))
        return;
    char *const strings[] = {config->file,
                             config->issuer,
                             config->audience,
                             config->accounts,
                             config->keys,
                             config->state,
                             config->log,
                             config->token_typ,
                             config->user,
                             config->group,
                             config->status_from,
                             config->mount_path,
                             config->sync,
                             config->sync_user,
                             config->sync_password_file,
                             config->sync_name,
                             config->authorization_endpoint};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        free(strings[i]);
    free(config);
}
