#include "token/jws.h"

#include <openssl/ecdsa.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/hmac.h"
#include "base/secret.h"

enum {
    SIGNATURE_SIZE = 2048, /* RS256 with the largest modulus that OpenSSL takes, 16384 bits */
    NUMBER_SIZE = 32,      /* of P-256 */
    ECDSA_SIZE = 64,       /* two of them */
    ECDSA_DER_SIZE = 72,
};

static const struct {
    const char *name;
    const EVP_MD *(*digest)(void); /* NULL: the algorithm has its own */
} algorithms[JWS_ALGORITHM_COUNT] = {
    [JWS_HS256] = {"HS256", EVP_sha256},
    [JWS_ES256] = {"ES256", EVP_sha256},
    [JWS_EDDSA] = {"EdDSA", NULL},
    [JWS_RS256] = {"RS256", EVP_sha256},
};

const char *jws_algorithm_name(enum jws_algorithm algorithm)
{
    return algorithms[algorithm].name;
}

bool jws_algorithm_of(struct text name, enum jws_algorithm *algorithm)
{
    for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        if (text_is(name, algorithms[i].name)) {
            *algorithm = (enum jws_algorithm)i;
            return true;
        }
    }
    return false;
}

static const EVP_MD *digest_of(enum jws_algorithm algorithm)
{
    return algorithms[algorithm].digest == NULL ? NULL : algorithms[algorithm].digest();
}

/* OpenSSL's ECDSA signature is DER, that of JWS is r and s in 32 bytes each (RFC 7518 §3.4). */
static bool ecdsa_from_der(unsigned char *signature, size_t *length)
{
    const unsigned char *der = signature;
    ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &der, (long)*length);
    if (numbers == NULL)
        return false;
    const bool good =
        BN_bn2binpad(ECDSA_SIG_get0_r(numbers), signature, NUMBER_SIZE) == NUMBER_SIZE &&
        BN_bn2binpad(ECDSA_SIG_get0_s(numbers), signature + NUMBER_SIZE, NUMBER_SIZE) == NUMBER_SIZE;
    *length = ECDSA_SIZE;
    ECDSA_SIG_free(numbers);
    return good;
}

static bool ecdsa_to_der(const unsigned char *signature, size_t length, unsigned char der[ECDSA_DER_SIZE],
                         size_t *der_length)
{
    if (length != ECDSA_SIZE)
        return false;
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, NUMBER_SIZE, NULL);
    BIGNUM *s = BN_bin2bn(signature + NUMBER_SIZE, NUMBER_SIZE, NULL);
    int written = 0;
    if (numbers != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(numbers, r, s) == 1) {
        r = s = NULL; /* they are in `numbers` now */
        written = i2d_ECDSA_SIG(numbers, &der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(numbers);
    *der_length = written > 0 ? (size_t)written : 0;
    return written > 0;
}

struct jws_signer {
    enum jws_algorithm algorithm;
    EVP_PKEY *key;
    struct hmac hmac; /* of HS256 */
    size_t head_length;
    char head[]; /* BASE64URL(header) "." */
};

static bool prepare_hmac(struct jws_signer *signer)
{
    size_t size = 0;
    if (EVP_PKEY_get_raw_private_key(signer->key, NULL, &size) != 1)
        return false;
    const size_t room = size;
    unsigned char *secret = malloc(room);
    const bool good = secret != NULL && EVP_PKEY_get_raw_private_key(signer->key, secret, &size) == 1;
    if (good)
        hmac_prepare(&signer->hmac, secret, size);
    secret_free(secret, room);
    return good;
}

struct jws_signer *jws_signer_new(enum jws_algorithm algorithm, EVP_PKEY *key, struct text header)
{
    struct jws_signer *signer = calloc(1, sizeof *signer + BASE64URL_LENGTH(header.length) + 2);
    if (signer == NULL)
        return NULL;
    signer->algorithm = algorithm;
    signer->head_length = base64url_encode((const unsigned char *)header.data, header.length, signer->head);
    signer->head[signer->head_length++] = '.';
    if (EVP_PKEY_up_ref(key) == 1)
        signer->key = key;
    if (signer->key != NULL && (algorithm != JWS_HS256 || prepare_hmac(signer)))
        return signer;
    jws_signer_free(signer);
    return NULL;
}

void jws_signer_free(struct jws_signer *signer)
{
    if (signer == NULL)
        return;
    EVP_PKEY_free(signer->key);
    secret_free(signer, sizeof *signer);
}

static bool sign_by_key(enum jws_algorithm algorithm, EVP_PKEY *key, struct text input,
                        unsigned char signature[SIGNATURE_SIZE], size_t *length)
{
    *length = SIGNATURE_SIZE;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool good =
        context != NULL && EVP_DigestSignInit(context, NULL, digest_of(algorithm), NULL, key) == 1 &&
        EVP_DigestSign(context, signature, length, (const unsigned char *)input.data, input.length) == 1 &&
        (algorithm != JWS_ES256 || ecdsa_from_der(signature, length));
    EVP_MD_CTX_free(context);
    return good;
}

static bool sign(struct jws_signer *signer, struct text input, unsigned char signature[SIGNATURE_SIZE],
                 size_t *length)
{
    *length = HMAC_SIZE;
    if (signer->algorithm != JWS_HS256)
        return sign_by_key(signer->algorithm, signer->key, input, signature, length);
    hmac_compute(&signer->hmac, &input, 1, signature);
    return true;
}

char *jws_sign(struct jws_signer *signer, struct text encoded, struct text rest)
{
    char *token = malloc(signer->head_length + encoded.length + BASE64URL_LENGTH(rest.length) + 1 +
                         BASE64URL_LENGTH(SIGNATURE_SIZE) + 1);
    if (token == NULL)
        return NULL;
    char *to = mempcpy(token, signer->head, signer->head_length);
    if (encoded.length > 0)
        to = mempcpy(to, encoded.data, encoded.length);
    to += base64url_encode((const unsigned char *)rest.data, rest.length, to);
    size_t length = (size_t)(to - token);

    unsigned char signature[SIGNATURE_SIZE];
    size_t signature_length;
    if (!sign(signer, (struct text){token, length}, signature, &signature_length)) {
        free(token);
        return NULL;
    }
    token[length++] = '.';
    base64url_encode(signature, signature_length, token + length);
    return token;
}

/* Decodes one part; the NUL behind it is for those that are JSON. */
static bool decode_part(struct text part, char **out, size_t *length)
{
    *out = malloc(part.length / 4 * 3 + 3 + 1);
    if (*out == NULL || !base64url_decode(part.data, part.length, (unsigned char *)*out, length))
        return false;
    (*out)[*length] = '\0';
    return true;
}

bool jws_split(struct text token, struct jws_parts *parts)
{
    *parts = (struct jws_parts){.header = NULL};
    struct text rest = token;
    struct text encoded[3] = {{NULL, 0}};
    for (size_t i = 0; i < 3; i++) {
        if (rest.data == NULL)
            return false;
        encoded[i] = text_split(&rest, '.');
    }

    char *signature = NULL;
    const bool good = rest.data == NULL && decode_part(encoded[0], &parts->header, &parts->header_length) &&
                      decode_part(encoded[1], &parts->payload, &parts->payload_length) &&
                      decode_part(encoded[2], &signature, &parts->signature_length);
    parts->signature = (unsigned char *)signature;
    parts->signing_input = (struct text){token.data, encoded[0].length + 1 + encoded[1].length};
    if (!good)
        jws_parts_free(parts);
    return good;
}

void jws_parts_free(struct jws_parts *parts)
{
    free(parts->header);
    free(parts->payload);
    free(parts->signature);
    *parts = (struct jws_parts){.header = NULL};
}

static bool verify_hmac(EVP_PKEY *key, const struct jws_parts *parts)
{
    unsigned char expected[SIGNATURE_SIZE];
    size_t length;
    return sign_by_key(JWS_HS256, key, parts->signing_input, expected, &length) && length == HMAC_SIZE &&
           parts->signature_length == HMAC_SIZE && secret_equal(expected, parts->signature, HMAC_SIZE);
}

bool jws_verify(enum jws_algorithm algorithm, EVP_PKEY *key, const struct jws_parts *parts)
{
    if (algorithm == JWS_HS256)
        return verify_hmac(key, parts);

    unsigned char der[ECDSA_DER_SIZE];
    const unsigned char *signature = parts->signature;
    size_t length = parts->signature_length;
    if (algorithm == JWS_ES256) {
        if (!ecdsa_to_der(parts->signature, parts->signature_length, der, &length))
            return false;
        signature = der;
    }

    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const struct text input = parts->signing_input;
    const bool good =
        context != NULL && EVP_DigestVerifyInit(context, NULL, digest_of(algorithm), NULL, key) == 1 &&
        EVP_DigestVerify(context, signature, length, (const unsigned char *)input.data, input.length) == 1;
    EVP_MD_CTX_free(context);
    return good;
}
