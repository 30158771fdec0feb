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

/* inih's room for a line, which whoever builds it chooses. A file must not be good on one machine and bad on
 * another, so no more than the usual is used. */
enum { SIZE_LIMIT = 1024 * 1024, LINE_SIZE = 200 };

/* What the reader, the handler and the setters share while one file is read. */
struct loading {
    struct config_place place;
    struct text rest;
    size_t given_at[CONFIG_KEYS]; /* the line of each key; 0: not given */
};

static void report_unknown(const struct config_place *place, const char *name)
{
    const struct config_key *nearest = config_key_nearest(name);
    if (nearest != NULL)
        diagnostics_add(place->diagnostics, SEVERITY_ERROR, place->file, place->line,
                        "unknown key '%s': is '%s' meant?", name, nearest->name);
    else
        diagnostics_add(place->diagnostics, SEVERITY_ERROR, place->file, place->line,
                        "unknown key '%s': token.conf(5) has those that are known", name);
}

/* inih's handler. It always returns 1, for errors are counted in the report. */
static int take_value(void *user, const char *section, const char *name, const char *value)
{
    struct loading *loading = user;
    struct config_place *place = &loading->place;
    (void)section;
    const struct config_key *key = config_key_find(name);
    if (key == NULL) {
        report_unknown(place, name);
        return 1;
    }
    size_t *given_at = &loading->given_at[key - config_keys];
    if (*given_at > 0) {
        diagnostics_add(place->diagnostics, SEVERITY_ERROR, place->file, place->line,
                        "%s is given a second time, after line %zu: take one of them out", name, *given_at);
        return 1;
    }
    *given_at = place->line;
    if (value[0] == '\0')
        config_key_complain(place, key, "has no value: write one, or take the line out");
    else
        key->set(place, key, value);
    return 1;
}

/* inih's reader, fgets-like: the next line that inih can be trusted with. inih does not tell its handler the
 * number of the line, so it is counted here. */
static char *read_line(char *out, int size, void *stream)
{
    struct loading *loading = stream;
    while (loading->rest.data != NULL) {
        const struct text line = config_line_trim(text_split(&loading->rest, '\n'));
        loading->place.line++;
        if (line.length == 0 || line.data[0] == '#')
            continue;
        const char *complaint = config_line_complaint(line, size < LINE_SIZE ? (size_t)size : LINE_SIZE);
        if (complaint == NULL) {
            memcpy(out, line.data, line.length);
            out[line.length] = '\0';
            return out;
        }
        diagnostics_add(loading->place.diagnostics, SEVERITY_ERROR, loading->place.file, loading->place.line,
                        "%s", complaint);
    }
    return NULL;
}

/* The CPUs that this process may use, which in a container are fewer than there are. */
static long usable_cpus(long most)
{
    cpu_set_t cpus;
    const int count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    return count < most ? count : most;
}

static void set_defaults(struct loading *loading)
{
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        const struct config_key *key = &config_keys[i];
        if (loading->given_at[i] == 0 && key->fallback != NULL)
            key->set(&loading->place, key, key->fallback);
    }
}

/* The defaults that depend on something else. */
static void set_computed_defaults(struct loading *loading)
{
    struct config_place *place = &loading->place;
    struct config *config = place->config;
    const struct config_key *issuer = config_key_find("issuer");
    const struct config_key *audience = config_key_find("audience");
    if (loading->given_at[issuer - config_keys] == 0)
        config_key_complain(place, issuer,
                            "is missing: add a line as 'issuer = https://api.example.com/apiops/auth'");
    else if (config->audience == NULL && config->issuer != NULL)
        audience->set(place, audience, config->issuer);
    if (loading->given_at[config_key_find("verify_concurrency") - config_keys] == 0)
        config->verify_concurrency = usable_cpus(CONFIG_VERIFIERS);
    if (loading->given_at[config_key_find("threads") - config_keys] == 0)
        config->threads = usable_cpus(CONFIG_THREADS);
}

static struct config *parse(const char *path, const struct file_content *content,
                            struct diagnostics *diagnostics)
{
    const size_t skipped = text_mark_length((struct text){content->data, content->size});
    struct config *config = calloc(1, sizeof *config);
    struct loading loading = {.place = {.config = config, .diagnostics = diagnostics, .file = path},
                              .rest = {content->data + skipped, content->size - skipped}};
    if (config == NULL) {
        config_report_no_memory(&loading.place);
        return NULL;
    }
    refcount_init(&config->holders);
    config->file = text_copy(text_of(path));
    if (config->file == NULL || ini_parse_stream(read_line, &loading, take_value, &loading) < 0)
        config_report_no_memory(&loading.place);
    loading.place.line = 0;
    set_defaults(&loading);
    set_computed_defaults(&loading);
    return config;
}

/* The user of the program, as far as another one runs this: `user`, or, where a web server starts it and root
 * has to do with its files, whoever the state belongs to, which only that user writes. */
static uid_t find_owner(const struct config *config)
{
    struct identity identity;
    struct stat status;
    if (config->user != NULL)
        return identity_find_user(config->user, &identity) ? identity.user : 0;
    const bool is_known = geteuid() == 0 && config->state != NULL && stat(config->state, &status) == 0;
    return is_known ? status.st_uid : 0;
}

static void report_unreadable(const char *path, int error, struct diagnostics *diagnostics)
{
    static const char remedy[] = "'tokenctl init' writes one where it is missing, -c FILE names another";
    diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "cannot be read: %s; %s", file_read_reason(error),
                    file_read_remedy(error, remedy));
}

struct config *config_load(const char *path, struct diagnostics *diagnostics)
{
    const size_t errors = diagnostics->errors;
    struct file_content content;
    if (!file_read(path, SIZE_LIMIT, &content)) {
        report_unreadable(path, errno, diagnostics);
        return NULL;
    }
    struct config *config = parse(path, &content, diagnostics);
    if (config != NULL)
        config->owner = diagnostics->user = find_owner(config);
    file_is_trusted(path, &content.status, false, diagnostics);
    file_content_free(&content);
    if (diagnostics->errors == errors)
        return config;
    config_release(config);
    return NULL;
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
    char *const strings[] = {config->file, config->issuer, config->audience,  config->accounts,
                             config->keys, config->state,  config->log,       config->token_typ,
                             config->user, config->group,  config->mount_path};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        free(strings[i]);
    free(config);
}
