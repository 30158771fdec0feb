#include "token/jwt_verify.h"

#include "base/json_text.h"

/* Returns an absent text if the member is missing or not a string. */
static struct text string_member(struct json_object *object, const char *name)
{
    struct json_object *value;
    if (!json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, json_type_string))
        return (struct text){NULL, 0};
    return (struct text){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

/* Finds the key that `kid` names. A token without `kid` is verified by the only key, if the set has only one.
 */
static enum jwt_status find_key(const struct keyset *keyset, struct jwt *jwt)
{
    const struct text kid = string_member(jwt->header, "kid");
    if (kid.data != NULL)
        jwt->key = keyset_find(keyset, kid);
    else if (json_object_object_get_ex(jwt->header, "kid", NULL))
        return JWT_MALFORMED;
    else if (keyset->count == 1)
        jwt->key = &keyset->keys[0];
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

/* "aud" is a string or an array of strings (RFC 7519 §4.1.3). */
static bool has_audience(struct json_object *claims, const char *audience)
{
    struct json_object *value;
    if (!json_object_object_get_ex(claims, "aud", &value))
        return false;
    if (!json_object_is_type(value, json_type_array))
        return text_is(string_member(claims, "aud"), audience);
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        struct json_object *one = json_object_array_get_idx(value, i);
        if (json_object_is_type(one, json_type_string) &&
            text_is((struct text){json_object_get_string(one), (size_t)json_object_get_string_len(one)},
                    audience))
            return true;
    }
    return false;
}

/* Reads a NumericDate (RFC 7519 §2), which may have a fraction. Leaves `*seconds` unchanged if it is absent.
 * Refuses numbers that need more than 63 bits: json-c 0.18 refuses them while it parses, 0.16 replaces them
 * by the largest number. */
static bool read_date(struct json_object *claims, const char *name, double *seconds)
{
    struct json_object *value;
    if (!json_object_object_get_ex(claims, name, &value))
        return true;
    if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
        return false;
    if (json_object_is_type(value, json_type_int) && json_object_get_uint64(value) > INT64_MAX)
        return false;
    *seconds = json_object_get_double(value);
    return true;
}

static enum jwt_status check_claims(struct json_object *claims, const char *issuer, const char *audience,
                                    int64_t now)
{
    const double time = (double)now;
    double expires = time + 1;
    double not_before = time;
    double issued = time;
    if (!read_date(claims, "exp", &expires) || !read_date(claims, "nbf", &not_before) ||
        !read_date(claims, "iat", &issued))
        return JWT_MALFORMED;
    if (!text_is(string_member(claims, "iss"), issuer))
        return JWT_WRONG_ISSUER;
    if (!has_audience(claims, audience))
        return JWT_WRONG_AUDIENCE;
    /* Written so that a NaN, which json-c accepts, is refused. */
    if (!(time < expires))
        return JWT_EXPIRED;
    return time >= not_before && time >= issued ? JWT_VALID : JWT_NOT_YET_VALID;
}

/* Returns NULL and sets `*status` if the part is not a JSON object. */
static struct json_object *read_part(const char *data, size_t length, enum jwt_status *status)
{
    struct json_fault fault;
    struct json_object *object = json_read((struct text){data, length}, &fault);
    if (object == NULL)
        *status = fault.line > 0 ? JWT_MALFORMED : JWT_NO_MEMORY;
    return object;
}

enum jwt_status jwt_verify(const struct keyset *keyset, struct text token, const char *issuer,
                           const char *audience, int64_t now, struct jwt *jwt)
{
    enum jwt_status status = JWT_VALID;
    struct jws_parts parts;
    *jwt = (struct jwt){.header = NULL};
    if (!jws_split(token, &parts))
        return JWT_MALFORMED;
    jwt->header = read_part(parts.header, parts.header_length, &status);
    jwt->claims = read_part(parts.payload, parts.payload_length, &status);
    if (status == JWT_VALID)
        status = check_header(keyset, jwt);
    if (status == JWT_VALID && !jws_verify(jwt->key->key, &parts))
        status = JWT_BAD_SIGNATURE;
    if (status == JWT_VALID)
        status = check_claims(jwt->claims, issuer, audience, now);
    jws_parts_free(&parts);
    return status;
}

void jwt_clear(struct jwt *jwt)
{
    json_object_put(jwt->header);
    json_object_put(jwt->claims);
    *jwt = (struct jwt){.header = NULL};
}

const char *jwt_status_text(enum jwt_status status)
{
    static const char *const texts[] = {
        [JWT_VALID] = "the token is valid",
        [JWT_MALFORMED] = "it is not a JWT",
        [JWT_UNKNOWN_KEY] = "the key set has no key of its kid",
        [JWT_WRONG_ALGORITHM] = "its alg is not the key's",
        [JWT_BAD_SIGNATURE] = "the signature is not the key's",
        [JWT_WRONG_ISSUER] = "its iss is not the issuer",
        [JWT_WRONG_AUDIENCE] = "its aud is not the audience",
        [JWT_EXPIRED] = "it has expired",
        [JWT_NOT_YET_VALID] = "it is not valid yet: its iat or nbf lies ahead",
        [JWT_NO_MEMORY] = "out of memory",
    };
    return texts[status];
}
