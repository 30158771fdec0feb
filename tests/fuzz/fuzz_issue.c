/* Access tokens, one for each line: a client_id, and behind a tab its scope. Whatever the account is called,
 * and whichever tokens came before, each claim of its token is its own. */
#include "token/jwt_issue.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "token/jwt_verify.h"

#define ISSUER "https://api.example.com/apiops/auth"
#define AUDIENCE "https://api.example.com/\xc3\xa9 \"/\\\""

enum { NOW = 1700000000, LIFETIME = 3600 };

static const char key_set[] =
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"hs\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}";

static const struct keyset *the_keyset(void)
{
    static struct keyset *keyset;
    if (keyset == NULL) {
        struct diagnostics diagnostics = fuzz_report();
        keyset = keyset_load(fuzz_file(text_of(key_set)), &diagnostics);
        REQUIRE(keyset != NULL);
    }
    return keyset;
}

static void require_member(struct json_object *claims, const char *name, struct text expected)
{
    struct json_object *value = json_object_object_get(claims, name);
    REQUIRE(json_object_is_type(value, json_type_string));
    const struct text text = {json_object_get_string(value), (size_t)json_object_get_string_len(value)};
    REQUIRE(text_equal(text, expected));
}

static void check_claims(struct json_object *claims, const struct jwt_claims *expected)
{
    struct json_object *value;
    const bool expires = expected->lifetime > 0;
    const bool has_scope = expected->scope.length > 0;
    REQUIRE(json_object_object_length(claims) == 6 + expires + has_scope);
    require_member(claims, "iss", text_of(ISSUER));
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
    char *token = jwt_issue(signer, claims);
    REQUIRE(token != NULL);
    const struct jwt_expectation expected = {
        .issuer = ISSUER, .audience = AUDIENCE, .type = "at+jwt", .now = claims->issued};
    REQUIRE(strlen(token) > JWT_LONGEST ||
            jwt_verify(the_keyset(), text_of(token), &expected, &jwt) == JWT_VALID);
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
    struct jwt_issuer *signer = jwt_issuer_new(the_keyset(), "at+jwt", ISSUER, AUDIENCE);
    REQUIRE(signer != NULL);
    for (int64_t number = 0; rest.data != NULL; number++) {
        struct text scope = text_split(&rest, '\n');
        const struct text client_id = text_split(&scope, '\t');
        const struct jwt_claims claims = {.client_id = client_id,
                                          .scope = scope,
                                          .issued = NOW + number,
                                          .lifetime = number % 2 * LIFETIME};
        if (is_of_account(client_id, scope))
            check_token(signer, &claims);
    }
    jwt_issuer_free(signer);
    return 0;
}
