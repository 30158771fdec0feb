#include "token/jws_asymmetric.h"

#include "token/openssl.h"

enum {
    NUMBER_SIZE = 32, /* of P-256 */
    ECDSA_SIZE = 64,  /* two of them */
    ECDSA_DER_SIZE = 72,
};

/* Returns a copy of a key's context, which the caller frees. NULL if memory runs out or OpenSSL fails. */
static EVP_MD_CTX *copy_context(const struct openssl *crypto, const EVP_MD_CTX *context)
{
    EVP_MD_CTX *copy = crypto->EVP_MD_CTX_new();
    if (copy != NULL && crypto->EVP_MD_CTX_copy_ex(copy, context) == 1)
        return copy;
    crypto->EVP_MD_CTX_free(copy);
    return NULL;
}

/* Converts an ECDSA signature from OpenSSL's DER to that of JWS: r and s, 32 bytes each (RFC 7518 §3.4). */
static bool ecdsa_from_der(const struct openssl *crypto, unsigned char *signature, size_t *length)
{
    const unsigned char *der = signature;
    ECDSA_SIG *numbers = crypto->d2i_ECDSA_SIG(NULL, &der, (long)*length);
    if (numbers == NULL)
        return false;
    const bool good =
        crypto->BN_bn2binpad(crypto->ECDSA_SIG_get0_r(numbers), signature, NUMBER_SIZE) == NUMBER_SIZE &&
        crypto->BN_bn2binpad(crypto->ECDSA_SIG_get0_s(numbers), signature + NUMBER_SIZE, NUMBER_SIZE) ==
            NUMBER_SIZE;
    *length = ECDSA_SIZE;
    crypto->ECDSA_SIG_free(numbers);
    return good;
}

static bool ecdsa_to_der(const struct openssl *crypto, const unsigned char *signature, size_t length,
                         unsigned char der[ECDSA_DER_SIZE], size_t *der_length)
{
    if (length != ECDSA_SIZE)
        return false;
    ECDSA_SIG *numbers = crypto->ECDSA_SIG_new();
    BIGNUM *r = crypto->BN_bin2bn(signature, NUMBER_SIZE, NULL);
    BIGNUM *s = crypto->BN_bin2bn(signature + NUMBER_SIZE, NUMBER_SIZE, NULL);
    int written = 0;
    if (numbers != NULL && r != NULL && s != NULL && crypto->ECDSA_SIG_set0(numbers, r, s) == 1) {
        r = s = NULL; /* `numbers` owns them now */
        written = crypto->i2d_ECDSA_SIG(numbers, &der);
    }
    crypto->BN_free(r);
    crypto->BN_free(s);
    crypto->ECDSA_SIG_free(numbers);
    *der_length = written > 0 ? (size_t)written : 0;
    return written > 0;
}

bool jws_asymmetric_sign(const struct jws_key *key, struct text input,
                         unsigned char signature[JWS_SIGNATURE_SIZE], size_t *length)
{
    const struct openssl *crypto = key->crypto;
    *length = JWS_SIGNATURE_SIZE;
    EVP_MD_CTX *context = copy_context(crypto, key->signing);
    const bool good = context != NULL &&
                      crypto->EVP_DigestSign(context, signature, length, (const unsigned char *)input.data,
                                             input.length) == 1 &&
                      (key->algorithm != JWS_ES256 || ecdsa_from_der(crypto, signature, length));
    crypto->EVP_MD_CTX_free(context);
    return good;
}

bool jws_asymmetric_verify(const struct jws_key *key, const struct jws_parts *parts)
{
    const struct openssl *crypto = key->crypto;
    unsigned char der[ECDSA_DER_SIZE];
    const unsigned char *signature = parts->signature;
    size_t length = parts->signature_length;
    if (key->algorithm == JWS_ES256) {
        if (!ecdsa_to_der(crypto, parts->signature, parts->signature_length, der, &length))
            return false;
        signature = der;
    }

    EVP_MD_CTX *context = copy_context(crypto, key->verifying);
    const struct text input = parts->signing_input;
    const bool good =
        context != NULL && crypto->EVP_DigestVerify(context, signature, length,
                                                    (const unsigned char *)input.data, input.length) == 1;
    crypto->EVP_MD_CTX_free(context);
    return good;
}

bool jws_asymmetric_write_pem(const struct jws_key *key, FILE *out)
{
    return key->crypto->PEM_write_PUBKEY(out, key->pkey) == 1;
}
