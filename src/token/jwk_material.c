#include "token/jwk_material.h"

#include <openssl/core_names.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "token/jws_key.h"
#include "token/openssl.h"

enum { HS256_MIN_SIZE = 32, POINT_SIZE = 65, UNCOMPRESSED = 4 };
enum { RS256_MIN_BITS = 2048, RS256_MAX_BITS = 16384 /* OpenSSL's limit for verification */ };

static const char refused[] = "its numbers make no key";
static const char no_memory[] = "out of memory";

static struct jws_key *make_oct(const struct jwk_material *material, const char **fault)
{
    const struct jwk_octets k = material->members[OCT_K];
    if (k.size < HS256_MIN_SIZE) {
        *fault = "\"k\" is shorter than the 256 bits that HS256 needs";
        return NULL;
    }
    *fault = no_memory;
    return jws_key_of_secret(k.data, k.size);
}

/* The y of each point of Ed25519 whose order is 1, 2, 4 or 8, little-endian, without the sign bit of x. With
 * such a public key, forged signatures verify. p is 2^255 - 19; RFC 8032 §5.1.3 decodes y modulo p. */
enum { ED25519_SIZE = 32 };
static const char small_order[][ED25519_SIZE + 1] = {
    "",     /* 0: order 4 */
    "\x01", /* 1: order 1 */
    /* order 8 */
    "\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0"
    "\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
    "\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f"
    "\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
    /* p - 1, of order 2; p, which is 0 again; p + 1, which is 1 again */
    "\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    "\xed\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    "\xee\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
};

static bool is_of_small_order(const unsigned char x[ED25519_SIZE])
{
    unsigned char y[ED25519_SIZE];
    memcpy(y, x, sizeof y);
    y[ED25519_SIZE - 1] &= 0x7f;
    for (size_t i = 0; i < sizeof small_order / sizeof *small_order; i++) {
        if (memcmp(y, small_order[i], sizeof y) == 0)
            return true;
    }
    return false;
}

static EVP_PKEY *make_okp(const struct jwk_material *material, const char **fault)
{
    const struct openssl *crypto = material->crypto;
    const struct jwk_octets x = material->members[OKP_X];
    const struct jwk_octets d = material->members[OKP_D];
    if (is_of_small_order(x.data)) {
        *fault = "\"x\" is a point of small order, for which anybody can sign";
        return NULL;
    }
    if (d.data == NULL)
        return crypto->EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.data, x.size);

    EVP_PKEY *key = crypto->EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, d.data, d.size);
    unsigned char own[32];
    size_t size = sizeof own;
    if (key == NULL || crypto->EVP_PKEY_get_raw_public_key(key, own, &size) != 1)
        goto refuse;
    if (size == x.size && memcmp(own, x.data, size) == 0)
        return key;
    *fault = "\"d\" and \"x\" are not of one key";
refuse:
    crypto->EVP_PKEY_free(key);
    return NULL;
}

/* The parameters for EVP_PKEY_fromdata(), and the memory that they refer to. */
struct description {
    OSSL_PARAM_BLD *builder;
    BIGNUM *numbers[JWK_MEMBERS];
    unsigned char point[POINT_SIZE];
};

/* BN_secure_new() sets a flag by which the copy of the builder is wiped, too. */
static bool describe_number(const struct jwk_material *material, size_t member, struct description *out)
{
    const struct openssl *crypto = material->crypto;
    const struct jwk_octets *octets = &material->members[member];
    BIGNUM *number = crypto->BN_secure_new();
    out->numbers[member] = number;
    return number != NULL && crypto->BN_bin2bn(octets->data, (int)octets->size, number) != NULL &&
           crypto->OSSL_PARAM_BLD_push_BN(out->builder, material->type->members[member].parameter, number) ==
               1;
}

static bool describe_ec(const struct jwk_material *material, struct description *out)
{
    const struct openssl *crypto = material->crypto;
    const struct jwk_octets x = material->members[EC_X];
    const struct jwk_octets y = material->members[EC_Y];
    out->point[0] = UNCOMPRESSED; /* SEC 1 §2.3.3 */
    memcpy(out->point + 1, x.data, x.size);
    memcpy(out->point + 1 + x.size, y.data, y.size);
    return crypto->OSSL_PARAM_BLD_push_utf8_string(out->builder, OSSL_PKEY_PARAM_GROUP_NAME,
                                                   material->type->crv, 0) == 1 &&
           crypto->OSSL_PARAM_BLD_push_octet_string(out->builder, OSSL_PKEY_PARAM_PUB_KEY, out->point,
                                                    POINT_SIZE) == 1 &&
           (material->members[EC_D].data == NULL || describe_number(material, EC_D, out));
}

static bool describe_rsa(const struct jwk_material *material, struct description *out)
{
    for (size_t i = 0; i < JWK_MEMBERS; i++) {
        if (material->members[i].data != NULL && !describe_number(material, i, out))
            return false;
    }
    return true;
}

static EVP_PKEY *key_from(const struct openssl *crypto, OSSL_PARAM_BLD *builder, const char *name,
                          int selection)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *parameters = crypto->OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = crypto->EVP_PKEY_CTX_new_from_name(NULL, name, NULL);
    if (parameters == NULL || context == NULL || crypto->EVP_PKEY_fromdata_init(context) != 1 ||
        crypto->EVP_PKEY_fromdata(context, &key, selection, parameters) != 1)
        key = NULL;
    crypto->EVP_PKEY_CTX_free(context);
    crypto->OSSL_PARAM_free(parameters);
    return key;
}

/* OpenSSL uses the same names as JWK for these two types: EC and RSA. */
static EVP_PKEY *make_described(const struct jwk_material *material,
                                bool (*describe)(const struct jwk_material *, struct description *))
{
    const struct openssl *crypto = material->crypto;
    const bool is_private = material->members[material->type->secret].data != NULL;
    struct description description = {.builder = crypto->OSSL_PARAM_BLD_new()};
    EVP_PKEY *key = NULL;
    if (description.builder != NULL && describe(material, &description))
        key = key_from(crypto, description.builder, material->type->kty,
                       is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY);
    for (size_t i = 0; i < JWK_MEMBERS; i++)
        crypto->BN_clear_free(description.numbers[i]);
    crypto->OSSL_PARAM_BLD_free(description.builder);
    return key;
}

/* EVP_PKEY_fromdata() accepts any numbers. Checks that the point is on the curve, that d is in range, and
 * that the point is d times G. */
static bool ec_is_sound(const struct openssl *crypto, EVP_PKEY *key, bool is_private)
{
    EVP_PKEY_CTX *context = crypto->EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    const bool sound = context != NULL && (is_private ? crypto->EVP_PKEY_check(context)
                                                      : crypto->EVP_PKEY_public_check(context)) == 1;
    crypto->EVP_PKEY_CTX_free(context);
    return sound;
}

static EVP_PKEY *make_ec(const struct jwk_material *material, const char **fault)
{
    const struct openssl *crypto = material->crypto;
    const bool is_private = material->members[EC_D].data != NULL;
    EVP_PKEY *key = make_described(material, describe_ec);
    if (key != NULL && ec_is_sound(crypto, key, is_private))
        return key;
    crypto->EVP_PKEY_free(key);
    *fault = is_private ? "\"x\" and \"y\" are not a point of P-256, or \"d\" is not of the same key"
                        : "\"x\" and \"y\" are not a point of P-256";
    return NULL;
}

/* An even exponent or modulus is invalid. With the exponent 1 everybody can sign. */
static bool rsa_public_is_sound(struct jwk_octets n, struct jwk_octets e)
{
    if (n.size == 0 || e.size == 0 || n.data[n.size - 1] % 2 == 0 || e.data[e.size - 1] % 2 == 0)
        return false;
    for (size_t i = 0; i + 1 < e.size; i++) {
        if (e.data[i] != 0)
            return true;
    }
    return e.data[e.size - 1] > 1;
}

/* The primes and the numbers derived from them must be all present or all absent (RFC 7518 §6.3.2). */
static bool rsa_factors_are_complete(const struct jwk_material *material)
{
    size_t there = 0;
    for (size_t i = RSA_P; i <= RSA_QI; i++)
        there += material->members[i].data != NULL;
    return there == 0 || (there == RSA_QI - RSA_P + 1 && material->members[RSA_D].data != NULL);
}

static EVP_PKEY *make_rsa(const struct jwk_material *material, const char **fault)
{
    const struct openssl *crypto = material->crypto;
    if (!rsa_public_is_sound(material->members[RSA_N], material->members[RSA_E])) {
        *fault = "\"n\" and \"e\" must be odd, and \"e\" over 1";
        return NULL;
    }
    if (!rsa_factors_are_complete(material)) {
        *fault = "\"d\", \"p\", \"q\", \"dp\", \"dq\" and \"qi\" must all be there, or \"d\" alone, or none";
        return NULL;
    }
    EVP_PKEY *key = make_described(material, describe_rsa);
    const int bits = key == NULL ? 0 : crypto->EVP_PKEY_get_bits(key);
    if (bits >= RS256_MIN_BITS && bits <= RS256_MAX_BITS)
        return key;
    crypto->EVP_PKEY_free(key);
    if (key != NULL)
        *fault = "\"n\" is not of 2048 to 16384 bits";
    return NULL;
}

static EVP_PKEY *(*const asymmetric_makers[JWS_ALGORITHM_COUNT])(const struct jwk_material *,
                                                                 const char **) = {
    [JWS_ES256] = make_ec,
    [JWS_EDDSA] = make_okp,
    [JWS_RS256] = make_rsa,
};

struct jws_key *jwk_material_key(const struct jwk_material *material, const char **fault)
{
    const enum jws_algorithm algorithm = material->type->algorithm;
    if (algorithm == JWS_HS256)
        return make_oct(material, fault);
    *fault = refused;
    EVP_PKEY *pkey = asymmetric_makers[algorithm](material, fault);
    if (pkey == NULL)
        return NULL;
    *fault = no_memory;
    return jws_key_of_pkey(algorithm, material->crypto, pkey);
}

void jwk_material_clear(struct jwk_material *material)
{
    for (size_t i = 0; i < JWK_MEMBERS; i++)
        secret_free(material->members[i].data, material->members[i].size);
    *material = (struct jwk_material){.type = NULL};
}
