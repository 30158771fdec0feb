#include "token/jwt_verify.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json_read.h"

/* Returns an absent text if the member is missing or not a string. */
static struct text string_member(struct json_object *object, const char *name)
{
    struct json_object *value;
    if (!json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, json_type_string))
        return (struct text){NULL, 0};
    return (struct text){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

/* A retired key verifies until the last of its tokens has expired. */
static enum jwt_status check_key_expiry(const struct signing_key *key, const struct jwt_expectation *expected)
{
    const bool is_over = key->retired && expected->now - expected->clock_skew >= key->expires;
    return is_over ? JWT_EXPIRED_KEY : JWT_VALID;
}

/* Finds the key that `kid` names. */
static enum jwt_status find_key(const struct keyset *keyset, struct jwt *jwt)
{
    const struct text kid = string_member(jwt->header, "kid");
    if (kid.data == NULL)
        return json_object_object_get_ex(jwt->header, "kid", NULL) ? JWT_MALFORMED : JWT_UNKNOWN_KEY;
    jwt->key = keyset_find(keyset, kid);
    return jwt->key != NULL ? JWT_VALID : JWT_UNKNOWN_KEY;
}

/* This program supports no extensions, so "crit" is an error (RFC 7515 §4.1.11). */
static enum jwt_status check_header(const struct keyset *keyset, struct jwt *jwt)
{
    const struct text alg = string_member(jwt->header, "alg");
    if (alg.data == NULL || json_object_object_get_ex(jwt->header, "crit", NULL))
        return JWT_MALFORMED;
    const enum jwt_status status = find_key(keyset, jwt);
    if (status != JWT_VALID)
        return status;
    return text_is(alg, jws_algorithm_name(jwt->key->algorithm)) ? JWT_VALID : JWT_WRONG_ALGORITHM;
}

static bool is_type(struct text typ, struct text type)
{
    return typ.length == type.length && strncasecmp(typ.data, type.data, typ.length) == 0;
}

/* "typ" is a media type, which has no case and whose "application/" may be left out (RFC 7515 §4.1.9). */
bool jwt_has_type(const struct jwt *jwt, struct text type)
{
    static const char prefix[] = "application/";
    struct text typ = string_member(jwt->header, "typ");
    if (typ.data == NULL)
        return false;
    if (is_type(typ, type))
        return true;
    if (typ.length > strlen(prefix) && strncasecmp(typ.data, prefix, strlen(prefix)) == 0)
        typ = (struct text){typ.data + strlen(prefix), typ.length - strlen(prefix)};
    return is_type(typ, type) || is_type(typ, text_of("at+jwt"));
}

static bool is_audience(struct json_object *value, const char *audience)
{
    return json_object_is_type(value, json_type_string) &&
           (audience == NULL ||
            text_is((struct text){json_object_get_string(value), (size_t)json_object_get_string_len(value)},
                    audience));
}

/* "aud" is a string or an array of strings (RFC 7519 §4.1.3). Without an audience asked for, any will do. */
static bool has_audience(const struct claim_index *claims, const char *audience)
{
    struct json_object *value;
    if (!claim_index_get(claims, CLAIM_AUD, &value))
        return false;
    if (!json_object_is_type(value, json_type_array))
        return is_audience(value, audience);
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        if (is_audience(json_object_array_get_idx(value, i), audience))
            return true;
    }
    return false;
}

/* The claims that RFC 9068 §2.2 requires, besides those that are checked one by one. */
static bool has_required_claims(const struct claim_index *claims)
{
    struct json_object *issued;
    const struct text subject = claim_index_text(claims, CLAIM_SUB);
    return subject.length > 0 && text_equal(subject, claim_index_text(claims, CLAIM_CLIENT_ID)) &&
           claim_index_text(claims, CLAIM_JTI).length > 0 && claim_index_get(claims, CLAIM_IAT, &issued);
}

enum jwt_status jwt_check_claims(const struct jwt *jwt, const struct jwt_expectation *expected)
{
    const struct claim_index *claims = &jwt->index;
    const double latest = (double)expected->now + (double)expected->clock_skew;
    const double earliest = (double)expected->now - (double)expected->clock_skew;
    double expires = earliest + 1;
    double not_before = latest;
    double issued = latest;
    if (!claim_index_date(claims, CLAIM_EXP, &expires) || !claim_index_date(claims, CLAIM_NBF, &not_before) ||
        !claim_index_date(claims, CLAIM_IAT, &issued))
        return JWT_MALFORMED;
    if (!text_is(claim_index_text(claims, CLAIM_ISS), expected->issuer))
        return JWT_WRONG_ISSUER;
    if (!has_audience(claims, expected->audience))
        return JWT_WRONG_AUDIENCE;
    if (!has_required_claims(claims))
        return JWT_MISSING_CLAIM;
    if (earliest >= expires)
        return JWT_EXPIRED;
    return latest >= not_before && latest >= issued ? JWT_VALID : JWT_NOT_YET_VALID;
}

/* Returns JWT_VALID if `text` is strict JSON. */
static enum jwt_status read_part(const char *text, size_t length, struct json_object **object)
{
    struct json_fault fault;
    *object = json_read_public((struct text){text, length}, &fault);
    return *object != NULL ? JWT_VALID : fault.line > 0 ? JWT_MALFORMED : JWT_NO_MEMORY;
}

/* Finds the key and the algorithm. The key set never changes, so what was right about a header still is. */
static enum jwt_status read_header(const struct keyset *keyset, const struct jws_parts *parts,
                                   struct jwt *jwt)
{
    const struct token_header *shared = token_cache_find_header(keyset->seen, parts->encoded_header);
    if (shared != NULL) {
        *jwt = (struct jwt){.header = shared->object, .key = shared->key, .shared_header = shared};
        return JWT_VALID;
    }
    const enum jwt_status status = read_part(parts->header, parts->header_length, &jwt->header);
    return status == JWT_VALID ? check_header(keyset, jwt) : status;
}

static enum jwt_status check_signature(const struct jws_parts *parts, const struct jwt *jwt)
{
    if (jws_verify(jwt->key->key, parts))
        return JWT_VALID;
    return errno == ENOMEM ? JWT_NO_MEMORY : JWT_BAD_SIGNATURE;
}

static enum jwt_status read_claims(const struct jws_parts *parts, struct jwt *jwt)
{
    const enum jwt_status status = read_part(parts->payload, parts->payload_length, &jwt->claims);
    if (status == JWT_VALID)
        claim_index_fill(&jwt->index, jwt->claims);
    return status;
}

/* The cache shares what `jwt` has. Without memory for that, the token is decoded again next time. */
static void keep_decoded(struct token_cache *cache, struct cache_key key, struct jwt *jwt)
{
    jwt->shared = verified_token_new(jwt->shared_header, jwt->claims, &jwt->index);
    if (jwt->shared != NULL)
        token_cache_put(cache, key, jwt->shared);
}

/* Returns JWT_VALID if the signature is right: the claims of others are not even parsed. Fills `jwt` up to
 * the first error. Keeps decoded what is seen for the second time: tokens that are used once must not replace
 * others. */
static enum jwt_status decode_token(const struct keyset *keyset, struct text token, struct cache_key key,
                                    const struct jwt_expectation *expected, struct jwt *jwt)
{
    struct token_cache *const cache = keyset->seen;
    const bool is_verified = token_cache_is_verified(cache, key, expected->now);
    struct jws_parts parts;
    if (!jws_split(token, &parts))
        return parts.out_of_memory ? JWT_NO_MEMORY : JWT_MALFORMED;
    enum jwt_status status = read_header(keyset, &parts, jwt);
    if (status == JWT_VALID)
        status = check_key_expiry(jwt->key, expected);
    if (status == JWT_VALID && !is_verified)
        status = check_signature(&parts, jwt);
    if (status == JWT_VALID)
        status = read_claims(&parts, jwt);
    if (status == JWT_VALID && jwt->shared_header == NULL)
        jwt->shared_header = token_cache_add_header(cache, parts.encoded_header, jwt->header, jwt->key);
    if (status == JWT_VALID && !is_verified)
        token_cache_set_verified(cache, key, jwt_expires(jwt));
    else if (status == JWT_VALID && jwt->shared_header != NULL && token.length <= TOKEN_CACHE_LONGEST)
        keep_decoded(cache, key, jwt);
    jws_parts_free(&parts);
    return status;
}

/* Returns false if the cache does not have the token. */
static bool find_decoded(struct token_cache *cache, struct cache_key key, struct jwt *jwt)
{
    struct verified_token *seen = token_cache_get(cache, key);
    if (seen != NULL)
        *jwt = (struct jwt){seen->header->object, seen->claims, seen->index,
                            seen->header->key,    seen->header, seen};
    return seen != NULL;
}

/* What depends on the time or on `expected` is checked each time. What depends on the token and the key set
 * alone is checked once: decode_token() does that, as the key set never changes. */
enum jwt_status jwt_verify(const struct keyset *keyset, struct text token,
                           const struct jwt_expectation *expected, struct jwt *jwt)
{
    *jwt = (struct jwt){.header = NULL};
    if (token.length > JWT_LONGEST)
        return JWT_MALFORMED;
    const struct cache_key key = token_cache_key(keyset->seen, token);
    const enum jwt_status status = find_decoded(keyset->seen, key, jwt)
                                       ? check_key_expiry(jwt->key, expected)
                                       : decode_token(keyset, token, key, expected, jwt);
    if (status != JWT_VALID)
        return status;
    return jwt_has_type(jwt, text_of(expected->type)) ? jwt_check_claims(jwt, expected) : JWT_WRONG_TYPE;
}

bool jwt_decode(struct text token, struct jwt *jwt)
{
    struct jws_parts parts;
    *jwt = (struct jwt){.header = NULL};
    if (token.length > JWT_LONGEST || !jws_split(token, &parts))
        return false;
    const bool good = read_part(parts.header, parts.header_length, &jwt->header) == JWT_VALID &&
                      read_claims(&parts, jwt) == JWT_VALID;
    jws_parts_free(&parts);
    return good;
}

void jwt_clear(struct jwt *jwt)
{
    if (jwt->shared_header == NULL)
        json_object_put(jwt->header);
    if (jwt->shared != NULL)
        verified_token_release(jwt->shared);
    else
        json_object_put(jwt->claims);
    *jwt = (struct jwt){.header = NULL};
}

struct text jwt_claim_text(const struct jwt *jwt, enum claim claim)
{
    return claim_index_text(&jwt->index, claim);
}

static int64_t date_of(const struct jwt *jwt, enum claim claim, int64_t otherwise)
{
    struct json_object *value;
    double seconds = 0;
    const bool is_date =
        claim_index_get(&jwt->index, claim, &value) && claim_index_date(&jwt->index, claim, &seconds);
    return is_date ? (int64_t)seconds : otherwise;
}

int64_t jwt_issued(const struct jwt *jwt)
{
    return date_of(jwt, CLAIM_IAT, 0);
}

int64_t jwt_expires(const struct jwt *jwt)
{
    return date_of(jwt, CLAIM_EXP, CLOCK_NEVER);
}

bool jwt_is_signed(enum jwt_status status)
{
    return status == JWT_VALID || (status > JWT_BAD_SIGNATURE && status < JWT_NOT_CHECKED);
}

static const struct {
    const char *reason;
    const char *text;
} rows[] = {
    [JWT_VALID] = {"valid", "The token is valid"},
    [JWT_MALFORMED] = {"malformed", "It is not a JWT in strict JSON"},
    [JWT_UNKNOWN_KEY] = {"unknown_key", "The key set has no key of its kid"},
    [JWT_EXPIRED_KEY] = {"expired_key", "Its key is retired, and the last token of that key has expired"},
    [JWT_WRONG_ALGORITHM] = {"wrong_algorithm", "Its alg is not the key's"},
    [JWT_BAD_SIGNATURE] = {"bad_signature", "The signature is not the key's"},
    [JWT_WRONG_TYPE] = {"wrong_typ", "Its typ is not that of an access token"},
    [JWT_WRONG_ISSUER] = {"wrong_issuer", "Its iss is not the issuer"},
    [JWT_WRONG_AUDIENCE] = {"wrong_audience", "Its aud is not the audience"},
    [JWT_MISSING_CLAIM] = {"missing_claim",
                           "Its sub, client_id, iat or jti is missing, or sub and client_id differ"},
    [JWT_EXPIRED] = {"expired", "The token has expired"},
    [JWT_NOT_YET_VALID] = {"not_yet_valid", "The token is not valid yet: its iat or nbf lies ahead"},
    [JWT_REVOKED] = {"revoked", "The token was revoked"},
    [JWT_CLIENT_REVOKED] = {"client_revoked", "The tokens that the client had until then were revoked"},
    [JWT_ACCOUNT_UNKNOWN] = {"account_unknown", "Its client has no account"},
    [JWT_ACCOUNT_CLOSED] = {"account_closed", "The account of its client is locked or has expired"},
    [JWT_NOT_CHECKED] = {"not_checked", "The accounts or the revocations cannot be read"},
    [JWT_NO_MEMORY] = {"no_memory", "Out of memory"},
};

const char *jwt_status_reason(enum jwt_status status)
{
    return rows[status].reason;
}

const char *jwt_status_text(enum jwt_status status)
{
    return rows[status].text;
}
