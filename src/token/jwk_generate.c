#include <stdio.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/json_read.h"
#include "base/secret.h"
#include "token/jwk.h"
#include "token/jwk_type.h"
#include "token/openssl.h"

enum { HS256_SIZE = 32, RS256_BITS = 2048, NUMBER_MAX_SIZE = RS256_BITS / 8 };

static bool add_octets(struct json_object *jwk, const char *name, const unsigned char *octets, size_t size)
{
    char encoded[BASE64URL_LENGTH(NUMBER_MAX_SIZE) + 1];
    const size_t length = base64url_encode(octets, size, encoded);
    const bool added = json_add_text(jwk, name, (struct text){encoded, length});
    secret_wipe(encoded, sizeof encoded);
    return added;
}

/* Gets a number of an EC or RSA key, in the fixed size of the member, or, if it has none, in the fewest bytes
 * (RFC 7518 §6.3.1). */
static bool get_number(const struct openssl *crypto, EVP_PKEY *key, const struct jwk_member *member,
                       unsigned char out[NUMBER_MAX_SIZE], size_t *size)
{
    BIGNUM *number = NULL;
    if (crypto->EVP_PKEY_get_bn_param(key, member->parameter, &number) != 1)
        return false;
    *size = member->size > 0 ? member->size : ((size_t)crypto->BN_num_bits(number) + 7) / 8;
    const bool good = *size <= NUMBER_MAX_SIZE && crypto->BN_bn2binpad(number, out, (int)*size) == (int)*size;
    crypto->BN_clear_free(number);
    return good;
}

static bool add_member(struct json_object *jwk, enum jws_algorithm algorithm, const struct openssl *crypto,
                       EVP_PKEY *key, const struct jwk_member *member)
{
    unsigned char octets[NUMBER_MAX_SIZE];
    size_t size = 0;
    const bool got = algorithm == JWS_EDDSA ? crypto->EVP_PKEY_get_octet_string_param(
                                                  key, member->parameter, octets, sizeof octets, &size) == 1
                                            : get_number(crypto, key, member, octets, &size);
    const bool added = got && add_octets(jwk, member->name, octets, size);
    secret_wipe(octets, sizeof octets);
    return added;
}

static EVP_PKEY *generate_key(const struct openssl *crypto, enum jws_algorithm algorithm)
{
    switch (algorithm) {
    case JWS_ES256:
        return crypto->EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    case JWS_EDDSA:
        return crypto->EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case JWS_RS256:
        return crypto->EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RS256_BITS);
    default:
        return NULL;
    }
}

static bool add_new_secret(struct json_object *jwk)
{
    unsigned char secret[HS256_SIZE];
    const bool added = secret_random(secret, sizeof secret) && add_octets(jwk, "k", secret, sizeof secret);
    secret_wipe(secret, sizeof secret);
    return added;
}

static bool add_new_key(struct json_object *jwk, const struct jwk_type *type, char fault[JWK_FAULT_SIZE])
{
    const struct openssl *crypto = openssl_load(fault, JWK_FAULT_SIZE);
    if (crypto == NULL)
        return false;
    EVP_PKEY *key = generate_key(crypto, type->algorithm);
    bool added = key != NULL;
    for (size_t i = 0; added && i < jwk_type_count(type); i++)
        added = add_member(jwk, type->algorithm, crypto, key, &type->members[i]);
    crypto->EVP_PKEY_free(key);
    return added;
}

static struct json_object *generate(enum jws_algorithm algorithm, int64_t now, char kid[JWK_THUMBPRINT_SIZE],
                                    char fault[JWK_FAULT_SIZE])
{
    snprintf(fault, JWK_FAULT_SIZE, "out of memory, or no random bytes");
    const struct jwk_type *type = jwk_type_of(algorithm);
    struct json_object *jwk = json_object_new_object();
    const bool complete = json_add_string(jwk, "kty", type->kty) &&
                          (type->crv == NULL || json_add_string(jwk, "crv", type->crv)) &&
                          (algorithm == JWS_HS256 ? add_new_secret(jwk) : add_new_key(jwk, type, fault)) &&
                          json_add_string(jwk, "alg", jws_algorithm_name(algorithm)) &&
                          json_add_string(jwk, "use", "sig") && jwk_thumbprint(jwk, kid) &&
                          json_add_string(jwk, "kid", kid) && json_add_number(jwk, "iat", now);
    if (complete)
        return jwk;
    json_put_wiped(jwk);
    return NULL;
}

struct json_object *jwk_generate(enum jws_algorithm algorithm, int64_t now, char fault[JWK_FAULT_SIZE])
{
    char kid[JWK_THUMBPRINT_SIZE];
    struct json_object *jwk = NULL;
    do {
        json_put_wiped(jwk);
        jwk = generate(algorithm, now, kid, fault);
    } while (jwk != NULL && kid[0] == '-');
    return jwk;
}
