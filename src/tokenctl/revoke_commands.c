/* tokenctl revoke, revoked */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/account_file.h"
#include "base/clock.h"
#include "base/json.h"
#include "oauth/token_revoke.h"
#include "process/privilege.h"
#include "tokenctl/command.h"
#include "tokenctl/output.h"

static bool is_trial(const struct invocation *invocation)
{
    return invocation->values[OPTION_DRY_RUN] != NULL;
}

/* `as_it_was` says why nothing is revoked; NULL: it is, or would be. Returns an exit status. */
static int print_result(const struct invocation *invocation, const char *as_it_was)
{
    struct json_object *object = NULL;
    if (as_it_was != NULL)
        command_error(0, "%s", as_it_was);
    if (invocation->values[OPTION_JSON] == NULL) {
        if (as_it_was == NULL && is_trial(invocation))
            puts("would be revoked");
        return finish_output();
    }
    object = json_object_new_object();
    if (json_add_string(object, "result", as_it_was == NULL ? "changed" : "unchanged"))
        return output_object(object, JSON_C_TO_STRING_PLAIN);
    json_object_put(object);
    return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
}

/* --- revoke TOKEN --- */

/* As token_revoke() for the operator, but only looks. */
static enum token_revoke_result try_to_revoke(const struct service *service, struct text token,
                                              enum jwt_status *status)
{
    struct jwt jwt;
    *status = token_check(service, token, NULL, clock_now(), &jwt);
    jwt_clear(&jwt);
    return token_revoke_is_possible(*status) ? TOKEN_REVOKE_DONE : TOKEN_REVOKE_INVALID;
}

static int revoke_token(const struct invocation *invocation, const struct service *service)
{
    const struct text token = text_of(invocation->argument);
    enum jwt_status status;
    const enum token_revoke_result result = is_trial(invocation)
                                                ? try_to_revoke(service, token, &status)
                                                : token_revoke(service, token, NULL, clock_now(), &status);
    const char *why = jwt_status_text(status);
    if (status == JWT_REVOKED && result != TOKEN_REVOKE_FAILED)
        return print_result(invocation, "it was revoked before");
    if (status == JWT_EXPIRED)
        return print_result(invocation, "it has expired: there is nothing to revoke");
    if (result == TOKEN_REVOKE_INVALID)
        return command_error(EXIT_FAILURE, "not revoked: %c%s", tolower((unsigned char)*why), why + 1);
    return result == TOKEN_REVOKE_DONE ? print_result(invocation, NULL)
                                       : command_error(EXIT_FAILURE, "not revoked");
}

static int run_revoke_token(const struct invocation *invocation)
{
    invocation->diagnostics->errors_only = true;
    struct service *service = service_load_quietly(invocation->config_file, invocation->diagnostics);
    const bool good = service != NULL && privilege_become_owner(service->config, invocation->diagnostics);
    const int status = good ? revoke_token(invocation, service) : EXIT_FAILURE;
    service_release(service);
    return status;
}

/* --- revoke --client ID --- */

static int run_revoke_client(const struct invocation *invocation, int64_t before)
{
    const char *client_id = invocation->values[OPTION_CLIENT];
    struct config *config = config_load(invocation->config_file, invocation->diagnostics);
    if (config == NULL)
        return EXIT_FAILURE;
    const enum account_change change = account_file_set_not_before(
        config->accounts, text_of(client_id), before, is_trial(invocation), invocation->diagnostics);
    config_release(config);
    if (change == ACCOUNT_UNKNOWN)
        return command_error(EXIT_FAILURE, "there is no account %s", client_id);
    if (change == ACCOUNT_AS_IT_WAS)
        return print_result(invocation, "the tokens that it had until then were revoked before");
    return change == ACCOUNT_CHANGED ? print_result(invocation, NULL) : EXIT_FAILURE;
}

/* --- What needs no accounts and no keys --- */

struct revoked {
    struct config *config;
    struct log *log; /* writes to standard error */
    struct revocations *revocations;
};

/* Returns false after reporting the reason; the caller calls close_revoked() in any case. */
static bool open_revoked(const struct invocation *invocation, struct revoked *revoked)
{
    *revoked = (struct revoked){.config = config_load(invocation->config_file, invocation->diagnostics)};
    if (revoked->config == NULL || !privilege_become_owner(revoked->config, invocation->diagnostics) ||
        !revocations_check(revoked->config->state, invocation->diagnostics))
        return false;
    revoked->log = log_open("stderr", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    revoked->revocations = revocations_new(revoked->config->state);
    if (revoked->log != NULL && revoked->revocations != NULL)
        return true;
    command_error(0, "%s", strerror(errno));
    return false;
}

static void close_revoked(struct revoked *revoked)
{
    revocations_release(revoked->revocations);
    log_release(revoked->log);
    config_release(revoked->config);
}

/* --- revoke --id JTI --- */

static int run_revoke_id(const struct invocation *invocation, int64_t expires)
{
    const struct text jti = text_of(invocation->values[OPTION_ID]);
    struct revoked revoked;
    bool was_revoked = false;
    bool good = open_revoked(invocation, &revoked) &&
                revocations_find(revoked.revocations, revoked.log, jti, &was_revoked);
    /* It is added again, because it may expire later now. */
    if (good && !is_trial(invocation))
        good = revocations_add(revoked.revocations, revoked.log, jti, expires, revoked.config->sync != NULL);
    close_revoked(&revoked);
    return good ? print_result(invocation, was_revoked ? "it was revoked before" : NULL) : EXIT_FAILURE;
}

/* --- revoke --- */

/* Reads the date of an option, which stays as it is if the option was not given. Returns an exit status. */
static int read_date_option(const struct invocation *invocation, enum command_option option, const char *name,
                            int64_t *date)
{
    const struct text value = text_of(invocation->values[option]);
    if (value.data == NULL || clock_parse_when(value.data, value.length, clock_now(), date))
        return EXIT_SUCCESS;
    return command_error(
        EXIT_USAGE, "--%s %s: it must be a date or a time in UTC: 2027-01-31, 2027-01-31T12:00:00Z or +90d",
        name, value.data);
}

/* Exactly one of the three, and no option of another. Returns an exit status. */
static int check_usage(const struct invocation *invocation)
{
    const char *const *values = invocation->values;
    const int targets =
        (invocation->argument != NULL) + (values[OPTION_ID] != NULL) + (values[OPTION_CLIENT] != NULL);
    if (targets != 1)
        return command_error(EXIT_USAGE, "revoke takes one of TOKEN, --id JTI and --client ID");
    if (values[OPTION_EXPIRES] != NULL && values[OPTION_ID] == NULL)
        return command_error(EXIT_USAGE, "--expires belongs to --id; a token says itself when it expires");
    if (values[OPTION_BEFORE] != NULL && values[OPTION_CLIENT] == NULL)
        return command_error(EXIT_USAGE, "--before belongs to --client");
    if (values[OPTION_ID] != NULL && values[OPTION_ID][0] == '\0')
        return command_error(EXIT_USAGE, "--id: the jti is empty");
    return EXIT_SUCCESS;
}

static int run_revoke(const struct invocation *invocation)
{
    int64_t expires = CLOCK_NEVER;
    int64_t before = clock_now() + 1; /* tokens of this second end, too */
    int status = check_usage(invocation);
    if (status == EXIT_SUCCESS)
        status = read_date_option(invocation, OPTION_EXPIRES, "expires", &expires);
    if (status == EXIT_SUCCESS)
        status = read_date_option(invocation, OPTION_BEFORE, "before", &before);
    if (status != EXIT_SUCCESS)
        return status;
    if (invocation->argument != NULL)
        return run_revoke_token(invocation);
    return invocation->values[OPTION_ID] != NULL ? run_revoke_id(invocation, expires)
                                                 : run_revoke_client(invocation, before);
}

/* --- revoked --- */

static void format_expires(int64_t expires, char out[CLOCK_DATE_SIZE])
{
    static const int64_t latest = 253402300799; /* the end of the year 9999 */
    if (expires >= 0 && expires <= latest)
        clock_format_date(expires, out);
    else
        snprintf(out, CLOCK_DATE_SIZE, "-");
}

static bool print_revocation_row(void *context, const struct revocation *revocation)
{
    char expires[CLOCK_DATE_SIZE];
    (void)context;
    format_expires(revocation->expires, expires);
    printf("%-20s  %s", expires, revocation->is_digest ? "sha256:" : "");
    output_print(revocation->jti, 0);
    putchar('\n');
    return ferror(stdout) == 0;
}

/* Returns NULL if memory runs out. */
static struct json_object *revocation_object(const struct revocation *revocation)
{
    char expires[CLOCK_DATE_SIZE];
    struct json_object *object = json_object_new_object();
    format_expires(revocation->expires, expires);
    if (output_add(object, revocation->is_digest ? "sha256" : "jti", revocation->jti) &&
        (strcmp(expires, "-") == 0 || json_add_string(object, "expires", expires)))
        return object;
    json_object_put(object);
    return NULL;
}

static bool print_revocation_object(void *context, const struct revocation *revocation)
{
    return output_array_add(context, revocation_object(revocation));
}

static int run_revoked(const struct invocation *invocation)
{
    const bool is_json = invocation->values[OPTION_JSON] != NULL;
    struct output_array array = {0};
    struct revoked revoked;
    int status = EXIT_FAILURE;
    if (open_revoked(invocation, &revoked)) {
        if (!is_json)
            puts("EXPIRES               JTI");
        const bool good = revocations_each(revoked.revocations, revoked.log,
                                           is_json ? print_revocation_object : print_revocation_row, &array);
        status = is_json ? output_array_end(&array) : finish_output();
        if (!good)
            status = EXIT_FAILURE;
    }
    close_revoked(&revoked);
    return status;
}

const struct command revoke_commands[] = {
    {"revoke", "revoke TOKEN | --id JTI [--expires DATE] | --client ID [--before DATE] [--json] [-n]",
     "Ends tokens before they expire, wherever they are checked by this program.\n"
     "  TOKEN           the token itself\n"
     "  --id JTI        the token with this jti\n"
     "  --expires DATE  when it expires: until then it stays listed; without, for good\n"
     "  --client ID     all tokens that the client has had until now\n"
     "  --before DATE   or until DATE: 2027-01-31 or 2027-01-31T12:00:00Z; goes into the\n"
     "                  accounts file as not_before=\n"
     "  -n              says whether something would be revoked, and revokes nothing\n"
     "  --json          prints the result as JSON\n",
     TAKES(OPTION_ID) | TAKES(OPTION_EXPIRES) | TAKES(OPTION_CLIENT) | TAKES(OPTION_BEFORE) |
         TAKES(OPTION_JSON) | TAKES(OPTION_DRY_RUN),
     PERHAPS_AN_ARGUMENT, run_revoke},
    {"revoked", "revoked [--json]",
     "Lists the revoked tokens that would not have expired yet: expiry and jti.\n"
     "  --json   as an array of JSON objects\n",
     TAKES(OPTION_JSON), NO_ARGUMENT, run_revoked},
    {.name = NULL},
};
