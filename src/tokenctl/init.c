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
#include "config/config.h"
#include "config/config_key.h"
#include "config/issuer.h"
#include "token/keyset_file.h"
#include "tokenctl/command.h"
#include "tokenctl/key_option.h"

enum { CONFIG_MODE = 0644, ACCOUNTS_MODE = 0640, STATE_MODE = 0700, FOLDER_MODE = 0755 };

static const char default_issuer[] = "http://127.0.0.1:8080/apiops/auth";
static const char empty_accounts[] =
    "# client_id:crypt-hash[:attribute attribute ...], see token-accounts(5); tokenctl add writes a line.\n";

/* What happened to one file or folder. KEPT: it existed. FAILED: reported. */
enum result { MADE, KEPT, FAILED };

static enum result init_failed(const char *path)
{
    complain(0, "%s: %s%s", path, file_read_reason(errno),
             errno == ENOENT ? "; make the folder above it first" : "");
    return FAILED;
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0 || errno != ENOENT;
}

static enum result make_folder(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0)
        return MADE;
    return errno == EEXIST ? KEPT : init_failed(path);
}

static enum result make_file(const char *path, const char *data, mode_t mode, struct diagnostics *diagnostics)
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
static void write_config(struct buffer *out, const char *issuer)
{
    buffer_print(out,
                 "# token.conf(5) describes each key. Keys in comments show their defaults.\n\n"
                 "issuer = %s\n\n",
                 issuer);
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        if (config_keys[i].fallback != NULL)
            buffer_print(out, "#%s = %s\n", config_keys[i].name, config_keys[i].fallback);
    }
}

static enum result make_config(const char *path, const char *issuer, struct diagnostics *diagnostics)
{
    struct buffer out = {0};
    write_config(&out, issuer);
    errno = ENOMEM;
    const enum result result =
        out.out_of_memory ? init_failed(path) : make_file(path, out.data, CONFIG_MODE, diagnostics);
    buffer_free(&out);
    return result;
}

static bool print_result(const char *path, enum result result)
{
    if (result != FAILED)
        printf("%s %s\n", result == MADE ? "made" : "kept", path);
    return result != FAILED;
}

static bool make_config_folder(const char *config_file)
{
    char *folder = file_resolve(config_file, "");
    bool good = folder != NULL && (folder[0] == '\0' || make_folder(folder, FOLDER_MODE) != FAILED);
    free(folder);
    return good;
}

/* Makes the files and the folder that the configuration names, whether it is new or was kept. */
static bool make_named(const struct config *config, enum jws_algorithm algorithm, bool algorithm_is_given,
                       struct diagnostics *diagnostics)
{
    if (!print_result(config->accounts,
                      make_file(config->accounts, empty_accounts, ACCOUNTS_MODE, diagnostics)))
        return false;
    const enum result keys = make_keys(config->keys, algorithm, diagnostics);
    if (keys == KEPT && algorithm_is_given)
        complain(0, "--alg is not followed: %s is kept; tokenctl key rotate --alg %s makes another key",
                 config->keys, jws_algorithm_name(algorithm));
    return print_result(config->keys, keys) &&
           print_result(config->state, make_folder(config->state, STATE_MODE));
}

static void warn_issuer_kept(const struct config *config, const char *given)
{
    if (given != NULL && strcmp(given, config->issuer) != 0)
        complain(0, "--issuer is not followed: %s is kept, with issuer = %s", config->file, config->issuer);
}

static int check_issuer(const char *issuer)
{
    char *mount_path = NULL;
    const enum issuer_result result = issuer_parse(issuer, &mount_path);
    free(mount_path);
    return result == ISSUER_GOOD
               ? EXIT_SUCCESS
               : complain(EXIT_USAGE, "--issuer %s: it %s", issuer, issuer_complaint(result));
}

static int run_init(const struct invocation *invocation)
{
    const char *option = invocation->values[OPTION_ISSUER];
    const char *issuer = option != NULL ? option : default_issuer;
    enum jws_algorithm algorithm = JWS_HS256;
    bool given = false;
    int status = check_issuer(issuer);
    if (status == EXIT_SUCCESS)
        status = key_option_read(invocation, &given, &algorithm);
    if (status != EXIT_SUCCESS)
        return status;
    if (!make_config_folder(invocation->config_file) ||
        !print_result(invocation->config_file,
                      make_config(invocation->config_file, issuer, invocation->diagnostics)))
        return EXIT_FAILURE;

    struct config *config = config_load(invocation->config_file, invocation->diagnostics);
    if (config != NULL)
        warn_issuer_kept(config, option);
    const bool good = config != NULL && make_named(config, algorithm, given, invocation->diagnostics);
    config_release(config);
    return finish_output() == EXIT_SUCCESS && good ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command init_commands[] = {
    {"init", "init [--issuer URL] [--alg A]",
     "Makes token.conf, and accounts, keys.jwks and state/ as it names them, where they are\n"
     "missing, with safe modes. Never overwrites a file.\n"
     "  --issuer URL   the issuer; else http://127.0.0.1:8080/apiops/auth\n"
     "  --alg A        the algorithm of the key: HS256 (default), ES256, EdDSA or RS256\n",
     TAKES(OPTION_ISSUER) | TAKES(OPTION_ALG), NO_ARGUMENT, run_init},
    {.name = NULL},
};
