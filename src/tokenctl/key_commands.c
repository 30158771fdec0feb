/* tokenctl key list, add, rotate, prune, remove, export */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/account_table.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/json_read.h"
#include "base/secret.h"
#include "config/config.h"
#include "token/jwk.h"
#include "token/jws_asymmetric.h"
#include "token/keyset.h"
#include "token/keyset_file.h"
#include "tokenctl/command.h"
#include "tokenctl/key_option.h"
#include "tokenctl/output.h"

/* Added to the expiry of the old key's last token: for a while some processes still sign with the old key,
 * and clocks differ. */
enum { HANDOVER_SECONDS = 60 };

enum { KID_WIDTH = 43 };

static const char *use_of(const struct keyset *keyset, const struct signing_key *key)
{
    if (key == keyset->signer)
        return "signs";
    return key->is_next ? "next" : "verifies";
}

static struct json_object *key_object(const struct keyset *keyset, const struct signing_key *key)
{
    char expires[CLOCK_DATE_SIZE] = "";
    struct json_object *object = json_object_new_object();
    if (key->expires != CLOCK_NEVER)
        clock_format_date(key->expires, expires);
    if (output_add(object, "kid", text_of(key->kid)) &&
        json_add_string(object, "alg", jws_algorithm_name(key->algorithm)) &&
        json_add_string(object, "use", use_of(keyset, key)) &&
        (expires[0] == '\0' || json_add_string(object, "expires", expires)))
        return object;
    json_object_put(object);
    return NULL;
}

static int list_json(const struct keyset *keyset)
{
    struct output_array array = {0};
    for (size_t i = 0; i < keyset->count; i++)
        output_array_add(&array, key_object(keyset, &keyset->keys[i]));
    return output_array_end(&array);
}

static void print_key(const struct keyset *keyset, const struct signing_key *key)
{
    const bool signs = key == keyset->signer;
    char expires[CLOCK_DATE_SIZE];
    snprintf(expires, sizeof expires, "%s", signs || key->is_next ? "-" : "never, or not known");
    if (key->expires != CLOCK_NEVER)
        clock_format_date(key->expires, expires);
    output_print(text_of(key->kid), KID_WIDTH);
    printf("  %-5s  %-8s  %s\n", jws_algorithm_name(key->algorithm), use_of(keyset, key), expires);
}

static int run_key_list(const struct invocation *invocation)
{
    struct config *config = config_load(invocation->config_file, invocation->diagnostics);
    struct keyset *keyset = config != NULL ? keyset_load(config->keys, invocation->diagnostics) : NULL;
    int status = EXIT_FAILURE;
    if (keyset != NULL && invocation->values[OPTION_JSON] != NULL) {
        status = list_json(keyset);
    } else if (keyset != NULL) {
        printf("%-*s  %-5s  %-8s  %s\n", KID_WIDTH, "KID", "ALG", "USE", "LAST TOKEN EXPIRES");
        for (size_t i = 0; i < keyset->count; i++)
            print_key(keyset, &keyset->keys[i]);
        status = finish_output();
    }
    keyset_release(keyset);
    config_release(config);
    return status;
}

/* The longest lifetime of any account's tokens, in seconds, or CLOCK_NEVER. */
struct longest {
    int64_t lifetime;
};

static void add_lifetime(struct longest *longest, int64_t lifetime)
{
    if (lifetime == 0)
        longest->lifetime = CLOCK_NEVER;
    else if (lifetime > longest->lifetime)
        longest->lifetime = lifetime;
}

static bool visit_account(void *context, const struct account_entry *entry, const char *why)
{
    struct longest *longest = context;
    (void)why;
    if (entry->account.lifetime >= 0)
        add_lifetime(longest, entry->account.lifetime);
    return longest->lifetime != CLOCK_NEVER;
}

/* Calculates when the last token that can exist by now expires. Returns false if the accounts cannot be read,
 * after reporting it. */
static bool find_last_expiry(const struct config *config, int64_t now, struct diagnostics *diagnostics,
                             int64_t *last_expiry)
{
    struct longest longest = {0};
    diagnostics->errors_only = true;
    const struct password_policy policy = {.allow_legacy = config->allow_legacy_hashes};
    struct account_table *table = account_table_load(config->accounts, &policy, diagnostics);
    if (table == NULL)
        return false;
    add_lifetime(&longest, config->token_lifetime);
    if (longest.lifetime != CLOCK_NEVER)
        account_table_each(table, visit_account, &longest);
    account_table_release(table);
    *last_expiry = longest.lifetime == CLOCK_NEVER ? CLOCK_NEVER : now + longest.lifetime + HANDOVER_SECONDS;
    return true;
}

/* Reads --alg and loads the configuration, which the caller releases. If `*config` is NULL, the command ends
 * with the exit status that is returned. */
static int load_key_command(const struct invocation *invocation, struct keyset_rotation *rotation,
                            struct config **config)
{
    *config = NULL;
    const int status = key_option_read(invocation, &rotation->has_algorithm, &rotation->algorithm);
    if (status != EXIT_SUCCESS)
        return status;
    *config = config_load(invocation->config_file, invocation->diagnostics);
    return *config != NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool is_trial(const struct invocation *invocation)
{
    return invocation->values[OPTION_DRY_RUN] != NULL;
}

/* A key that would be made has no kid yet. */
static struct json_object *object_of_rotation(const struct keyset_rotation *rotation, const char *use)
{
    struct json_object *object = json_object_new_object();
    if (((rotation->is_trial && rotation->is_new) || output_add(object, "kid", text_of(rotation->kid))) &&
        json_add_string(object, "alg", jws_algorithm_name(rotation->made)) &&
        json_add_string(object, "use", use))
        return object;
    json_object_put(object);
    return NULL;
}

/* `use` is the key's in `key list`. Returns an exit status. */
static int print_rotation(const struct invocation *invocation, const struct keyset_rotation *rotation,
                          const char *use, const char *when)
{
    if (invocation->values[OPTION_JSON] != NULL)
        return output_object(object_of_rotation(rotation, use), JSON_C_TO_STRING_PLAIN);
    if (rotation->is_trial && rotation->is_new)
        printf("a new key for %s", jws_algorithm_name(rotation->made));
    else
        output_print(text_of(rotation->kid), 0);
    printf(" %s from %s on\n", rotation->is_trial ? "would sign" : "signs", when);
    return finish_output();
}

static int run_key_add(const struct invocation *invocation)
{
    struct keyset_rotation rotation = {.now = clock_now(), .is_trial = is_trial(invocation)};
    struct config *config;
    const int status = load_key_command(invocation, &rotation, &config);
    if (config == NULL)
        return status;
    const bool good = keyset_file_add(config->keys, &rotation, invocation->diagnostics);
    config_release(config);
    return good ? print_rotation(invocation, &rotation, "next", "the next rotation") : EXIT_FAILURE;
}

static int run_rotate(const struct invocation *invocation)
{
    struct keyset_rotation rotation = {.now = clock_now(), .is_trial = is_trial(invocation)};
    struct config *config;
    const int status = load_key_command(invocation, &rotation, &config);
    if (config == NULL)
        return status;
    rotation.published_for = invocation->values[OPTION_NOW] != NULL ? 0 : config->keys_max_age;
    const bool good =
        find_last_expiry(config, rotation.now, invocation->diagnostics, &rotation.last_expiry) &&
        keyset_file_rotate(config->keys, &rotation, invocation->diagnostics);
    config_release(config);
    return good ? print_rotation(invocation, &rotation, "signs", "now") : EXIT_FAILURE;
}

/* Returns an exit status. */
static int print_removed(const struct invocation *invocation, size_t removed)
{
    if (invocation->values[OPTION_JSON] != NULL)
        return output_count("removed", removed);
    printf(is_trial(invocation) ? "%zu would be removed\n" : "%zu removed\n", removed);
    return finish_output();
}

static int run_prune(const struct invocation *invocation)
{
    struct config *config = config_load(invocation->config_file, invocation->diagnostics);
    if (config == NULL)
        return EXIT_FAILURE;
    size_t removed = 0;
    const bool good =
        keyset_file_prune(config->keys, clock_now(), is_trial(invocation), &removed, invocation->diagnostics);
    config_release(config);
    return good ? print_removed(invocation, removed) : EXIT_FAILURE;
}

static int run_key_remove(const struct invocation *invocation)
{
    struct config *config = config_load(invocation->config_file, invocation->diagnostics);
    const bool good = config != NULL && keyset_file_remove(config->keys, invocation->argument,
                                                           is_trial(invocation), invocation->diagnostics);
    config_release(config);
    if (!good)
        return EXIT_FAILURE;
    if (invocation->values[OPTION_JSON] != NULL)
        return output_count("removed", 1);
    if (!is_trial(invocation))
        return EXIT_SUCCESS;
    output_print(text_of(invocation->argument), 0);
    puts(" would be removed");
    return finish_output();
}

/* Gives a key without a kid the one that its tokens name. Returns false if memory runs out. */
static bool add_kid(struct json_object *jwk)
{
    char kid[JWK_THUMBPRINT_SIZE];
    return json_object_object_get_ex(jwk, "kid", NULL) ||
           (jwk_thumbprint(jwk, kid) && json_add_string(jwk, "kid", kid));
}

/* Returns what a resource server needs of a key: its public part, or the whole key if it has none. Returns
 * NULL if there is nothing to export, or if memory runs out; then `*complete` becomes false. */
static struct json_object *exported_part(struct json_object *jwk, bool public_only, bool *complete)
{
    struct json_object *kty;
    if (json_object_object_get_ex(jwk, "kty", &kty) && strcmp(json_object_get_string(kty), "oct") != 0) {
        struct json_object *part = jwk_public(jwk);
        *complete = *complete && part != NULL;
        return part;
    }
    return public_only ? NULL : json_object_get(jwk);
}

/* Returns NULL if memory runs out. */
static struct json_object *exported_set(struct json_object *keys, bool public_only)
{
    struct json_object *array = json_object_new_array();
    struct json_object *set = json_object_new_object();
    bool complete = array != NULL;
    for (size_t i = 0; complete && i < json_object_array_length(keys); i++) {
        struct json_object *jwk = json_object_array_get_idx(keys, i);
        complete = add_kid(jwk);
        struct json_object *part = exported_part(jwk, public_only, &complete);
        if (part != NULL && json_object_array_add(array, part) != 0) {
            json_object_put(part);
            complete = false;
        }
    }
    if (complete && json_add(set, "keys", json_object_get(array))) {
        json_object_put(array);
        return set;
    }
    json_object_put(array);
    json_object_put(set);
    return NULL;
}

static int print_set(struct json_object *set, bool public_only)
{
    if (json_object_array_length(json_object_object_get(set, "keys")) == 0)
        return command_error(EXIT_FAILURE,
                             "no key has a public part: HS256 is verified with the key that signs; "
                             "tokenctl key rotate --alg ES256 makes one that has");
    const struct text text = json_write(set, JSON_C_TO_STRING_PRETTY);
    if (text.data == NULL)
        return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    output_json(text);
    putchar('\n');
    const int status = finish_output();
    if (!public_only)
        secret_wipe((char *)text.data, text.length);
    return status;
}

/* One key, as HAProxy and others that know no JWK Set read it. */
static int print_pem(const struct keyset *keyset, const char *kid)
{
    const struct signing_key *key = keyset_find(keyset, text_of(kid));
    if (key == NULL)
        return command_error(EXIT_FAILURE, "there is no key %s; tokenctl key list shows them", kid);
    if (key->published == NULL)
        return command_error(EXIT_FAILURE,
                             "the key %s has no public part: HS256 is verified with the key that signs", kid);
    if (!jws_asymmetric_write_pem(key->key, stdout) && ferror(stdout) == 0)
        return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    return finish_output();
}

static int run_export(const struct invocation *invocation)
{
    const bool public_only = invocation->values[OPTION_PUBLIC] != NULL;
    int status = EXIT_FAILURE;
    struct json_object *document = NULL;
    struct json_object *set = NULL;
    struct config *config = config_load(invocation->config_file, invocation->diagnostics);
    /* Load the key set first, so that only a valid one is exported. */
    struct keyset *keyset = config != NULL ? keyset_load(config->keys, invocation->diagnostics) : NULL;
    if (keyset != NULL && invocation->values[OPTION_PEM] != NULL)
        status = print_pem(keyset, invocation->values[OPTION_PEM]);
    else if (keyset != NULL)
        document = keyset_file_read(config->keys, NULL, invocation->diagnostics);
    if (document != NULL) {
        set = exported_set(json_object_object_get(document, "keys"), public_only);
        status =
            set != NULL ? print_set(set, public_only) : command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    }
    json_object_put(set);
    json_put_wiped(document);
    keyset_release(keyset);
    config_release(config);
    return status;
}

#define TRIAL_HELP "  -n        says what would be done, and changes nothing\n"
#define JSON_HELP "  --json    as a JSON object\n"

const struct command key_commands[] = {
    {"key list", "key list [--json]",
     "Lists the keys: kid, algorithm, which key signs and which is next, and when the last token\n"
     "of a key that no longer signs expires.\n"
     "  --json   as an array of JSON objects\n",
     TAKES(OPTION_JSON), NO_ARGUMENT, run_key_list},
    {"key add", "key add [--alg A] [--json] [-n]",
     "Makes a key that signs after the next tokenctl key rotate. It is published at once: wait for\n"
     "keys_max_age, so that resource servers have it, or export it to them.\n"
     "  --alg A   HS256, ES256, EdDSA or RS256; else that of the key that signs now\n" TRIAL_HELP JSON_HELP,
     TAKES(OPTION_ALG) | TAKES(OPTION_JSON) | TAKES(OPTION_DRY_RUN), NO_ARGUMENT, run_key_add},
    {"key rotate", "key rotate [--alg A] [--now] [--json] [-n]",
     "Makes the key of tokenctl key add the one that signs, or else a new key. The old key verifies\n"
     "until its last token has expired; then tokenctl key prune removes it. If the old key is\n"
     "published (all but HS256 are), the new one must have been, too, for keys_max_age.\n"
     "  --alg A   HS256, ES256, EdDSA or RS256; else that of the key of key add, or of the old key\n"
     "  --now     does not wait: resource servers refuse new tokens until they get the new key\n" TRIAL_HELP
         JSON_HELP,
     TAKES(OPTION_ALG) | TAKES(OPTION_NOW) | TAKES(OPTION_JSON) | TAKES(OPTION_DRY_RUN), NO_ARGUMENT,
     run_rotate},
    {"key prune", "key prune [--json] [-n]",
     "Removes the keys that no longer sign and whose last token has expired.\n" TRIAL_HELP JSON_HELP,
     TAKES(OPTION_JSON) | TAKES(OPTION_DRY_RUN), NO_ARGUMENT, run_prune},
    {"key remove", "key remove KID [--json] [-n]",
     "Removes a key at once, for example one that was stolen: its tokens are refused wherever the\n"
     "new key set is. It must not be the key that signs; call tokenctl key rotate first.\n" TRIAL_HELP
         JSON_HELP,
     TAKES(OPTION_JSON) | TAKES(OPTION_DRY_RUN), ONE_ARGUMENT, run_key_remove},
    {"key export", "key export [--public | --pem KID]",
     "Prints the JWK Set that resource servers verify tokens with: the public parts, and for\n"
     "HS256, which has none, the key itself, which can sign, too.\n"
     "  --public    public parts only\n"
     "  --pem KID   the public part of this key, in PEM\n",
     TAKES(OPTION_PUBLIC) | TAKES(OPTION_PEM), NO_ARGUMENT, run_export},
    {.name = NULL},
};
