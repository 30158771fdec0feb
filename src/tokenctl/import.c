/* tokenctl import */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/account_file.h"
#include "account/account_table.h"
#include "account/password_file.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/secret.h"
#include "config/config.h"
#include "password/password.h"
#include "tokenctl/command.h"
#include "tokenctl/output.h"
#include "tokenctl/secret_input.h"
#include "tokenctl/secret_output.h"

enum { LARGEST_FILE = 256 * 1024 * 1024 };

/* What becomes of a user. */
enum outcome { OUTCOME_ADDED, OUTCOME_UNCHANGED, OUTCOME_EXISTS, OUTCOME_REFUSED, OUTCOMES };

static const char *const outcome_names[OUTCOMES] = {
    [OUTCOME_ADDED] = "added",
    [OUTCOME_UNCHANGED] = "unchanged",
    [OUTCOME_EXISTS] = "exists",
    [OUTCOME_REFUSED] = "refused",
};

struct user {
    struct password_entry entry;
    enum outcome outcome;
    const char *why;  /* of OUTCOME_REFUSED */
    char *hash;       /* if it was made here */
    char *attributes; /* with created= */
    char *secret;     /* generated; NUL-terminated; NULL: none */
    size_t secret_length;
};

struct import {
    const struct invocation *invocation;
    const struct config *config;
    struct password_policy policy;
    struct account_table *accounts;
    struct file_content content;
    struct user *users;
    struct account_target *targets; /* one for each user; those that are not added are left out */
    size_t count;
    size_t numbers[OUTCOMES];
};

/* --- The users of the file --- */

static bool add_user(struct import *import, const struct password_entry *entry)
{
    if (import->count % 256 == 0) {
        struct user *larger = reallocarray(import->users, import->count + 256, sizeof *larger);
        if (larger == NULL)
            return false;
        import->users = larger;
    }
    import->users[import->count++] = (struct user){.entry = *entry};
    return true;
}

/* Returns an exit status. */
static int read_users(struct import *import, const char *path)
{
    struct password_file file;
    struct password_entry entry;
    if (!file_read(path, LARGEST_FILE, &import->content))
        return command_error(EXIT_FAILURE, "%s: %s", path, file_read_reason(errno));
    const char *why = password_file_open(&file, (struct text){import->content.data, import->content.size});
    if (why != NULL)
        return command_error(EXIT_FAILURE, "%s: no password file: %s", path, why);
    if (file.in_pairs)
        command_error(0, "%s: no line has a ':', so users and passwords are in turn, as for vsftpd", path);
    while (password_file_next(&file, &entry)) {
        if (!add_user(import, &entry))
            return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    }
    return EXIT_SUCCESS;
}

/* --- What becomes of each --- */

/* Returns why the program would not use the line, or NULL. */
static const char *judge_user(const struct import *import, const struct user *user)
{
    struct buffer line = {0};
    struct account account;
    const char *why = NULL;
    buffer_add(&line, user->entry.client_id);
    buffer_add(&line, text_of(":"));
    buffer_add(&line, user->entry.hash);
    if (line.out_of_memory)
        why = strerror(ENOMEM);
    else
        account_judge((struct text){line.data, line.length}, &import->policy, &account, &why);
    buffer_free(&line);
    return why;
}

/* Returns whether the client_id has a line, and sets `*same` if one has the hash. */
static bool has_line(const struct import *import, const struct user *user, bool *same)
{
    struct account_entry entry;
    bool found = false;
    *same = false;
    for (size_t cursor = 0; account_table_find(import->accounts, user->entry.client_id, &cursor, &entry);) {
        found = true;
        *same |= user->entry.hash.data != NULL && text_equal(entry.account.hash, user->entry.hash);
    }
    return found;
}

static bool hash_secret(struct user *user, struct text secret, bool random)
{
    user->hash = password_hash(secret, random);
    user->entry.hash = text_of(user->hash);
    return user->hash != NULL;
}

/* Makes a new secret. Returns why it cannot, or NULL. */
static const char *make_secret(struct user *user)
{
    char buffer[SECRET_INPUT_SIZE];
    struct text secret;
    if (!secret_input_generate(buffer, &secret))
        return "the system has no random bytes";
    const bool good = hash_secret(user, secret, true);
    user->secret = good ? text_copy(secret) : NULL;
    user->secret_length = secret.length;
    secret_wipe(buffer, sizeof buffer);
    return user->secret != NULL ? NULL : strerror(ENOMEM);
}

/* Returns why the user cannot be taken as he is in the file, or NULL. */
static const char *take_user(const struct import *import, struct user *user)
{
    if (user->entry.why != NULL)
        return user->entry.why;
    if (user->entry.secret.data == NULL)
        return judge_user(import, user);
    const char *fault = secret_input_fault(user->entry.secret);
    if (fault != NULL || import->invocation->values[OPTION_DRY_RUN] != NULL)
        return fault;
    return hash_secret(user, user->entry.secret, false) ? NULL : strerror(errno);
}

static bool make_attributes(struct user *user)
{
    char date[CLOCK_DATE_SIZE];
    struct buffer item = {0};
    struct buffer attributes = {0};
    clock_format_date(clock_now(), date);
    buffer_print(&item, "created=%s", date);
    const struct attribute_change created = {text_of("created"), {item.data, item.length}};
    attribute_changes_apply(user->entry.attributes, &created, 1, &attributes);
    const bool good = !item.out_of_memory && !attributes.out_of_memory;
    buffer_free(&item);
    user->attributes = attributes.data;
    return good;
}

static void decide(struct import *import, struct user *user)
{
    bool same = false;
    const bool may_make_secret = import->invocation->values[OPTION_NEW_SECRETS] != NULL;
    user->outcome = OUTCOME_REFUSED;
    user->why = user->entry.why;
    if (user->entry.is_restricted)
        return;
    if (has_line(import, user, &same)) {
        user->outcome = same ? OUTCOME_UNCHANGED : OUTCOME_EXISTS;
        return;
    }
    user->why = take_user(import, user);
    if (user->why != NULL && may_make_secret)
        user->why = make_secret(user);
    if (user->why == NULL && !make_attributes(user))
        user->why = strerror(ENOMEM);
    if (user->why == NULL)
        user->outcome = OUTCOME_ADDED;
}

/* --- The change --- */

/* Adds the lines of all users that can be taken, at once. Returns an exit status. */
static int add_users(struct import *import)
{
    const struct account_request request = {.operation = ACCOUNT_ADD,
                                            .is_trial = import->invocation->values[OPTION_DRY_RUN] != NULL};
    size_t count = 0;
    import->targets = calloc(import->count + 1, sizeof *import->targets);
    if (import->targets == NULL)
        return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    for (size_t i = 0; i < import->count; i++) {
        const struct user *user = &import->users[i];
        if (user->outcome == OUTCOME_ADDED)
            import->targets[count++] = (struct account_target){.client_id = user->entry.client_id,
                                                               .hash = user->entry.hash,
                                                               .attributes = text_of(user->attributes)};
    }
    if (count == 0)
        return EXIT_SUCCESS;
    if (!account_file_change(import->config->accounts, &request, import->targets, count,
                             import->invocation->diagnostics))
        return EXIT_FAILURE;
    count = 0;
    for (size_t i = 0; i < import->count; i++) {
        struct user *user = &import->users[i];
        if (user->outcome == OUTCOME_ADDED && import->targets[count++].change != ACCOUNT_CHANGED)
            user->outcome = OUTCOME_EXISTS; /* somebody else added it meanwhile */
    }
    return EXIT_SUCCESS;
}

/* A user that the file has twice: the first counts, as for the programs whose files these are. */
static int compare_users(const void *left, const void *right)
{
    const struct user *a = *(struct user *const *)left;
    const struct user *b = *(struct user *const *)right;
    const int difference = text_compare(a->entry.client_id, b->entry.client_id);
    return difference != 0 ? difference : (a > b) - (a < b);
}

/* Returns false if memory runs out. */
static bool find_repeated(struct import *import)
{
    struct user **sorted = calloc(import->count + 1, sizeof(struct user *));
    if (sorted == NULL)
        return false;
    for (size_t i = 0; i < import->count; i++)
        sorted[i] = &import->users[i];
    qsort(sorted, import->count, sizeof(struct user *), compare_users);
    for (size_t i = 1; i < import->count; i++) {
        const struct text id = sorted[i]->entry.client_id;
        if (id.data == NULL || text_compare(id, sorted[i - 1]->entry.client_id) != 0)
            continue;
        sorted[i]->entry.why = "the user occurs earlier in the file; the first line is used";
        sorted[i]->entry.is_restricted = true;
    }
    free(sorted);
    return true;
}

/* --- The report --- */

static struct json_object *user_object(const struct user *user)
{
    struct json_object *object = json_object_new_object();
    if ((user->entry.client_id.data == NULL || output_add(object, "client_id", user->entry.client_id)) &&
        json_add_number(object, "line", (int64_t)user->entry.line) &&
        json_add_string(object, "result", outcome_names[user->outcome]) &&
        (user->why == NULL || json_add_string(object, "reason", user->why)))
        return object;
    json_object_put(object);
    return NULL;
}

/* Reports to standard error what was not done. */
static void report_user(const struct user *user, const char *path)
{
    const struct text id = user->entry.client_id;
    if (user->outcome == OUTCOME_UNCHANGED)
        command_error(0, "%.*s is already there, with this secret", (int)id.length, id.data);
    else if (user->outcome == OUTCOME_EXISTS)
        command_error(
            0, "%.*s is not imported: there is an account of that name with another secret (tokenctl remove)",
            (int)id.length, id.data);
    else if (user->outcome == OUTCOME_REFUSED)
        command_error(0, "%s:%zu: %.*s is not imported: %s", path, user->entry.line,
                      id.data != NULL ? (int)id.length : 1, id.data != NULL ? id.data : "-", user->why);
}

/* Appends what standard output gets of a user. */
static void print_user(const struct import *import, const struct user *user, struct buffer *out)
{
    const bool is_trial = import->invocation->values[OPTION_DRY_RUN] != NULL;
    const bool is_added = user->outcome == OUTCOME_ADDED;
    const struct text secret = {user->secret, user->secret_length};
    const bool has_secret = is_added && user->secret != NULL && !is_trial;
    if (import->invocation->values[OPTION_JSON] != NULL) {
        buffer_print(out, "%s", out->length > 0 ? ",\n" : "[");
        secret_output_object(out, user_object(user), has_secret ? secret : (struct text){NULL, 0});
    } else if (has_secret) {
        secret_output_add(out, SECRET_WITH_ID, user->entry.client_id, secret);
    } else if (is_added && is_trial) {
        buffer_add(out, user->entry.client_id);
        buffer_print(out, " would be added%s\n", user->secret != NULL ? ", with a new secret" : "");
    }
}

/* Returns an exit status. */
static int print_results(struct import *import)
{
    struct buffer out = {0};
    for (size_t i = 0; i < import->count; i++) {
        const struct user *user = &import->users[i];
        import->numbers[user->outcome]++;
        report_user(user, import->invocation->argument);
        print_user(import, user, &out);
    }
    if (import->invocation->values[OPTION_JSON] != NULL)
        buffer_print(&out, "%s", out.length > 0 ? "]\n" : "[]\n");
    const char *why = secret_output_write(&out);
    buffer_free(&out);
    command_error(0, "%zu added, %zu already there, %zu not imported", import->numbers[OUTCOME_ADDED],
                  import->numbers[OUTCOME_UNCHANGED],
                  import->numbers[OUTCOME_EXISTS] + import->numbers[OUTCOME_REFUSED]);
    if (why != NULL)
        return command_error(
            EXIT_FAILURE,
            "standard output: %s; secrets that were not printed are in force: tokenctl passwd ID "
            "--generate makes another",
            why);
    return import->numbers[OUTCOME_EXISTS] + import->numbers[OUTCOME_REFUSED] == 0 ? EXIT_SUCCESS
                                                                                   : EXIT_FAILURE;
}

static int run_loaded(struct import *import)
{
    int status = read_users(import, import->invocation->argument);
    if (status != EXIT_SUCCESS)
        return status;
    if (!find_repeated(import))
        return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    for (size_t i = 0; i < import->count; i++)
        decide(import, &import->users[i]);
    status = add_users(import);
    return status == EXIT_SUCCESS ? print_results(import) : status;
}

static void free_import(struct import *import)
{
    for (size_t i = 0; i < import->count; i++) {
        struct user *user = &import->users[i];
        if (user->secret != NULL)
            secret_wipe(user->secret, user->secret_length);
        free(user->secret);
        free(user->hash);
        free(user->attributes);
    }
    free(import->users);
    free(import->targets);
    file_content_free(&import->content);
    account_table_release(import->accounts);
}

static int run_import(const struct invocation *invocation)
{
    struct password_units units = {.ms = {0}};
    struct config *config = config_load(invocation->config_file, invocation->diagnostics);
    if (config == NULL)
        return EXIT_FAILURE;
    struct import import = {
        .invocation = invocation, .config = config, .policy = password_policy_of(config, &units)};
    invocation->diagnostics->errors_only = true;
    import.accounts = account_table_load(config->accounts, &import.policy, invocation->diagnostics);
    invocation->diagnostics->errors_only = false;
    const int status = import.accounts != NULL ? run_loaded(&import) : EXIT_FAILURE;
    free_import(&import);
    config_release(config);
    return status;
}

const struct command import_commands[] = {
    {"import", "import FILE [--new-secrets] [-n] [--json]",
     "Adds the users of an htpasswd, mosquitto, Dovecot or vsftpd password file, or of another\n"
     "accounts file, and says which cannot be taken, and why. Accounts that exist stay.\n"
     "  --new-secrets   makes new secrets for users whose hash cannot be taken, and prints\n"
     "                  ID<TAB>SECRET of each\n"
     "  -n              shows what would change, and changes nothing\n"
     "  --json          prints what became of each user as JSON\n",
     TAKES(OPTION_NEW_SECRETS) | TAKES(OPTION_DRY_RUN) | TAKES(OPTION_JSON), ONE_ARGUMENT, run_import},
    {.name = NULL},
};
