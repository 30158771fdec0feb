/* tokenctl check, token, inspect */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "oauth/grant.h"
#include "oauth/token_check.h"
#include "process/privilege.h"
#include "tokenctl/account_view.h"
#include "tokenctl/command.h"
#include "tokenctl/output.h"

/* The array takes the messages; NULL: memory ran out. */
static void collect_message(void *context, enum severity severity, const char *message)
{
    struct json_object **messages = context;
    struct json_object *object = json_object_new_object();
    if (*messages != NULL &&
        json_add_string(object, "severity", severity == SEVERITY_ERROR ? "error" : "warning") &&
        output_add(object, "message", text_of(message)) && json_object_array_add(*messages, object) == 0)
        return;
    json_object_put(object);
    json_object_put(*messages);
    *messages = NULL;
}

static int check_as_json(const char *config_file)
{
    struct service_counts counts = {0};
    struct json_object *messages = json_object_new_array();
    struct json_object *object = json_object_new_object();
    struct diagnostics diagnostics = {.on_message = collect_message, .context = &messages};
    const bool good = service_examine(config_file, &diagnostics, &counts);
    bool complete = json_add(object, "good", json_object_new_boolean(good));
    if (complete && good)
        complete = json_add_number(object, "accounts", (int64_t)counts.accounts) &&
                   json_add_number(object, "unusable_accounts", (int64_t)counts.unusable) &&
                   json_add_number(object, "keys", (int64_t)counts.keys);
    complete = json_add(object, "messages", messages) && complete;
    if (!complete) {
        json_object_put(object);
        return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    }
    const int status = output_object(object, JSON_C_TO_STRING_PRETTY);
    if (status == EXIT_SUCCESS && !good)
        return command_error(EXIT_FAILURE, "errors: %zu, warnings: %zu", diagnostics.errors,
                             diagnostics.warnings);
    return status;
}

static int run_check(const struct invocation *invocation)
{
    if (invocation->values[OPTION_JSON] != NULL)
        return check_as_json(invocation->config_file);
    return service_check(invocation->config_file) ? finish_output() : EXIT_FAILURE;
}

/* Loads configuration, accounts and keys without opening the log. Returns NULL after reporting the reason. */
static struct service *load_quietly(const struct invocation *invocation)
{
    invocation->diagnostics->errors_only = true;
    return service_load_quietly(invocation->config_file, invocation->diagnostics);
}

/* Finds the newest line that may get a token. Returns false if there is none; `*why` is the reason. */
static bool find_line(const struct service *service, struct text client_id, int64_t now,
                      struct account *account, const char **why)
{
    struct account_entry entry;
    bool found = false;
    *why = "there is no such account (tokenctl add makes one)";
    for (size_t cursor = 0; account_table_find(service->accounts, client_id, &cursor, &entry);) {
        const char *reason = account_view_refusal(&entry, now);
        if (reason != NULL) {
            *why = reason;
            continue;
        }
        *account = entry.account;
        found = true;
    }
    return found;
}

/* Returns an exit status. */
static int print_grant(const struct invocation *invocation, const struct grant *grant)
{
    if (invocation->values[OPTION_JSON] == NULL) {
        puts(grant->token);
        return finish_output();
    }
    struct json_object *object = json_object_new_object();
    if (json_add_string(object, "access_token", grant->token))
        return output_object(object, JSON_C_TO_STRING_PLAIN);
    json_object_put(object);
    return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
}

static int issue(const struct invocation *invocation, const struct service *service)
{
    const int64_t now = clock_now();
    const char *why = NULL;
    struct account account;
    struct grant grant;
    if (!find_line(service, text_of(invocation->argument), now, &account, &why))
        return command_error(EXIT_FAILURE, "%s: %s", invocation->argument, why);
    const struct grant_request request = {.scope = {NULL, 0}};
    if (grant_access(service, &account, &request, now, &grant) != OAUTH_NO_ERROR)
        return command_error(EXIT_FAILURE, "no token was made: out of memory, or no random bytes");
    const int status = print_grant(invocation, &grant);
    grant_clear(&grant);
    return status;
}

static int run_token(const struct invocation *invocation)
{
    struct service *service = load_quietly(invocation);
    const int status = service != NULL ? issue(invocation, service) : EXIT_FAILURE;
    service_release(service);
    return status;
}

static bool is_blank_or_newline(char c)
{
    return text_is_blank(c) || c == '\r' || c == '\n';
}

/* Reads one token from standard input. A byte order mark and blanks around the token are skipped. */
static bool read_token(char buffer[JWT_LONGEST], struct text *token)
{
    const size_t length = fread(buffer, 1, JWT_LONGEST, stdin);
    if (ferror(stdin) || length == JWT_LONGEST) {
        command_error(0, "standard input: %s", ferror(stdin) ? strerror(errno) : "too long for a token");
        return false;
    }
    const size_t mark = text_mark_length((struct text){buffer, length});
    *token = (struct text){buffer + mark, length - mark};
    while (token->length > 0 && is_blank_or_newline(token->data[token->length - 1]))
        token->length--;
    while (token->length > 0 && is_blank_or_newline(token->data[0])) {
        token->data++;
        token->length--;
    }
    return true;
}

/* Returns the object that `inspect` prints, or NULL if memory runs out. */
static struct json_object *token_object(const struct jwt *jwt, enum jwt_status status)
{
    struct json_object *object = json_object_new_object();
    if (json_add(object, "header", json_copy(jwt->header)) &&
        json_add(object, "claims", json_copy(jwt->claims)) &&
        json_add(object, "valid", json_object_new_boolean(status == JWT_VALID)))
        return object;
    json_object_put(object);
    return NULL;
}

static int print_token(const struct jwt *jwt, enum jwt_status status)
{
    struct json_object *object = token_object(jwt, status);
    const struct text text =
        object != NULL ? json_write(object, JSON_C_TO_STRING_PRETTY) : (struct text){NULL, 0};
    int result = EXIT_FAILURE;
    if (text.data != NULL) {
        output_json(text);
        putchar('\n');
        result = finish_output();
    } else {
        command_error(0, "%s", strerror(ENOMEM));
    }
    json_object_put(object);
    return result;
}

static bool has_own_audiences(const struct service *service, struct text client_id)
{
    struct account_entry entry;
    for (size_t cursor = 0; account_table_find(service->accounts, client_id, &cursor, &entry);) {
        if (entry.account.audience.data != NULL)
            return true;
    }
    return false;
}

/* The audience must be the configuration's, unless the account's tokens are for others. */
static enum jwt_status check_any_token(const struct service *service, struct text token, struct jwt *jwt)
{
    const int64_t now = clock_now();
    const enum jwt_status status = token_check(service, token, service->config->audience, now, jwt);
    if (status != JWT_WRONG_AUDIENCE || !has_own_audiences(service, jwt_claim_text(jwt, CLAIM_SUB)))
        return status;
    jwt_clear(jwt);
    return token_check(service, token, NULL, now, jwt);
}

static int inspect(const struct service *service, struct text token)
{
    struct jwt jwt;
    const enum jwt_status status = check_any_token(service, token, &jwt);
    const char *text = jwt_status_text(status);
    int result = EXIT_SUCCESS;
    jwt_clear(&jwt);
    if (jwt_decode(token, &jwt))
        result = print_token(&jwt, status);
    else if (status == JWT_VALID)
        result = command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    if (status != JWT_VALID)
        result = command_error(EXIT_FAILURE, "not valid: %c%s", tolower((unsigned char)*text), text + 1);
    jwt_clear(&jwt);
    return result;
}

static int run_inspect(const struct invocation *invocation)
{
    static char buffer[JWT_LONGEST];
    struct text token = text_of(invocation->argument);
    if (invocation->argument == NULL && !read_token(buffer, &token))
        return EXIT_FAILURE;
    struct service *service = load_quietly(invocation);
    const bool good = service != NULL && privilege_become_owner(service->config, invocation->diagnostics);
    const int status = good ? inspect(service, token) : EXIT_FAILURE;
    service_release(service);
    return status;
}

const struct command token_commands[] = {
    {"check", "check [--json]",
     "Checks configuration, accounts and keys as token.fcgi -t does: prints each problem with file\n"
     "and line, and fails if the program would not start. Warns about hashes that are too slow on\n"
     "this machine, or too weak.\n"
     "  --json   as a JSON object\n",
     TAKES(OPTION_JSON), NO_ARGUMENT, run_check},
    {"token", "token ID [--json]",
     "Issues a token to ID without a password, for tests and emergencies: with all of its\n"
     "scopes, unless it is locked or has expired.\n"
     "  --json   as a JSON object\n",
     TAKES(OPTION_JSON), ONE_ARGUMENT, run_token},
    {"inspect", "inspect [TOKEN]",
     "Decodes and verifies TOKEN, or the one on standard input: prints header and claims, and\n"
     "fails with the reason if it is not valid.\n",
     0, PERHAPS_AN_ARGUMENT, run_inspect},
    {.name = NULL},
};
