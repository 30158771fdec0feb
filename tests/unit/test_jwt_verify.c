#include "token/jwt_verify.h"

#include "fixture.h"
#include "sign_once.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/json_read.h"
#include "token/jws_key.h"

#include "failing_malloc.h"

#define ISSUER "https://api.example.com/apiops/auth"
#define AUDIENCE "https://api.example.com/"
#define SECRET "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

enum { NOW = 1700000000, LIFETIME = 3600 };

static const struct jwt_claims claims = {
    .client_id = BYTES("caf\xc3\xa9 \"x\""),
    .scope = BYTES("read write"),
    .issued = NOW,
    .lifetime = LIFETIME,
};

static struct keyset *load(struct json_object *jwk, const char *more)
{
    struct collected problems;
    char json[8192];
    snprintf(json, sizeof json, "{\"keys\":[%s%s]}", json_object_to_json_string(jwk), more);
    write_text("keys.jwks", json);
    struct keyset *keyset = keyset_load("keys.jwks", collect(&problems));
    if (keyset == NULL)
        fail_msg("%s", problems.text);
    return keyset;
}

/* The set with a single key "a", of 32 zero bytes. */
static struct keyset *load_zeros(const char *more)
{
    struct json_object *jwk =
        json_read(text_of("{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"" SECRET "\"}"), NULL);
    struct keyset *keyset = load(jwk, more);
    json_object_put(jwk);
    return keyset;
}

static enum jwt_status verify_and_keep(const struct keyset *keyset, const char *token, int64_t now,
                                       struct jwt *jwt)
{
    const struct jwt_expectation expected = {
        .issuer = ISSUER, .audience = AUDIENCE, .type = "JWT", .now = now};
    return jwt_verify(keyset, text_of(token), &expected, jwt);
}

static enum jwt_status verify(const struct keyset *keyset, const char *token, int64_t now)
{
    struct jwt jwt;
    const enum jwt_status status = verify_and_keep(keyset, token, now, &jwt);
    jwt_clear(&jwt);
    return status;
}

static const char *member(struct json_object *object, const char *name)
{
    return json_object_get_string(json_object_object_get(object, name));
}

static void check_token(const struct keyset *keyset, const char *token)
{
    struct jwt jwt;
    assert_int_equal(verify_and_keep(keyset, token, NOW, &jwt), JWT_VALID);
    assert_int_equal(json_object_object_length(jwt.header), 3);
    assert_string_equal(member(jwt.header, "alg"), jws_algorithm_name(keyset->signer->algorithm));
    assert_string_equal(member(jwt.header, "typ"), "at+jwt");
    assert_string_equal(member(jwt.header, "kid"), keyset->signer->kid);
    assert_int_equal(json_object_object_length(jwt.claims), 8);
    assert_string_equal(member(jwt.claims, "iss"), ISSUER);
    assert_string_equal(member(jwt.claims, "aud"), AUDIENCE);
    assert_string_equal(member(jwt.claims, "sub"), claims.client_id.data);
    assert_string_equal(member(jwt.claims, "client_id"), claims.client_id.data);
    assert_string_equal(member(jwt.claims, "scope"), "read write");
    assert_string_equal(member(jwt.claims, "iat"), "1700000000");
    assert_string_equal(member(jwt.claims, "exp"), "1700003600");
    assert_int_equal(strlen(member(jwt.claims, "jti")), 22);
    assert_ptr_equal(jwt.key, keyset->signer);
    jwt_clear(&jwt);
}

static void test_tokens_of_each_algorithm_are_valid(void **state)
{
    (void)state;
    char fault[JWK_FAULT_SIZE];
    for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        struct json_object *jwk = jwk_generate((enum jws_algorithm)i, NOW, fault);
        struct keyset *keyset = load(jwk, "");
        char *token = issue_once(keyset, "at+jwt", ISSUER, AUDIENCE, &claims);
        char *another = issue_once(keyset, "at+jwt", ISSUER, AUDIENCE, &claims);
        assert_true(token != NULL && another != NULL);
        check_token(keyset, token);
        assert_string_not_equal(token, another); /* the jti */
        assert_null(strpbrk(token, "=+/\n"));
        free(token);
        free(another);
        keyset_release(keyset);
        json_put_wiped(jwk);
    }
}

/* No lifetime, no `exp`. What would overflow is the greatest number. */
static void test_exp_follows_the_lifetime(void **state)
{
    (void)state;
    static const struct {
        int64_t issued;
        int64_t lifetime;
        const char *exp;        /* NULL: none */
        enum jwt_status status; /* of the check at that time: it refuses numbers beyond 2^53 */
    } rows[] = {
        {NOW, 0, NULL, JWT_VALID},
        {NOW, 1, "1700000001", JWT_VALID},
        {NOW, 315360000, "2015360000", JWT_VALID},
        {NOW, INT64_MAX, "9223372036854775807", JWT_MALFORMED},
        {0, INT64_MAX, "9223372036854775807", JWT_MALFORMED},
        {-1, NOW, "1699999999", JWT_VALID},
        {-NOW, NOW, "0", JWT_VALID}, /* a clock that has lost its time */
        {INT64_MIN, INT64_MAX, "-1", JWT_MALFORMED},
    };
    struct keyset *keyset = load_zeros("");
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct jwt_claims row = {.client_id = BYTES("a"),
                                       .scope = {"", 0},
                                       .issued = rows[i].issued,
                                       .lifetime = rows[i].lifetime};
        struct jwt jwt;
        char *token = issue_once(keyset, "JWT", ISSUER, AUDIENCE, &row);
        check_row(verify_and_keep(keyset, token, row.issued, &jwt) == rows[i].status, "status", i, token);
        const int64_t iat = json_object_get_int64(json_object_object_get(jwt.claims, "iat"));
        const char *exp = member(jwt.claims, "exp");
        check_row(iat == row.issued, "iat", i, token);
        check_row((exp == NULL) == (rows[i].exp == NULL), "there", i, token);
        check_row(exp == NULL || strcmp(exp, rows[i].exp) == 0, exp, i, token);
        check_row(!json_object_object_get_ex(jwt.claims, "scope", NULL), "scope", i, token);
        check_row(strcmp(member(jwt.header, "typ"), "JWT") == 0, "typ", i, token);
        jwt_clear(&jwt);
        free(token);
    }
    keyset_release(keyset);
}

static void test_token_is_valid_from_iat_to_exp(void **state)
{
    (void)state;
    static const struct {
        int64_t now;
        enum jwt_status status;
    } rows[] = {
        {NOW - 1, JWT_NOT_YET_VALID},        {NOW, JWT_VALID},         {NOW + LIFETIME - 1, JWT_VALID},
        {NOW + LIFETIME, JWT_EXPIRED},       {INT64_MAX, JWT_EXPIRED}, {0, JWT_NOT_YET_VALID},
        {NOW + LIFETIME + 100, JWT_EXPIRED},
    };
    struct keyset *keyset = load_zeros("");
    char *token = issue_once(keyset, "at+jwt", ISSUER, AUDIENCE, &claims);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const enum jwt_status status = verify(keyset, token, rows[i].now);
        check_row(status == rows[i].status, jwt_status_text(status), i, token);
    }
    free(token);
    keyset_release(keyset);
}

#define HEADER_WITH(more) "{\"alg\":\"HS256\",\"kid\":\"a\"," more "}"
#define GOOD_HEADER HEADER_WITH("\"typ\":\"at+jwt\"")
#define OF_HERE "\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\""
#define OF_CLIENT "\"sub\":\"c\",\"client_id\":\"c\",\"jti\":\"j\""
#define GOOD_CLAIMS "{" OF_HERE "," OF_CLIENT ",\"iat\":1700000000}"
#define CLAIMS_WITH(more) "{" OF_HERE "," OF_CLIENT ",\"iat\":1700000000," more "}"
#define CLAIMS_AT(iat) "{" OF_HERE "," OF_CLIENT ",\"iat\":" iat "}"
#define CLAIMS_OF(more) "{" OF_HERE "," more "}"
#define CLAIMS_FOR(aud) "{\"iss\":\"" ISSUER "\"," OF_CLIENT ",\"iat\":1700000000" aud "}"
#define CLAIMS_FROM(iss) "{\"iss\":" iss ",\"aud\":\"" AUDIENCE "\"," OF_CLIENT ",\"iat\":1700000000}"

/* All signed with key "a" of a set of one, and rightly so. */
static const struct {
    const char *header;
    const char *claims;
    enum jwt_status status;
} signed_rows[] = {
    {GOOD_HEADER, GOOD_CLAIMS, JWT_VALID},
    {" {\"kid\" : \"a\", \"alg\":\"HS256\",\"typ\":\"at+jwt\",\"x\":{\"kid\":\"\\\":N\"}} ", GOOD_CLAIMS,
     JWT_VALID},
    {HEADER_WITH("\"typ\":\"AT+JWT\""), GOOD_CLAIMS, JWT_VALID},
    {HEADER_WITH("\"typ\":\"application/at+jwt\""), GOOD_CLAIMS, JWT_VALID},
    {HEADER_WITH("\"typ\":\"Application/AT+jwt\""), GOOD_CLAIMS, JWT_VALID},
    {HEADER_WITH("\"typ\":\"JWT\""), GOOD_CLAIMS, JWT_VALID},
    {HEADER_WITH("\"typ\":\"application/jwt\""), GOOD_CLAIMS, JWT_VALID},
    {HEADER_WITH("\"typ\":\"id+jwt\""), GOOD_CLAIMS, JWT_WRONG_TYPE},
    {HEADER_WITH("\"typ\":\"text/at+jwt\""), GOOD_CLAIMS, JWT_WRONG_TYPE},
    {HEADER_WITH("\"typ\":\"application/\""), GOOD_CLAIMS, JWT_WRONG_TYPE},
    {HEADER_WITH("\"typ\":\"application/application/at+jwt\""), GOOD_CLAIMS, JWT_WRONG_TYPE},
    {HEADER_WITH("\"typ\":\"at+jwt\\u0000\""), GOOD_CLAIMS, JWT_WRONG_TYPE},
    {HEADER_WITH("\"typ\":\"\""), GOOD_CLAIMS, JWT_WRONG_TYPE},
    {HEADER_WITH("\"typ\":[\"at+jwt\"]"), GOOD_CLAIMS, JWT_WRONG_TYPE},
    {HEADER_WITH("\"typ\":null"), GOOD_CLAIMS, JWT_WRONG_TYPE},
    {"{\"alg\":\"HS256\",\"kid\":\"a\"}", GOOD_CLAIMS, JWT_WRONG_TYPE},
    {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", GOOD_CLAIMS, JWT_UNKNOWN_KEY},
    {"{\"alg\":\"HS256\",\"kid\":\"b\"}", GOOD_CLAIMS, JWT_UNKNOWN_KEY},
    {"{\"alg\":\"HS256\",\"kid\":\"\"}", GOOD_CLAIMS, JWT_UNKNOWN_KEY},
    {"{\"alg\":\"HS256\",\"kid\":\"a\\u0000\"}", GOOD_CLAIMS, JWT_UNKNOWN_KEY},
    {"{\"alg\":\"HS256\",\"kid\":7}", GOOD_CLAIMS, JWT_MALFORMED},
    {"{\"alg\":\"HS256\",\"kid\":null}", GOOD_CLAIMS, JWT_MALFORMED},
    {HEADER_WITH("\"typ\":\"at+jwt\",\"crit\":[\"exp\"],\"exp\":1"), GOOD_CLAIMS, JWT_MALFORMED},
    {HEADER_WITH("\"typ\":\"at+jwt\",\"crit\":null"), GOOD_CLAIMS, JWT_MALFORMED},
    {HEADER_WITH("\"typ\":\"at+jwt\",\"kid\":\"a\""), GOOD_CLAIMS, JWT_MALFORMED},
    {HEADER_WITH("\"typ\":\"at+jwt\",\"\\u0061lg\":\"HS256\""), GOOD_CLAIMS, JWT_MALFORMED},
    {HEADER_WITH("\"typ\":\"at+jwt\",\"x\":[{\"y\":1,\"y\":1}]"), GOOD_CLAIMS, JWT_MALFORMED},
    {HEADER_WITH("\"typ\":\"at+jwt\",\"x\":-Infinity"), GOOD_CLAIMS, JWT_MALFORMED},
    {"{\"kid\":\"a\"}", GOOD_CLAIMS, JWT_MALFORMED},
    {"{\"alg\":true}", GOOD_CLAIMS, JWT_MALFORMED},
    {"{\"alg\":\"none\",\"kid\":\"a\"}", GOOD_CLAIMS, JWT_WRONG_ALGORITHM},
    {"{\"alg\":\"hs256\",\"kid\":\"a\"}", GOOD_CLAIMS, JWT_WRONG_ALGORITHM},
    {"{\"alg\":\"HS512\",\"kid\":\"a\"}", GOOD_CLAIMS, JWT_WRONG_ALGORITHM},
    {"", GOOD_CLAIMS, JWT_MALFORMED},
    {"[]", GOOD_CLAIMS, JWT_MALFORMED},
    {GOOD_HEADER "x", GOOD_CLAIMS, JWT_MALFORMED},
    {GOOD_HEADER, "", JWT_MALFORMED},
    {GOOD_HEADER, "\"a\"", JWT_MALFORMED},
    {GOOD_HEADER, GOOD_CLAIMS ",", JWT_MALFORMED},
    {GOOD_HEADER, "eyJhbGciOiJub25lIn0.e30.", JWT_MALFORMED}, /* a nested JWT (RFC 7519 §7.2) */
    {GOOD_HEADER, CLAIMS_WITH("\"jti\":\"j\""), JWT_MALFORMED},
    {GOOD_HEADER, CLAIMS_WITH("\"x\":{\"sub\":\"y\"}"), JWT_VALID},
    {GOOD_HEADER, CLAIMS_WITH("\"x\":NaN"), JWT_MALFORMED},
    {GOOD_HEADER, "{}", JWT_WRONG_ISSUER},
    {GOOD_HEADER, CLAIMS_FROM("\"" ISSUER "/\""), JWT_WRONG_ISSUER},
    {GOOD_HEADER, CLAIMS_FROM("\"" ISSUER "\\u0000\""), JWT_WRONG_ISSUER},
    {GOOD_HEADER, CLAIMS_FROM("[\"" ISSUER "\"]"), JWT_WRONG_ISSUER},
    {GOOD_HEADER, CLAIMS_FOR(""), JWT_WRONG_AUDIENCE},
    {GOOD_HEADER, CLAIMS_FOR(",\"aud\":\"other\""), JWT_WRONG_AUDIENCE},
    {GOOD_HEADER, CLAIMS_FOR(",\"aud\":[]"), JWT_WRONG_AUDIENCE},
    {GOOD_HEADER, CLAIMS_FOR(",\"aud\":[null,1,\"other\"]"), JWT_WRONG_AUDIENCE},
    {GOOD_HEADER, CLAIMS_FOR(",\"aud\":{\"" AUDIENCE "\":1}"), JWT_WRONG_AUDIENCE},
    {GOOD_HEADER, CLAIMS_FOR(",\"aud\":[\"other\",\"" AUDIENCE "\"]"), JWT_VALID},
    {GOOD_HEADER, CLAIMS_OF(OF_CLIENT), JWT_MISSING_CLAIM},
    {GOOD_HEADER, CLAIMS_OF("\"iat\":1,\"sub\":\"c\",\"client_id\":\"c\""), JWT_MISSING_CLAIM},
    {GOOD_HEADER, CLAIMS_OF("\"iat\":1,\"sub\":\"c\",\"client_id\":\"c\",\"jti\":1"), JWT_MISSING_CLAIM},
    {GOOD_HEADER, CLAIMS_OF("\"iat\":1,\"sub\":\"c\",\"client_id\":\"c\",\"jti\":\"\""), JWT_MISSING_CLAIM},
    {GOOD_HEADER, CLAIMS_OF("\"iat\":1,\"sub\":\"c\",\"jti\":\"j\""), JWT_MISSING_CLAIM},
    {GOOD_HEADER, CLAIMS_OF("\"iat\":1,\"client_id\":\"c\",\"jti\":\"j\""), JWT_MISSING_CLAIM},
    {GOOD_HEADER, CLAIMS_OF("\"iat\":1,\"sub\":\"c\",\"client_id\":\"C\",\"jti\":\"j\""), JWT_MISSING_CLAIM},
    {GOOD_HEADER, CLAIMS_OF("\"iat\":1,\"sub\":\"\",\"client_id\":\"\",\"jti\":\"j\""), JWT_MISSING_CLAIM},
    {GOOD_HEADER, CLAIMS_WITH("\"exp\":1700000000"), JWT_EXPIRED},
    {GOOD_HEADER, CLAIMS_WITH("\"exp\":1700000000.5"), JWT_VALID},
    {GOOD_HEADER, CLAIMS_WITH("\"exp\":9007199254740992"), JWT_VALID},
    {GOOD_HEADER, CLAIMS_WITH("\"exp\":9007199254740994"), JWT_MALFORMED},
    {GOOD_HEADER, CLAIMS_WITH("\"exp\":99999999999999999999999"), JWT_MALFORMED},
    {GOOD_HEADER, CLAIMS_WITH("\"exp\":1e400"), JWT_MALFORMED},
    {GOOD_HEADER, CLAIMS_WITH("\"exp\":-1"), JWT_EXPIRED},
    {GOOD_HEADER, CLAIMS_WITH("\"exp\":-9007199254740994"), JWT_MALFORMED},
    {GOOD_HEADER, CLAIMS_WITH("\"exp\":NaN"), JWT_MALFORMED},
    {GOOD_HEADER, CLAIMS_WITH("\"exp\":Infinity"), JWT_MALFORMED},
    {GOOD_HEADER, CLAIMS_WITH("\"exp\":\"1800000000\""), JWT_MALFORMED},
    {GOOD_HEADER, CLAIMS_WITH("\"exp\":null"), JWT_MALFORMED},
    {GOOD_HEADER, CLAIMS_WITH("\"nbf\":1700000000"), JWT_VALID},
    {GOOD_HEADER, CLAIMS_WITH("\"nbf\":1700000001"), JWT_NOT_YET_VALID},
    {GOOD_HEADER, CLAIMS_WITH("\"nbf\":null"), JWT_MALFORMED},
    {GOOD_HEADER, CLAIMS_WITH("\"nbf\":[]"), JWT_MALFORMED},
    {GOOD_HEADER, CLAIMS_AT("1700000001"), JWT_NOT_YET_VALID},
    {GOOD_HEADER, CLAIMS_AT("null"), JWT_MALFORMED},
    {GOOD_HEADER, CLAIMS_AT("false"), JWT_MALFORMED},
};

static void test_signed_tokens_are_checked_by_every_rule(void **state)
{
    (void)state;
    struct keyset *keyset = load_zeros("");
    for (size_t i = 0; i < ROWS(signed_rows); i++) {
        char *token =
            sign_once(keyset->signer->key, text_of(signed_rows[i].header), text_of(signed_rows[i].claims));
        const enum jwt_status status = verify(keyset, token, NOW);
        check_row(status == signed_rows[i].status, jwt_status_text(status), i, token);
        free(token);
    }
    keyset_release(keyset);
}

/* A retired key verifies until its last token expires. */
static void test_clocks_may_differ_by_clock_skew(void **state)
{
    (void)state;
    static const struct {
        const char *kid;
        int64_t now;
        long skew;
        enum jwt_status status;
    } rows[] = {
        {"a", NOW, 0, JWT_VALID},
        {"a", NOW - 1, 0, JWT_NOT_YET_VALID},
        {"a", NOW - 30, 30, JWT_VALID},
        {"a", NOW - 31, 30, JWT_NOT_YET_VALID},
        {"a", NOW + 100, 0, JWT_EXPIRED},
        {"a", NOW + 129, 30, JWT_VALID},
        {"a", NOW + 130, 30, JWT_EXPIRED},
        {"retired", NOW + 49, 0, JWT_VALID},
        {"retired", NOW + 50, 0, JWT_EXPIRED_KEY},
        {"retired", NOW + 79, 30, JWT_VALID},
        {"retired", NOW + 80, 30, JWT_EXPIRED_KEY},
    };
    struct keyset *keyset =
        load_zeros(",{\"kty\":\"oct\",\"kid\":\"retired\",\"exp\":1700000050,\"k\":\"" SECRET "\"}");
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct jwt_expectation expected = {.issuer = ISSUER,
                                                 .audience = AUDIENCE,
                                                 .type = "at+jwt",
                                                 .clock_skew = rows[i].skew,
                                                 .now = rows[i].now};
        struct jwt jwt;
        char header[100];
        snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", rows[i].kid);
        char *token =
            sign_once(keyset->signer->key, text_of(header), text_of(CLAIMS_WITH("\"exp\":1700000100")));
        const enum jwt_status status = jwt_verify(keyset, text_of(token), &expected, &jwt);
        check_row(status == rows[i].status, jwt_status_text(status), i, rows[i].kid);
        jwt_clear(&jwt);
        free(token);
    }
    keyset_release(keyset);
}

static void test_token_over_the_limit_is_refused(void **state)
{
    (void)state;
    static char text[JWT_LONGEST];
    struct keyset *keyset = load_zeros("");
    size_t valid = 0;
    for (int spaces = 48000; spaces < 49200; spaces++) {
        snprintf(text, sizeof text, "%*s%s", spaces, "", GOOD_CLAIMS);
        char *token = sign_once(keyset->signer->key, text_of(GOOD_HEADER), text_of(text));
        const enum jwt_status status = verify(keyset, token, NOW);
        check_row(status == (strlen(token) <= JWT_LONGEST ? JWT_VALID : JWT_MALFORMED),
                  jwt_status_text(status), (size_t)spaces, "spaces");
        struct jwt jwt;
        check_row(jwt_decode(text_of(token), &jwt) == (status == JWT_VALID), "decoded", (size_t)spaces,
                  "spaces");
        jwt_clear(&jwt);
        valid += status == JWT_VALID;
        free(token);
    }
    assert_true(valid > 0 && valid < 1200);
    keyset_release(keyset);
}

static void test_only_the_key_of_the_kid_verifies(void **state)
{
    (void)state;
    struct keyset *keyset = load_zeros(",{\"kty\":\"oct\",\"kid\":\"b\",\"next\":true,"
                                       "\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}");
    static const struct {
        const char *header;
        size_t key;
        enum jwt_status status;
    } rows[] = {
        {"{\"alg\":\"HS256\"}", 0, JWT_UNKNOWN_KEY},
        {"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\"}", 0, JWT_VALID},
        {"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"b\"}", 1, JWT_VALID},
        {"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\"}", 1, JWT_BAD_SIGNATURE},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *token = sign_once(keyset->keys[rows[i].key].key, text_of(rows[i].header), text_of(GOOD_CLAIMS));
        const enum jwt_status status = verify(keyset, token, NOW);
        check_row(status == rows[i].status, jwt_status_text(status), i, rows[i].header);
        free(token);
    }
    keyset_release(keyset);
}

static void test_what_is_no_jws_is_malformed(void **state)
{
    (void)state;
    static const char *const tokens[] = {
        "",
        ".",
        "..",
        "...",
        "a.b",
        "e30.e30.",
        "e30.e30.AAAA",
        "e30.e30.AAAA.AAAA",
        "e30.AAAA.AAAA.AAAA.AAAA", /* JWE (RFC 7516 §3.1) */
        "Bearer x",
        "\xff.\xff.\xff",
    };
    struct keyset *keyset = load_zeros("");
    for (size_t i = 0; i < ROWS(tokens); i++)
        check_row(verify(keyset, tokens[i], NOW) == JWT_MALFORMED, "malformed", i, tokens[i]);
    keyset_release(keyset);
}

static void test_each_changed_character_is_detected(void **state)
{
    (void)state;
    struct keyset *keyset = load_zeros("");
    char *token = issue_once(keyset, "at+jwt", ISSUER, AUDIENCE, &claims);
    const size_t length = strlen(token);
    for (size_t at = 0; at < length; at++) {
        const char was = token[at];
        token[at] = was == 'A' ? 'B' : 'A';
        check_row(verify(keyset, token, NOW) != JWT_VALID, "a letter changed", at, token);
        token[at] = '\0';
        check_row(verify(keyset, token, NOW) != JWT_VALID, "cut short", at, token);
        token[at] = was;
    }
    assert_int_equal(verify(keyset, token, NOW), JWT_VALID);
    free(token);
    keyset_release(keyset);
}

/* The public part of an RSA key of 2048 bits with the exponent 65537, as everybody has it: a
 * SubjectPublicKeyInfo (RFC 3279 §2.3.1) in DER. */
static struct jws_key *public_part_as_secret(struct json_object *jwk)
{
    static const unsigned char before[] = {0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48,
                                           0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01,
                                           0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00};
    static const unsigned char behind[] = {0x02, 0x03, 0x01, 0x00, 0x01};
    const char *n = member(jwk, "n");
    unsigned char der[512];
    size_t size = sizeof before;
    size_t decoded = 0;
    memcpy(der, before, sizeof before);
    assert_int_equal(strlen(n), 342);
    assert_true(base64url_decode(n, strlen(n), der + size, &decoded));
    size += decoded;
    memcpy(der + size, behind, sizeof behind);
    return jws_key_of_secret(der, size + sizeof behind);
}

/* The classic attack: the public part of an RSA key as an HMAC secret. */
static void test_public_key_is_no_hmac_secret(void **state)
{
    (void)state;
    char fault[JWK_FAULT_SIZE];
    struct json_object *jwk = jwk_generate(JWS_RS256, NOW, fault);
    struct keyset *keyset = load(jwk, "");
    struct jws_key *secret = public_part_as_secret(jwk);
    assert_non_null(secret);
    static const struct {
        const char *alg;
        enum jwt_status status;
    } rows[] = {{"HS256", JWT_WRONG_ALGORITHM}, {"RS256", JWT_BAD_SIGNATURE}, {"none", JWT_WRONG_ALGORITHM}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        char header[200];
        snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\"}", rows[i].alg, keyset->signer->kid);
        char *token = sign_once(secret, text_of(header), text_of(GOOD_CLAIMS));
        check_row(verify(keyset, token, NOW) == rows[i].status, "status", i, rows[i].alg);
        strrchr(token, '.')[1] = '\0';
        check_row(verify(keyset, token, NOW) == rows[i].status, "no signature", i, rows[i].alg);
        free(token);
    }
    jws_key_release(secret);
    keyset_release(keyset);
    json_put_wiped(jwk);
}

/* The claims of a token are parsed once its signature is known to be right. */
static void test_claims_of_others_are_not_read(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        const char *claims;
        enum jwt_status status;
    } rows[] = {
        {"{\"alg\":\"HS256\",\"kid\":\"gone\"}", GOOD_CLAIMS, JWT_UNKNOWN_KEY},
        {"{\"alg\":\"HS256\",\"kid\":\"a\"}", GOOD_CLAIMS, JWT_BAD_SIGNATURE},
        {"{\"alg\":\"HS256\",\"kid\":\"a\"}", "{", JWT_BAD_SIGNATURE},
    };
    struct keyset *keyset = load_zeros("");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct jwt jwt;
        char *token = sign_once(keyset->signer->key, text_of(rows[i].header), text_of(rows[i].claims));
        forge(token);
        const enum jwt_status status = verify_and_keep(keyset, token, NOW, &jwt);
        check_row(status == rows[i].status, jwt_status_reason(status), i, token);
        check_row(jwt.header != NULL && jwt.claims == NULL, "decoded", i, token);
        jwt_clear(&jwt);
        free(token);
    }
    keyset_release(keyset);
}

/* What anyone can send changes nothing about the tokens of others that the same thread checks after it. */
static void test_malformed_token_leaves_others_valid(void **state)
{
    (void)state;
    static const char *const headers[] = {"{\"a\":\"\\ud83d",      "{\"a\":\"\\ud83d\\", "{\"\\ud83d\\u",
                                          "{\"alg\":[{\"kid\":\"", "{\"a\":1,\"a\":2}",  "{\"a\":-"};
    struct keyset *keyset = load_zeros("");
    for (size_t i = 0; i < ROWS(headers); i++) {
        const char *header = headers[i];
        char *malformed = sign_once(keyset->signer->key, text_of(header), text_of("{}"));
        char *token = issue_once(keyset, "at+jwt", ISSUER, AUDIENCE, &claims);
        for (int time = 0; time < 3; time++) {
            struct jwt jwt;
            check_row(verify(keyset, malformed, NOW) == JWT_MALFORMED, "malformed", i, header);
            const enum jwt_status status = verify_and_keep(keyset, token, NOW, &jwt);
            check_row(status == JWT_VALID, jwt_status_reason(status), i, header);
            check_row(text_equal(jwt_claim_text(&jwt, CLAIM_SUB), claims.client_id), "sub", i, header);
            jwt_clear(&jwt);
        }
        free(malformed);
        free(token);
    }
    keyset_release(keyset);
}

/* tokenctl inspect shows what a token contains, even if it is not valid. */
static void test_any_token_is_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        bool has_header;
        bool has_claims;
    } rows[] = {
        /* {"alg":"none"} and {"sub":"x"} */
        {"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.", true, true},
        {"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.AAAA", true, true},
        {"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0", false, false},
        {"eyJhbGciOiJub25lIn0.AAAA.AAAA", true, false},
        {"AAAA.eyJzdWIiOiJ4In0.AAAA", false, false},
        {"x", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct jwt jwt;
        const bool good = jwt_decode(text_of(rows[i].token), &jwt);
        check_row(good == rows[i].has_claims, "decoded", i, rows[i].token);
        check_row((jwt.header != NULL) == rows[i].has_header, "header", i, rows[i].token);
        check_row((jwt.claims != NULL) == rows[i].has_claims, "claims", i, rows[i].token);
        check_row(!good || text_is(jwt_claim_text(&jwt, CLAIM_SUB), "x"), "sub", i, rows[i].token);
        jwt_clear(&jwt);
    }
}

static void test_each_status_has_a_sentence(void **state)
{
    (void)state;
    for (int i = JWT_VALID; i <= JWT_NO_MEMORY; i++) {
        const char *text = jwt_status_text((enum jwt_status)i);
        check_row(strlen(text) > 0 && strpbrk(text, "\"\\") == NULL, "text", (size_t)i, text);
        check_row(strchr(jwt_status_reason((enum jwt_status)i), ' ') == NULL, "reason", (size_t)i, text);
    }
}

/* Whichever allocation fails, there is a whole token or none. */
static void issue_without_memory(enum jws_algorithm algorithm, bool once)
{
    char fault[JWK_FAULT_SIZE];
    struct json_object *jwk = jwk_generate(algorithm, NOW, fault);
    struct keyset *keyset = load(jwk, "");
    free(issue_once(keyset, "at+jwt", ISSUER, AUDIENCE,
                    &claims)); /* what OpenSSL makes at first use, it keeps */
    long allowed = 0;
    for (bool done = false; !done; allowed++) {
        one_allocation_fails = once;
        allocations_left = allowed;
        char *token = issue_once(keyset, "at+jwt", ISSUER, AUDIENCE, &claims);
        done = once ? allocations_left >= 0 : token != NULL;
        allocations_left = -1;
        if (token != NULL)
            check_token(keyset, token);
        else if (done)
            fail_msg("no token, though no allocation failed");
        free(token);
    }
    assert_true(allowed > 20);
    keyset_release(keyset);
    json_put_wiped(jwk);
}

static void test_no_memory_is_no_verdict(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        issue_without_memory((enum jws_algorithm)i, false);
        issue_without_memory((enum jws_algorithm)i, true);
    }
}

/* One issuer for more accounts than its cache holds, with prefixes of every length. */
static void test_each_account_gets_its_own_claims(void **state)
{
    (void)state;
    struct keyset *keyset = load_zeros("");
    struct jwt_issuer *signer = jwt_issuer_new(keyset, "at+jwt", ISSUER, AUDIENCE);
    assert_non_null(signer);
    for (int i = 0; i < 6000; i++) {
        char client_id[32];
        char scope[32];
        snprintf(client_id, sizeof client_id, "%.*sclient\xc3\xa9-%d", i % 4, "---", i % 2000);
        snprintf(scope, sizeof scope, "%.*s", i % 3, "ab");
        const struct jwt_claims row = {
            .client_id = text_of(client_id), .scope = text_of(scope), .issued = NOW, .lifetime = i % 2};
        struct jwt jwt;
        char *token = jwt_issue(signer, &row, NULL);
        assert_int_equal(verify_and_keep(keyset, token, NOW, &jwt), JWT_VALID);
        check_row(strcmp(member(jwt.claims, "sub"), client_id) == 0, "sub", (size_t)i, client_id);
        check_row(strcmp(member(jwt.claims, "client_id"), client_id) == 0, "client_id", (size_t)i, client_id);
        const char *claim = member(jwt.claims, "scope");
        check_row(i % 3 == 0 ? claim == NULL : strcmp(claim, scope) == 0, "scope", (size_t)i, client_id);
        check_row((member(jwt.claims, "exp") != NULL) == (i % 2 == 1), "exp", (size_t)i, client_id);
        jwt_clear(&jwt);
        free(token);
    }
    jwt_issuer_free(signer);
    keyset_release(keyset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens_of_each_algorithm_are_valid),
        cmocka_unit_test(test_each_account_gets_its_own_claims),
        cmocka_unit_test(test_exp_follows_the_lifetime),
        cmocka_unit_test(test_token_is_valid_from_iat_to_exp),
        cmocka_unit_test(test_signed_tokens_are_checked_by_every_rule),
        cmocka_unit_test(test_only_the_key_of_the_kid_verifies),
        cmocka_unit_test(test_what_is_no_jws_is_malformed),
        cmocka_unit_test(test_each_changed_character_is_detected),
        cmocka_unit_test(test_public_key_is_no_hmac_secret),
        cmocka_unit_test(test_claims_of_others_are_not_read),
        cmocka_unit_test(test_malformed_token_leaves_others_valid),
        cmocka_unit_test(test_any_token_is_decoded),
        cmocka_unit_test(test_each_status_has_a_sentence),
        cmocka_unit_test(test_clocks_may_differ_by_clock_skew),
        cmocka_unit_test(test_token_over_the_limit_is_refused),
        cmocka_unit_test(test_no_memory_is_no_verdict),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
