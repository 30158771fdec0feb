#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/secret.h"
#include "token/jwk.h"
#include "token/jwk_material.h"
#include "token/openssl.h"

void jwk_prepare(void)
{
    char fault[JWK_FAULT_SIZE];
    openssl_load(fault, sizeof fault);
}

/* Writes the reason and returns false. */
__attribute__((format(printf, 2, 3))) static bool refuse(char fault[JWK_FAULT_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault, JWK_FAULT_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

/* `*string` is absent if the key has no such member. False: the member is not a string. */
static bool read_string(struct json_object *jwk, const char *name, struct text *string,
                        char fault[JWK_FAULT_SIZE])
{
    struct json_object *value;
    *string = (struct text){NULL, 0};
    if (!json_object_object_get_ex(jwk, name, &value))
        return true;
    if (!json_object_is_type(value, json_type_string))
        return refuse(fault, "\"%s\" is not a string", name);
    *string = (struct text){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
    return true;
}

static bool read_type(struct json_object *jwk, const struct jwk_type **type, char fault[JWK_FAULT_SIZE])
{
    struct text kty;
    struct text crv;
    struct text alg;
    struct text use;
    if (!read_string(jwk, "kty", &kty, fault) || !read_string(jwk, "crv", &crv, fault) ||
        !read_string(jwk, "alg", &alg, fault) || !read_string(jwk, "use", &use, fault))
        return false;
    *type = jwk_type_find(kty, crv);
    if (*type == NULL)
        return refuse(fault, "\"kty\" and \"crv\" are none of oct, RSA, EC with P-256 and OKP with Ed25519");
    const char *name = jws_algorithm_name((*type)->algorithm);
    if (alg.data != NULL && !text_is(alg, name))
        return refuse(fault, "\"alg\" is \"%.*s\", and a key of type %s is for %s", (int)alg.length, alg.data,
                      (*type)->kty, name);
    if (use.data != NULL && !text_is(use, "sig"))
        return refuse(fault, "\"use\" is \"%.*s\", not \"sig\"", (int)use.length, use.data);
    return true;
}

/* The operations that "key_ops" allows (RFC 7517 §4.3); without "key_ops", all. */
struct operations {
    bool sign;
    bool verify;
};

static bool is_given_before(struct json_object *list, size_t place)
{
    struct json_object *value = json_object_array_get_idx(list, place);
    for (size_t i = 0; i < place; i++) {
        if (json_object_equal(json_object_array_get_idx(list, i), value))
            return true;
    }
    return false;
}

static bool read_operations(struct json_object *jwk, struct operations *operations,
                            char fault[JWK_FAULT_SIZE])
{
    struct json_object *list;
    *operations = (struct operations){true, true};
    if (!json_object_object_get_ex(jwk, "key_ops", &list))
        return true;
    if (!json_object_is_type(list, json_type_array))
        return refuse(fault, "\"key_ops\" is not an array");
    *operations = (struct operations){false, false};
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *value = json_object_array_get_idx(list, i);
        if (!json_object_is_type(value, json_type_string) || is_given_before(list, i))
            return refuse(fault, "\"key_ops\" must be strings, each of them once");
        const struct text name = {json_object_get_string(value), (size_t)json_object_get_string_len(value)};
        operations->sign = operations->sign || text_is(name, "sign");
        operations->verify = operations->verify || text_is(name, "verify");
    }
    return true;
}

/* The private key of a pair may lack "verify", which belongs to its public part. */
static bool apply_operations(const struct operations *operations, struct jwk_key *key,
                             char fault[JWK_FAULT_SIZE])
{
    const bool is_pair = key->is_private && key->algorithm != JWS_HS256;
    key->is_private = key->is_private && operations->sign;
    if (operations->verify || (is_pair && operations->sign))
        return true;
    jws_key_release(key->key);
    key->key = NULL;
    return refuse(fault, "\"key_ops\" lacks \"verify\"%s", is_pair ? " and \"sign\"" : "");
}

static bool decode_member(const struct jwk_member *member, struct text string, struct jwk_octets *octets,
                          char fault[JWK_FAULT_SIZE])
{
    const size_t capacity = string.length / 4 * 3 + 3;
    unsigned char *data = malloc(capacity);
    if (data == NULL)
        return refuse(fault, "out of memory");
    size_t size = 0;
    bool good = base64url_decode(string.data, string.length, data, &size) ||
                refuse(fault, "\"%s\" is not base64url without padding", member->name);
    if (good && (size == 0 || (member->size != 0 && size != member->size)))
        good = refuse(fault, "\"%s\" is of %zu bytes, not of %s%zu", member->name, size,
                      member->size == 0 ? "at least " : "", member->size == 0 ? 1 : member->size);
    if (!good) {
        secret_free(data, capacity);
        return false;
    }
    *octets = (struct jwk_octets){data, size};
    return true;
}

static bool read_members(struct json_object *jwk, struct jwk_material *material, char fault[JWK_FAULT_SIZE])
{
    const struct jwk_type *type = material->type;
    for (size_t i = 0; i < jwk_type_count(type); i++) {
        const struct jwk_member *member = &type->members[i];
        struct text string;
        if (!read_string(jwk, member->name, &string, fault))
            return false;
        const bool required = !member->secret || type->algorithm == JWS_HS256;
        if (string.data == NULL && required)
            return refuse(fault, "\"%s\" is missing", member->name);
        if (string.data != NULL && !decode_member(member, string, &material->members[i], fault))
            return false;
    }
    if (type->algorithm == JWS_RS256 && json_object_object_get_ex(jwk, "oth", NULL))
        return refuse(fault, "RSA keys of more than two primes (\"oth\") are not supported");
    return true;
}

/* Returns whether the key verifies what it signs. This check works for every type. */
static bool signs_and_verifies(struct jws_key *key)
{
    struct jws_signer *signer = jws_signer_new(key, text_of("{}"), (struct text){NULL, 0});
    char *token = signer != NULL ? jws_sign(signer, text_of("self-test")) : NULL;
    jws_signer_free(signer);
    struct jws_parts parts;
    if (token == NULL)
        return false;
    bool good = false;
    if (jws_split(text_of(token), &parts)) {
        good = jws_verify(key, &parts);
        jws_parts_free(&parts);
    }
    free(token);
    return good;
}

static bool make_jwk(struct jwk_material *material, struct jwk_key *key, char fault[JWK_FAULT_SIZE])
{
    const char *reason;
    key->algorithm = material->type->algorithm;
    key->is_private = material->members[material->type->secret].data != NULL;
    if (key->algorithm != JWS_HS256) {
        material->crypto = openssl_load(fault, JWK_FAULT_SIZE);
        if (material->crypto == NULL)
            return false;
    }
    key->key = jwk_material_key(material, &reason);
    if (key->key == NULL)
        return refuse(fault, "%s", reason);
    if (!key->is_private || signs_and_verifies(key->key))
        return true;
    jws_key_release(key->key);
    key->key = NULL;
    return refuse(fault, "its private and its public part are not of one key");
}

bool jwk_read(struct json_object *jwk, struct jwk_key *key, char fault[JWK_FAULT_SIZE])
{
    struct jwk_material material = {.type = NULL};
    struct operations operations;
    *key = (struct jwk_key){.key = NULL};
    if (!json_object_is_type(jwk, json_type_object))
        return refuse(fault, "is not a JSON object");
    const bool good = read_type(jwk, &material.type, fault) && read_operations(jwk, &operations, fault) &&
                      read_members(jwk, &material, fault) && make_jwk(&material, key, fault) &&
                      apply_operations(&operations, key, fault);
    jwk_material_clear(&material);
    return good;
}
