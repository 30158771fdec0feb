/* tokenctl init */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/file_lock.h"
#include "base/file_replace.h"
#include "base/identity.h"
#include "base/json.h"
#include "config/config.h"
#include "config/config_key.h"
#include "config/issuer.h"
#include "token/keyset_file.h"
#include "token/openssl.h"
#include "tokenctl/command.h"
#include "tokenctl/key_option.h"
#include "tokenctl/output.h"

enum {
    CONFIG_MODE = 0644,
    ACCOUNTS_MODE = 0640,
    READABLE_MODE = 0640,
    STATE_MODE = 0700,
    FOLDER_MODE = 0755
};

static const char default_issuer[] = "http://127.0.0.1:8080/apiops/auth";
static const char empty_accounts[] =
    "# client_id:crypt-hash[:attribute attribute ...], see token-accounts(5); tokenctl add writes a line.\n";

/* What happened to one file or folder. KEPT: it existed. FAILED: reported. */
enum result { MADE, KEPT, FAILED };

struct init {
    const struct invocation *invocation;
    const char *issuer;
    const char *user;   /* --user; NULL: not given */
    const char *group;  /* --group; NULL: not given */
    bool is_trial;      /* nothing is made */
    bool has_algorithm; /* --alg was given */
    enum jws_algorithm algorithm;
    struct identity owner;       /* of what the program reads and writes */
    struct json_object *results; /* with --json: an object with the arrays made and kept; else NULL */
};

static enum result init_failed(const char *path)
{
    command_error(0, "%s: %s%s", path, file_read_reason(errno),
                  errno == ENOENT ? "; make the folder above it first" : "");
    return FAILED;
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0 || errno != ENOENT;
}

/* Returns what would happen. */
static enum result try_to_make(const char *path)
{
    return is_there(path) ? KEPT : MADE;
}

static enum result make_folder(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0)
        return MADE;
    return errno == EEXIST ? KEPT : init_failed(path);
}

static enum result make_init_file(const char *path, const char *data, mode_t mode,
                                  struct diagnostics *diagnostics)
{
    const int guard = file_lock(path, diagnostics);
    if (guard < 0)
        return init_failed(path);
    enum result result = KEPT;
    if (!is_there(path))
        result = file_replace(path, data, strlen(data), mode) ? MADE : init_failed(path);
    close(guard);
    return result;
}

static enum result make_keys(const char *path, enum jws_algorithm algorithm, struct diagnostics *diagnostics)
{
    struct keyset_rotation rotation = {
        .has_algorithm = true, .algorithm = algorithm, .now = clock_now(), .last_expiry = CLOCK_NEVER};
    if (is_there(path))
        return KEPT;
    return keyset_file_rotate(path, &rotation, diagnostics) ? MADE : FAILED;
}

/* Writes every key with its default as a comment, so that the file shows which keys exist. */
static void write_config(const struct init *init, struct buffer *out)
{
    buffer_print(out,
                 "# token.conf(5) describes each key. Keys in comments show their defaults.\n\n"
                 "issuer = %s\n",
                 init->issuer);
    if (init->user != NULL)
        buffer_print(out, "user = %s\n", init->user);
    if (init->group != NULL)
        buffer_print(out, "group = %s\n", init->group);
    buffer_print(out, "\n");
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        if (config_keys[i].fallback != NULL)
            buffer_print(out, "#%s = %s\n", config_keys[i].name, config_keys[i].fallback);
    }
}

static enum result make_config(const struct init *init)
{
    const char *path = init->invocation->config_file;
    struct buffer out = {0};
    write_config(init, &out);
    errno = ENOMEM;
    const enum result result =
        out.out_of_memory ? init_failed(path)
                          : make_init_file(path, out.data, CONFIG_MODE, init->invocation->diagnostics);
    buffer_free(&out);
    return result;
}

/* Loads the configuration that a trial would make, or that is there. */
static struct config *load_config(const struct init *init)
{
    const char *path = init->invocation->config_file;
    const struct stat status = {.st_mode = S_IFREG | CONFIG_MODE, .st_uid = geteuid()};
    struct buffer out = {0};
    if (!init->is_trial || is_there(path))
        return config_load(path, init->invocation->diagnostics);
    write_config(init, &out);
    struct config *config = out.out_of_memory ? NULL
                                              : config_load_text(path, (struct text){out.data, out.length},
                                                                 &status, init->invocation->diagnostics);
    buffer_free(&out);
    return config;
}

static bool print_result(const struct init *init, const char *path, enum result result)
{
    const char *name = result == MADE ? "made" : "kept";
    if (result == FAILED)
        return false;
    if (init->results == NULL) {
        printf("%s%s %s\n", init->is_trial ? "would be " : "", name, path);
        return true;
    }
    struct json_object *string = json_object_new_string(path);
    if (string != NULL && json_object_array_add(json_object_object_get(init->results, name), string) == 0)
        return true;
    json_object_put(string);
    return command_error(false, "%s", strerror(ENOMEM));
}

static bool make_config_folder(const char *config_file)
{
    char *folder = file_resolve(config_file, "");
    bool good = folder != NULL && (folder[0] == '\0' || make_folder(folder, FOLDER_MODE) != FAILED);
    free(folder);
    return good;
}

/* --- Owners --- */

/* Finds --user and --group. Returns an exit status. */
static int find_new_owner(struct init *init)
{
    const char *missing = NULL;
    init->owner = (struct identity){IDENTITY_NO_USER, IDENTITY_NO_GROUP};
    if (init->user != NULL && !identity_find_user(init->user, &init->owner))
        missing = "user";
    else if (init->group != NULL && !identity_find_group(init->group, &init->owner.group))
        missing = "group";
    if (missing != NULL)
        return command_error(EXIT_FAILURE,
                             "there is no %s %s: make it with 'add%s --system %s', or name another", missing,
                             missing[0] == 'u' ? init->user : init->group, missing,
                             missing[0] == 'u' ? init->user : init->group);
    if (init->user != NULL && geteuid() != 0 && init->owner.user != geteuid())
        return command_error(EXIT_FAILURE, "--user %s: only root can give files to another user", init->user);
    return EXIT_SUCCESS;
}

/* If the configuration was kept, its user and group count. Without them, the owners stay. */
static void use_owner_of(const struct config *config, struct init *init)
{
    init->owner = (struct identity){IDENTITY_NO_USER, IDENTITY_NO_GROUP};
    if (config->user != NULL && !identity_find_user(config->user, &init->owner))
        return;
    if (config->group != NULL)
        identity_find_group(config->group, &init->owner.group);
}

/* Lets the program read the file `path`: through its group, as only root may write it. */
static bool give_file(const struct init *init, const char *path, enum result result)
{
    const bool is_asked = init->user != NULL || init->group != NULL;
    if (result == FAILED || init->owner.group == IDENTITY_NO_GROUP || (result == KEPT && !is_asked))
        return result != FAILED;
    if (chown(path, IDENTITY_NO_USER, init->owner.group) == 0 && chmod(path, READABLE_MODE) == 0)
        return true;
    return command_error(false, "%s: its group cannot be set: %s", path, strerror(errno));
}

static bool give_folder(const struct init *init, const char *path, enum result result)
{
    const bool is_asked = init->user != NULL || init->group != NULL;
    if (result == FAILED || (result == KEPT && !is_asked))
        return result != FAILED;
    const uid_t user = geteuid() == 0 ? init->owner.user : IDENTITY_NO_USER;
    if (chown(path, user, init->owner.group) == 0)
        return true;
    return command_error(false, "%s: its owner cannot be set: %s", path, strerror(errno));
}

/* --- init --- */

/* Makes the files and the folder that the configuration names, whether it is new or was kept. */
static bool make_named(const struct init *init, const struct config *config)
{
    if (init->is_trial)
        return print_result(init, config->accounts, try_to_make(config->accounts)) &&
               print_result(init, config->keys, try_to_make(config->keys)) &&
               print_result(init, config->state, try_to_make(config->state));
    struct diagnostics *diagnostics = init->invocation->diagnostics;
    const enum result accounts = make_init_file(config->accounts, empty_accounts, ACCOUNTS_MODE, diagnostics);
    if (!give_file(init, config->accounts, accounts) || !print_result(init, config->accounts, accounts))
        return false;
    const enum result keys = make_keys(config->keys, init->algorithm, diagnostics);
    if (keys == KEPT && init->has_algorithm)
        command_error(0, "--alg has no effect: %s is kept; tokenctl key rotate --alg %s makes another key",
                      config->keys, jws_algorithm_name(init->algorithm));
    if (!give_file(init, config->keys, keys) || !print_result(init, config->keys, keys))
        return false;
    const enum result state = make_folder(config->state, STATE_MODE);
    return give_folder(init, config->state, state) && print_result(init, config->state, state);
}

static void warn_if_kept(const struct config *config, const char *key, const char *given, const char *kept,
                         const char *remedy)
{
    if (given != NULL && (kept == NULL || strcmp(given, kept) != 0))
        command_error(0, "--%s has no effect: %s is kept, with %s = %s; %s", key, config->file, key,
                      kept != NULL ? kept : "", remedy);
}

static int check_issuer(const char *issuer)
{
    char *mount_path = NULL;
    const enum issuer_result result = issuer_parse(issuer, &mount_path);
    free(mount_path);
    return result == ISSUER_GOOD
               ? EXIT_SUCCESS
               : command_error(EXIT_USAGE, "--issuer %s: it %s", issuer, issuer_fault(result));
}

/* Reads the options. ES256 can be verified by those who cannot sign, but a program on a machine without
 * OpenSSL could not sign with it. Returns an exit status. */
static int read_init_options(const struct invocation *invocation, struct init *init)
{
    const char *issuer = invocation->values[OPTION_ISSUER];
    init->issuer = issuer != NULL ? issuer : default_issuer;
    init->user = invocation->values[OPTION_USER];
    init->group = invocation->values[OPTION_GROUP];
    int status = check_issuer(init->issuer);
    if (status == EXIT_SUCCESS)
        status = key_option_read(invocation, &init->has_algorithm, &init->algorithm);
    if (status == EXIT_SUCCESS && !init->has_algorithm) {
        char fault[256];
        init->algorithm = openssl_load(fault, sizeof fault) != NULL ? JWS_ES256 : JWS_HS256;
    }
    return status == EXIT_SUCCESS ? find_new_owner(init) : status;
}

/* Says what comes next, with -c as it was given. */
static void print_next(const char *config_file)
{
    const bool is_default = strcmp(config_file, config_path(NULL)) == 0;
    const char *option = is_default ? "" : " -c ";
    const char *file = is_default ? "" : config_file;
    printf("\nnext:\n"
           "  tokenctl%s%s add ID --generate --scope \"a b\"\n"
           "  tokenctl%s%s check\n",
           option, file, option, file);
}

static bool make_all(struct init *init)
{
    const char *path = init->invocation->config_file;
    if (!init->is_trial && !make_config_folder(path))
        return false;
    if (!print_result(init, path, init->is_trial ? try_to_make(path) : make_config(init)))
        return false;
    struct config *config = load_config(init);
    if (config == NULL)
        return false;
    /* config set would refuse a user who may not read the files yet; this command lets that user. */
    static const char owner_remedy[] = "change it there with an editor, and run this command again";
    warn_if_kept(config, "issuer", init->invocation->values[OPTION_ISSUER], config->issuer,
                 "tokenctl config set issuer URL changes it");
    warn_if_kept(config, "user", init->user, config->user, owner_remedy);
    warn_if_kept(config, "group", init->group, config->group, owner_remedy);
    use_owner_of(config, init);
    const bool good = make_named(init, config);
    config_release(config);
    return good;
}

/* Returns NULL if memory runs out. */
static struct json_object *new_results(void)
{
    struct json_object *object = json_object_new_object();
    if (json_add(object, "made", json_object_new_array()) &&
        json_add(object, "kept", json_object_new_array()))
        return object;
    json_object_put(object);
    return NULL;
}

static int run_init(const struct invocation *invocation)
{
    const bool as_json = invocation->values[OPTION_JSON] != NULL;
    struct init init = {.invocation = invocation, .is_trial = invocation->values[OPTION_DRY_RUN] != NULL};
    int status = read_init_options(invocation, &init);
    if (status != EXIT_SUCCESS)
        return status;
    init.results = as_json ? new_results() : NULL;
    if (as_json && init.results == NULL)
        return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    const bool good = make_all(&init);
    if (as_json)
        status = output_object(init.results, JSON_C_TO_STRING_PLAIN);
    else if (good && !init.is_trial)
        print_next(invocation->config_file);
    if (!as_json)
        status = finish_output();
    return good ? status : EXIT_FAILURE;
}

const struct command init_commands[] = {
    {"init", "init [--issuer URL] [--user USER] [--group GROUP] [--alg A] [--json] [-n]",
     "Makes token.conf, and accounts, keys.jwks and state/ as it names them, where they are\n"
     "missing, with safe modes. Never overwrites a file.\n"
     "  --issuer URL    the issuer; else http://127.0.0.1:8080/apiops/auth\n"
     "  --user USER     who the program runs as: it may read the files and write the state\n"
     "  --group GROUP   its group; else the user's own\n"
     "  --alg A         the algorithm of the key: ES256 (default where OpenSSL is installed), HS256,\n"
     "                  EdDSA or RS256\n"
     "  --json          prints what was made and kept as JSON\n"
     "  -n              says what would be made, and makes nothing\n",
     TAKES(OPTION_DRY_RUN) | TAKES(OPTION_ISSUER) | TAKES(OPTION_ALG) | TAKES(OPTION_USER) |
         TAKES(OPTION_GROUP) | TAKES(OPTION_JSON),
     NO_ARGUMENT, run_init},
    {.name = NULL},
};
