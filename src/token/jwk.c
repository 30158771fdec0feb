#include "token/jwk.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/hmac.h"
#include "base/json.h"
#include "base/json_read.h"
#include "base/secret.h"
#include "token/jwk_type.h"

/* Copies the member if `from` has it. The copy is deep, because the private key may be wiped while its public
 * part is still in use. */
static bool copy_member(struct json_object *from, const char *name, struct json_object *to)
{
    struct json_object *value;
    if (!json_object_object_get_ex(from, name, &value) || value == NULL)
        return true;
    return json_add(to, name, json_copy(value));
}

static bool copy_members(struct json_object *from, const char *const *names, struct json_object *to)
{
    for (; *names != NULL; names++) {
        if (!copy_member(from, *names, to))
            return false;
    }
    return true;
}

static const struct jwk_type *type_of(struct json_object *jwk)
{
    return jwk_type_find(text_of(json_object_get_string(json_object_object_get(jwk, "kty"))),
                         text_of(json_object_get_string(json_object_object_get(jwk, "crv"))));
}

struct json_object *jwk_public(struct json_object *jwk)
{
    static const char *const before[] = {"kty", "crv", NULL};
    static const char *const others[] = {"alg", "use", "kid", "iat", "exp", NULL};
    const struct jwk_type *type = type_of(jwk);
    if (type == NULL || type->algorithm == JWS_HS256)
        return NULL;

    struct json_object *public = json_object_new_object();
    bool complete = public != NULL && copy_members(jwk, before, public);
    for (size_t i = 0; complete && i < jwk_type_count(type); i++)
        complete = type->members[i].secret || copy_member(jwk, type->members[i].name, public);
    if (complete && copy_members(jwk, others, public))
        return public;
    json_object_put(public);
    return NULL;
}

/* The members that a thumbprint covers, in the order of their names (RFC 7638 §3.2, RFC 8037 §2). */
static const char *const thumbprint_members[JWS_ALGORITHM_COUNT][5] = {
    [JWS_HS256] = {"k", "kty", NULL},
    [JWS_ES256] = {"crv", "kty", "x", "y", NULL},
    [JWS_EDDSA] = {"crv", "kty", "x", NULL},
    [JWS_RS256] = {"e", "kty", "n", NULL},
};

static void hash(struct text text, unsigned char digest[SHA256_DIGEST_SIZE])
{
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, text.length, (const uint8_t *)text.data);
    sha256_digest(&context, SHA256_DIGEST_SIZE, digest);
    secret_wipe(&context, sizeof context);
}

bool jwk_thumbprint(struct json_object *jwk, char out[JWK_THUMBPRINT_SIZE])
{
    const struct jwk_type *type = type_of(jwk);
    struct json_object *members = type == NULL ? NULL : json_object_new_object();
    struct text text = {NULL, 0};
    if (members != NULL && copy_members(jwk, thumbprint_members[type->algorithm], members))
        text = json_write(members, JSON_C_TO_STRING_PLAIN);
    const bool good = text.data != NULL;
    if (good) {
        unsigned char digest[SHA256_DIGEST_SIZE];
        hash(text, digest);
        base64url_encode(digest, sizeof digest, out);
    }
    /* The text is a buffer of json-c and contains the secret of a symmetric key. */
    secret_wipe((char *)text.data, text.length);
    json_put_wiped(members);
    return good;
}

static void derive(const unsigned char *secret, size_t size, struct text label,
                   unsigned char out[JWK_DERIVED_SIZE])
{
    struct hmac hmac;
    hmac_prepare(&hmac, secret, size);
    hmac_compute(&hmac, &label, 1, out);
    secret_wipe(&hmac, sizeof hmac);
}

/* Returns NULL if the key has no secret. */
static struct json_object *secret_of(struct json_object *jwk)
{
    const struct jwk_type *type = type_of(jwk);
    return type == NULL ? NULL : json_object_object_get(jwk, type->members[type->secret].name);
}

bool jwk_has_secret(struct json_object *jwk)
{
    return secret_of(jwk) != NULL;
}

bool jwk_derive(struct json_object *jwk, const char *label, unsigned char out[JWK_DERIVED_SIZE])
{
    struct json_object *value = secret_of(jwk);
    const size_t length = value == NULL ? 0 : (size_t)json_object_get_string_len(value);
    const size_t capacity = length / 4 * 3 + 3;
    size_t size;
    errno = EINVAL;
    unsigned char *secret = value == NULL ? NULL : malloc(capacity);
    if (secret == NULL)
        return false;
    const bool good = base64url_decode(json_object_get_string(value), length, secret, &size);
    if (good)
        derive(secret, size, text_of(label), out);
    secret_free(secret, capacity);
    if (!good)
        errno = EINVAL;
    return good;
}
