/* The functions of OpenSSL's libcrypto, loaded when the first key needs them. Linking with libcrypto would
 * cost a process that does not use it, such as plain CGI with HS256, more time than everything else that it
 * does.
 *
 * Each function has the type that OpenSSL's own header declares. */
#ifndef TOKEN_OPENSSL_H
#define TOKEN_OPENSSL_H

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stddef.h>

#define OPENSSL_LIBRARY "libcrypto.so.3"

#define OPENSSL_FUNCTIONS(EACH)                                                                              \
    EACH(BN_bin2bn)                                                                                          \
    EACH(BN_bn2binpad)                                                                                       \
    EACH(BN_clear_free)                                                                                      \
    EACH(BN_free)                                                                                            \
    EACH(BN_num_bits)                                                                                        \
    EACH(BN_secure_new)                                                                                      \
    EACH(ECDSA_SIG_free)                                                                                     \
    EACH(ECDSA_SIG_get0_r)                                                                                   \
    EACH(ECDSA_SIG_get0_s)                                                                                   \
    EACH(ECDSA_SIG_new)                                                                                      \
    EACH(ECDSA_SIG_set0)                                                                                     \
    EACH(EVP_DigestSign)                                                                                     \
    EACH(EVP_DigestSignInit)                                                                                 \
    EACH(EVP_DigestVerify)                                                                                   \
    EACH(EVP_DigestVerifyInit)                                                                               \
    EACH(EVP_MD_CTX_copy_ex)                                                                                 \
    EACH(EVP_MD_CTX_free)                                                                                    \
    EACH(EVP_MD_CTX_new)                                                                                     \
    EACH(EVP_PKEY_CTX_free)                                                                                  \
    EACH(EVP_PKEY_CTX_new_from_name)                                                                         \
    EACH(EVP_PKEY_CTX_new_from_pkey)                                                                         \
    EACH(EVP_PKEY_Q_keygen)                                                                                  \
    EACH(EVP_PKEY_check)                                                                                     \
    EACH(EVP_PKEY_free)                                                                                      \
    EACH(EVP_PKEY_fromdata)                                                                                  \
    EACH(EVP_PKEY_fromdata_init)                                                                             \
    EACH(EVP_PKEY_get_bits)                                                                                  \
    EACH(EVP_PKEY_get_bn_param)                                                                              \
    EACH(EVP_PKEY_get_octet_string_param)                                                                    \
    EACH(EVP_PKEY_get_raw_public_key)                                                                        \
    EACH(EVP_PKEY_new_raw_private_key)                                                                       \
    EACH(EVP_PKEY_new_raw_public_key)                                                                        \
    EACH(EVP_PKEY_public_check)                                                                              \
    EACH(EVP_sha256)                                                                                         \
    EACH(OPENSSL_init_crypto)                                                                                \
    EACH(OSSL_PARAM_BLD_free)                                                                                \
    EACH(OSSL_PARAM_BLD_new)                                                                                 \
    EACH(OSSL_PARAM_BLD_push_BN)                                                                             \
    EACH(OSSL_PARAM_BLD_push_octet_string)                                                                   \
    EACH(OSSL_PARAM_BLD_push_utf8_string)                                                                    \
    EACH(OSSL_PARAM_BLD_to_param)                                                                            \
    EACH(OSSL_PARAM_free)                                                                                    \
    EACH(PEM_write_PUBKEY)                                                                                   \
    EACH(d2i_ECDSA_SIG)                                                                                      \
    EACH(i2d_ECDSA_SIG)

struct openssl {
#define OPENSSL_MEMBER(name) __typeof__(name) *(name);
    OPENSSL_FUNCTIONS(OPENSSL_MEMBER)
#undef OPENSSL_MEMBER
};

/* Loads and initialises the library, once per process, and never unloads it. NULL: `fault` has the reason and
 * the remedy; the next call tries again. */
const struct openssl *openssl_load(char *fault, size_t size);

#endif
