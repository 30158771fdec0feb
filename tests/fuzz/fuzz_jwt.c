/* An access token, as it stands, against a set of a key of each algorithm; or, where the input has the JSON
 * of a header on its first line, the claims of the lines behind it, signed with the first of the keys.
 * Nothing is valid but what a key of the set has signed, for this issuer and audience, at this time. */
#include "token/jwt_verify.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define ISSUER "https://api.example.com/apiops/auth"
#define AUDIENCE "https://api.example.com/"

enum { NOW = 2000000000, SKEW = 30 };

static const char key_set[] =
    "{\"keys\":["
    "{\"kty\":\"oct\",\"kid\":\"hs\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"4QSJD1SQBl0pW_t-A2CkwxFfPw1kyiu0DNrYM83OCJM\",\"y\":\""
    "wYLRQhhYHD8yedgMCQkC16-zrgub-CNr-2WxY9OAYKU\",\"kid\":\"es\"}"
    ","
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"6J89Oif9fSRd3QBgCXorKEbuEZt32pqk95A130_RVTI\",\"kid"
    "\":\"ed\"}"
    ","
    "{\"kty\":\"RSA\",\"n\":\"rtlmXZGHEaFbFS6f99T3Qpo6Ug5jhG1tsYzcAuE6Uw-SCym386KtBGJjN2oTJlajeNxM4ss"
    "xQ_5tr_9zYn7uh9LruqXDg8hhhKaSlYBg0ELio50UiItyhm2PsEktvQ3Y8OaOb8brRgvu0u523cuQpB8JQsQkrd-N3MzeP9u"
    "SynGfv0aZ6VDDpw99AJqXV3A-NX0yncVSgLUyXr0mqs_jPjAr2HgrJE4zCdpl5y2VvP32X69_cWiHNO6EFYAt2wZZAX40cWT"
    "9m5585EVPPpsEwA5-OhCAKQEtbsK1vcJW240mxwdIij8uJUteut4FgkBkqOMrVlebzMOggFp7-AVInQ\",\"e\":\"AQAB\""
    ",\"kid\":\"rs\"}"
    "]}";

static struct text member(struct json_object *object, const char *name)
{
    struct json_object *value = json_object_object_get(object, name);
    REQUIRE(json_object_is_type(value, json_type_string));
    return (struct text){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

static bool names_audience(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_array))
        return strcmp(json_object_get_string(value), AUDIENCE) == 0;
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        if (strcmp(json_object_get_string(json_object_array_get_idx(value, i)), AUDIENCE) == 0)
            return true;
    }
    return false;
}

static void check_date(struct json_object *claims, const char *name, bool is_ahead)
{
    struct json_object *value;
    if (json_object_object_get_ex(claims, name, &value))
        REQUIRE(is_ahead ? json_object_get_double(value) > NOW - SKEW
                         : json_object_get_double(value) <= NOW + SKEW);
}

static void check_valid(const struct jwt *jwt, struct text token)
{
    struct jws_parts parts;
    REQUIRE(jwt->header != NULL && jwt->claims != NULL && jwt->key != NULL);
    REQUIRE(text_is(member(jwt->header, "alg"), jws_algorithm_name(jwt->key->algorithm)));
    REQUIRE(text_is(member(jwt->header, "kid"), jwt->key->kid));
    REQUIRE(!json_object_object_get_ex(jwt->header, "crit", NULL));
    REQUIRE(text_is(member(jwt->claims, "iss"), ISSUER));
    REQUIRE(names_audience(json_object_object_get(jwt->claims, "aud")));
    REQUIRE(text_equal(member(jwt->claims, "sub"), member(jwt->claims, "client_id")));
    REQUIRE(member(jwt->claims, "jti").length > 0 && member(jwt->header, "typ").length > 0);
    REQUIRE(json_object_object_get_ex(jwt->claims, "iat", NULL));
    check_date(jwt->claims, "exp", true);
    check_date(jwt->claims, "nbf", false);
    check_date(jwt->claims, "iat", false);
    REQUIRE(jws_split(token, &parts));
    REQUIRE(jws_verify(jwt->key->key, &parts));
    /* The last bit that counts, turned: never valid. */
    parts.signature[parts.signature_length - 1] ^= 1;
    REQUIRE(!jws_verify(jwt->key->key, &parts));
    jws_parts_free(&parts);
}

static void verify(struct text token)
{
    const struct jwt_expectation expected = {
        .issuer = ISSUER, .audience = AUDIENCE, .type = "JWT", .clock_skew = SKEW, .now = NOW};
    struct jwt jwt;
    const enum jwt_status status = jwt_verify(fuzz_keyset(key_set), token, &expected, &jwt);
    REQUIRE(status != JWT_NO_MEMORY);
    REQUIRE(jwt_status_text(status) != NULL);
    if (status == JWT_VALID)
        check_valid(&jwt, token);
    jwt_clear(&jwt);
}

static void check_signed(struct text header, struct text payload)
{
    struct jws_signer *signer =
        jws_signer_new(fuzz_keyset(key_set)->signer->key, header, (struct text){NULL, 0});
    char *token = jws_sign(signer, payload);
    REQUIRE(token != NULL);
    verify(text_of(token));
    free(token);
    jws_signer_free(signer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text token = fuzz_text(data, size);
    if (size > 0 && token.data[0] == '{') {
        const struct text header = text_split(&token, '\n');
        check_signed(header, token);
    } else {
        char *copy = fuzz_copy(token);
        verify((struct text){copy, size});
        free(copy);
    }
    return 0;
}
