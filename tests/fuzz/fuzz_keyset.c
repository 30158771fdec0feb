/* A JWK Set: as JSON it is the same when it is written and read again; it loads where nothing is reported and
 * only there, and the key that signs verifies its tokens. */
#include "token/keyset.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_read.h"
#include "fuzz.h"
#include "token/jws_key.h"
#include "token/jwt_issue.h"
#include "token/jwt_verify.h"
#include "token/openssl.h"

enum { NOW = 1700000000, HS256_MIN_LENGTH = 43 /* of 32 bytes in base64url */ };

static void check_json(struct text text)
{
    struct json_fault fault = {NULL, 0};
    struct json_object *object = json_read(text, &fault);
    if (object == NULL) {
        REQUIRE(fault.text != NULL && fault.line > 0);
        return;
    }
    const struct text written = json_write(object, JSON_C_TO_STRING_PLAIN);
    struct json_object *again = json_read(written, NULL);
    REQUIRE(again != NULL);
    REQUIRE(text_equal(written, json_write(again, JSON_C_TO_STRING_PLAIN)));
    json_object_put(again);
    json_put_wiped(object);
}

static void check_signer(const struct keyset *keyset)
{
    const struct jwt_claims claims = {.client_id = {"c", 1}, .issued = NOW, .lifetime = 1};
    struct jwt_issuer *signer = jwt_issuer_new(keyset, "at+jwt", "https://a/", "b");
    char *token = jwt_issue(signer, &claims, NULL);
    struct jwt jwt;
    REQUIRE(token != NULL);
    const struct jwt_expectation expected = {
        .issuer = "https://a/", .audience = "b", .type = "at+jwt", .now = NOW};
    REQUIRE(jwt_verify(keyset, text_of(token), &expected, &jwt) == JWT_VALID);
    REQUIRE(jwt.key == keyset->signer);
    jwt_clear(&jwt);
    free(token);
    jwt_issuer_free(signer);
}

/* RFC 7518 §3.2, §3.3. */
static void check_strength(const struct signing_key *key, struct json_object *jwk)
{
    if (key->algorithm == JWS_HS256)
        REQUIRE(json_object_get_string_len(json_object_object_get(jwk, "k")) >= HS256_MIN_LENGTH);
    if (key->algorithm == JWS_RS256)
        REQUIRE(key->key->crypto->EVP_PKEY_get_bits(key->key->pkey) >= 2048);
}

static void check_key(const struct keyset *keyset, const struct signing_key *key, struct json_object *jwk)
{
    const struct text kid = text_of(key->kid);
    REQUIRE(kid.length > 0 && !text_has_control(kid));
    REQUIRE(keyset_find(keyset, kid) == key);
    REQUIRE(key->algorithm < JWS_ALGORITHM_COUNT);
    check_strength(key, jwk);
    REQUIRE(key->expires >= 0);
}

static void check_keyset(const struct keyset *keyset, struct json_object *document)
{
    struct json_object *jwks = json_object_object_get(document, "keys");
    const struct signing_key *signer = keyset->signer;
    REQUIRE(keyset->count > 0);
    REQUIRE(signer >= keyset->keys && signer < keyset->keys + keyset->count);
    REQUIRE(signer->can_sign && !signer->retired);
    for (const struct signing_key *key = keyset->keys; key < signer; key++)
        REQUIRE(!key->can_sign || key->retired);
    for (size_t i = 0; i < keyset->count; i++)
        check_key(keyset, &keyset->keys[i], json_object_array_get_idx(jwks, i));
    check_signer(keyset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct text text = fuzz_text(data, size);
    struct diagnostics diagnostics = fuzz_report();
    check_json(text);
    struct keyset *keyset = keyset_load(fuzz_file(text), &diagnostics);
    REQUIRE((keyset != NULL) == (diagnostics.errors == 0));
    if (keyset != NULL) {
        struct json_object *document = json_read(text, NULL);
        check_keyset(keyset, document);
        json_object_put(document);
    }
    keyset_release(keyset);
    return 0;
}
