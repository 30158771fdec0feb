/* Access tokens, one for each line: a client_id, behind a tab its scope, and behind another the attributes of
 * its account. Whatever the account is called, and whichever tokens came before, each claim of its token is
 * its own.
 */
#include "token/jwt_issue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/account_attribute.h"
#include "base/json.h"
#include "fuzz.h"
#include "token/jwt_verify.h"
#include "token/private_claim.h"

#define ISSUER "https://api.example.com/apiops/auth"
#define AUDIENCE "https://api.example.com/\xc3\xa9 \"/\\\""

enum { NOW = 1700000000, LIFETIME = 3600 };

static const char key_set[] =
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"hs\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}";

static void require_member(struct json_object *claims, const char *name, struct text expected)
{
    struct json_object *value = json_object_object_get(claims, name);
    REQUIRE(json_object_is_type(value, json_type_string));
    const struct text text = {json_object_get_string(value), (size_t)json_object_get_string_len(value)};
    REQUIRE(text_equal(text, expected));
}

static void require_audience(struct json_object *claims, struct text expected)
{
    struct json_object *list = json_list(expected, true);
    struct json_object *value = json_object_object_get(claims, "aud");
    if (json_object_array_length(list) == 1)
        REQUIRE(json_object_equal(json_object_array_get_idx(list, 0), value));
    else
        REQUIRE(json_object_equal(list, value));
    json_object_put(list);
}

/* Returns how many there are. */
static int require_private_claims(struct json_object *claims, struct text attributes)
{
    int count = 0;
    while (attributes.data != NULL) {
        struct text name;
        struct text value;
        if (!private_claim_split(text_split(&attributes, ' '), &name, &value))
            continue;
        char *key = text_copy(name);
        REQUIRE(key != NULL);
        char *decoded = fuzz_copy(value);
        size_t length;
        REQUIRE(text_percent_decode_strict(value, decoded, &length));
        require_member(claims, key, (struct text){decoded, length});
        free(key);
        free(decoded);
        count++;
    }
    return count;
}

static void check_claims(struct json_object *claims, const struct jwt_claims *expected)
{
    struct json_object *value;
    const bool expires = expected->lifetime > 0;
    const bool has_scope = expected->scope.length > 0;
    REQUIRE(json_object_object_length(claims) ==
            6 + expires + has_scope + require_private_claims(claims, expected->attributes));
    require_member(claims, "iss", text_of(ISSUER));
    if (expected->audience.data != NULL)
        require_audience(claims, expected->audience);
    else
        require_member(claims, "aud", text_of(AUDIENCE));
    require_member(claims, "sub", expected->client_id);
    require_member(claims, "client_id", expected->client_id);
    if (has_scope)
        require_member(claims, "scope", expected->scope);
    REQUIRE(json_object_get_int64(json_object_object_get(claims, "iat")) == expected->issued);
    REQUIRE(json_object_object_get_ex(claims, "exp", &value) == expires);
    REQUIRE(!expires || json_object_get_int64(value) == expected->issued + expected->lifetime);
    REQUIRE(json_object_object_get_ex(claims, "jti", &value) && json_object_get_string_len(value) == 22);
}

static void check_token(struct jwt_issuer *signer, const struct jwt_claims *claims)
{
    struct jwt jwt;
    char *token = jwt_issue(signer, claims, NULL);
    char type[64] = "at+jwt";
    REQUIRE(token != NULL);
    if (claims->type.data != NULL)
        snprintf(type, sizeof type, "%.*s", (int)claims->type.length, claims->type.data);
    const struct jwt_expectation expected = {.issuer = ISSUER, .type = type, .now = claims->issued};
    const enum jwt_status status = jwt_verify(fuzz_keyset(key_set), text_of(token), &expected, &jwt);
    REQUIRE(status == JWT_VALID || strlen(token) > JWT_LONGEST || claims->type.length >= sizeof type);
    if (status == JWT_VALID)
        check_claims(jwt.claims, claims);
    jwt_clear(&jwt);
    free(token);
}

/* What the accounts file lets through. */
static bool is_of_account(struct text client_id, struct text scope)
{
    return client_id.length > 0 && text_is_utf8(client_id) && text_is_utf8(scope) &&
           !text_has_control(client_id) && !text_has_control(scope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = fuzz_text(data, size);
    struct jwt_issuer *signer = jwt_issuer_new(fuzz_keyset(key_set), "at+jwt", ISSUER, AUDIENCE);
    REQUIRE(signer != NULL);
    for (int64_t number = 0; rest.data != NULL; number++) {
        struct text scope = text_split(&rest, '\n');
        const struct text client_id = text_split(&scope, '\t');
        struct text attributes = scope;
        scope = text_split(&attributes, '\t');
        struct account account = {.has_claims = false};
        if (!is_of_account(client_id, scope) || !text_is_utf8(attributes) ||
            account_attributes_fault(attributes) != NULL)
            continue;
        account_attributes_parse(attributes, &account);
        const struct jwt_claims claims = {.client_id = client_id,
                                          .scope = scope,
                                          .audience = account.audience,
                                          .type = account.type,
                                          .attributes = attributes,
                                          .issued = NOW + number,
                                          .lifetime = number % 2 * LIFETIME};
        check_token(signer, &claims);
    }
    jwt_issuer_free(signer);
    return 0;
}
