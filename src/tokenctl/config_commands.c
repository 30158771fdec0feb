/* tokenctl config, config set */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file_lock.h"
#include "base/file_replace.h"
#include "base/json.h"
#include "config/config.h"
#include "config/config_edit.h"
#include "config/config_key.h"
#include "service/service.h"
#include "tokenctl/command.h"
#include "tokenctl/output.h"

enum { LARGEST_FILE = 1024 * 1024 };

/* --- config --- */

static bool is_key_given(const struct config *config, size_t key)
{
    return (config->given & UINT64_C(1) << key) != 0;
}

/* Prints the keys that the file has, or the others. */
static void print_keys(const struct config *config, bool given)
{
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        struct buffer value = {0};
        if (is_key_given(config, i) == given && config_key_format(&config_keys[i], config, &value)) {
            printf("%s = ", config_keys[i].name);
            output_print((struct text){value.data, value.length}, 0);
            putchar('\n');
        }
        buffer_free(&value);
    }
}

static bool add_config_key(struct json_object *object, const struct config *config, size_t key)
{
    struct buffer value = {0};
    struct json_object *member = NULL;
    bool complete = true;
    if (config_key_format(&config_keys[key], config, &value)) {
        member = json_object_new_object();
        complete = output_add(member, "value", (struct text){value.data, value.length}) &&
                   json_add(member, "default", json_object_new_boolean(!is_key_given(config, key)));
        if (complete)
            complete = json_add(object, config_keys[key].name, json_object_get(member));
    }
    complete = complete && !value.out_of_memory;
    json_object_put(member);
    buffer_free(&value);
    return complete;
}

static int print_config_json(const struct config *config)
{
    struct json_object *object = json_object_new_object();
    bool complete = object != NULL;
    for (size_t i = 0; complete && i < CONFIG_KEYS; i++)
        complete = add_config_key(object, config, i);
    if (complete)
        return output_object(object, JSON_C_TO_STRING_PRETTY);
    json_object_put(object);
    return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
}

static int run_config(const struct invocation *invocation)
{
    struct config *config = config_load(invocation->config_file, invocation->diagnostics);
    int status = EXIT_FAILURE;
    if (config != NULL && invocation->values[OPTION_JSON] != NULL) {
        status = print_config_json(config);
    } else if (config != NULL) {
        fputs("# ", stdout);
        output_print(text_of(config->file), 0);
        putchar('\n');
        print_keys(config, true);
        puts("\n# defaults");
        print_keys(config, false);
        status = finish_output();
    }
    config_release(config);
    return status;
}

/* --- config set --- */

/* Writes the candidate beside the configuration, as what it names is relative to its folder. It gets the mode
 * and the owner of the configuration. Returns false with errno set. */
static bool write_candidate(const char *path, const struct stat *status, const struct buffer *content)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return false;
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    const bool good = write(file, content->data, content->length) == (ssize_t)content->length &&
                      fchown(file, status->st_uid, status->st_gid) == 0 &&
                      fchmod(file, status->st_mode & 0777) == 0;
    const int error = errno;
    close(file);
    errno = error;
    return good;
}

struct candidate {
    const char *file;
    const char *config_file; /* which it is to replace */
};

/* An on_message function. Of the candidate nobody knows, so its messages have the name of the file. */
static void report_of_candidate(void *context, enum severity severity, const char *message)
{
    const struct candidate *candidate = context;
    const size_t length = strlen(candidate->file);
    char renamed[2 * PATH_MAX];
    if (strncmp(message, candidate->file, length) == 0) {
        snprintf(renamed, sizeof renamed, "%s%s", candidate->config_file, message + length);
        message = renamed;
    }
    diagnostics_to_stream(stderr, severity, message);
}

/* Checks what the candidate names as token.fcgi -t does, in a process of its own, as it becomes the user of
 * the configuration. Returns false after the reason was reported. */
static bool check_candidate(struct candidate *candidate)
{
    struct diagnostics diagnostics = {.on_message = report_of_candidate, .context = candidate};
    struct service_counts counts;
    int status = 0;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        const bool good = service_examine(candidate->file, &diagnostics, &counts);
        _exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    if (child < 0)
        command_error(0, "%s", strerror(errno));
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* Returns false after reporting the reason. */
static bool is_good(const struct invocation *invocation, const struct file_content *old,
                    const struct buffer *content)
{
    const char *path = invocation->config_file;
    struct config *config = config_load_text(path, (struct text){content->data, content->length},
                                             &old->status, invocation->diagnostics);
    if (config == NULL)
        return false;
    config_release(config);
    char *file = file_resolve(path, ".token.conf.check");
    bool good = file != NULL && write_candidate(file, &old->status, content);
    if (!good)
        command_error(0, "%s: it cannot be checked: %s", path, strerror(errno));
    good = good && check_candidate(&(struct candidate){file, path});
    if (file != NULL)
        unlink(file);
    free(file);
    return good;
}

/* Says what became of the key, or would. Returns an exit status. */
static int report_config_change(const struct invocation *invocation, const char *result)
{
    const char *key = invocation->arguments[0];
    const char *value = invocation->arguments[1];
    struct json_object *object = NULL;
    if (invocation->values[OPTION_JSON] == NULL && invocation->values[OPTION_DRY_RUN] != NULL) {
        printf("%s would be ", key);
        output_print(value[0] != '\0' ? text_of(value) : text_of("the default"), 0);
        putchar('\n');
        return finish_output();
    }
    if (invocation->values[OPTION_JSON] == NULL)
        return command_error(EXIT_SUCCESS, "%s is set; a running token.fcgi%s on SIGHUP", key,
                             strncmp(key, "sync", 4) == 0 ? " and token-sync apply it" : " applies it");
    object = json_object_new_object();
    if (output_add(object, "key", text_of(key)) &&
        (value[0] == '\0' || output_add(object, "value", text_of(value))) &&
        json_add_string(object, "result", result))
        return output_object(object, JSON_C_TO_STRING_PLAIN);
    json_object_put(object);
    return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
}

/* The caller holds the lock. Returns an exit status. */
static int replace(const struct invocation *invocation, const struct file_content *old,
                   const struct buffer *content)
{
    const char *path = invocation->config_file;
    const char *key = invocation->arguments[0];
    const bool is_trial = invocation->values[OPTION_DRY_RUN] != NULL;
    if (content->out_of_memory)
        return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    if (content->length == old->size && memcmp(content->data, old->data, old->size) == 0)
        return invocation->values[OPTION_JSON] != NULL
                   ? report_config_change(invocation, "unchanged")
                   : command_error(EXIT_SUCCESS, "%s already has this value", key);
    if (!is_good(invocation, old, content))
        return command_error(EXIT_FAILURE, "%s: nothing is changed", path);
    if (!is_trial && !file_replace(path, content->data, content->length, 0644))
        return command_error(EXIT_FAILURE, "%s: the file cannot be replaced and is unchanged: %s", path,
                             strerror(errno));
    return report_config_change(invocation, "changed");
}

static int set_key(const struct invocation *invocation)
{
    const char *path = invocation->config_file;
    struct file_content old;
    struct buffer content = {0};
    if (!file_read(path, LARGEST_FILE, &old))
        return command_error(EXIT_FAILURE, "%s: cannot be read: %s", path, file_read_reason(errno));
    config_edit_set((struct text){old.data, old.size}, invocation->arguments[0],
                    text_of(invocation->arguments[1]), &content);
    const int status = replace(invocation, &old, &content);
    buffer_free(&content);
    file_content_free(&old);
    return status;
}

static int run_config_set(const struct invocation *invocation)
{
    const char *key = invocation->arguments[0];
    const struct config_key *nearest = config_key_nearest(key);
    if (config_key_find(key) == NULL)
        return command_error(EXIT_USAGE, "there is no key %s%s%s", key, nearest != NULL ? "; is it " : "",
                             nearest != NULL ? nearest->name : " (see token.conf(5))");
    if (text_has_control(text_of(invocation->arguments[1])))
        return command_error(EXIT_USAGE, "%s: there is a control character in the value", key);
    const int guard = file_lock(invocation->config_file, invocation->diagnostics);
    if (guard < 0)
        return command_error(EXIT_FAILURE, "%s: it cannot be locked: %s", invocation->config_file,
                             strerror(errno));
    const int status = set_key(invocation);
    close(guard);
    return status;
}

const struct command config_commands[] = {
    {"config set", "config set KEY VALUE [--json] [-n]",
     "Sets a key of token.conf, after the checks of tokenctl check; an empty VALUE removes the key.\n"
     "Comments and the order stay.\n"
     "  --json   as a JSON object\n"
     "  -n       checks it, and changes nothing\n",
     TAKES(OPTION_JSON) | TAKES(OPTION_DRY_RUN), TWO_ARGUMENTS, run_config_set},
    {"config", "config [--json]",
     "Prints the configuration in force, in the form of token.conf: what the file has, then the\n"
     "defaults.\n"
     "  --json   as a JSON object\n",
     TAKES(OPTION_JSON), NO_ARGUMENT, run_config},
    {.name = NULL},
};
