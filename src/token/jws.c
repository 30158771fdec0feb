#include "token/jws.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/secret.h"
#include "token/jws_asymmetric.h"
#include "token/jws_key.h"

static const char *const names[JWS_ALGORITHM_COUNT] = {
    [JWS_HS256] = "HS256",
    [JWS_ES256] = "ES256",
    [JWS_EDDSA] = "EdDSA",
    [JWS_RS256] = "RS256",
};

const char *jws_algorithm_name(enum jws_algorithm algorithm)
{
    return names[algorithm];
}

bool jws_algorithm_of(struct text name, enum jws_algorithm *algorithm)
{
    for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        if (text_is(name, names[i])) {
            *algorithm = (enum jws_algorithm)i;
            return true;
        }
    }
    return false;
}

enum { GROUP = 3 };

struct jws_signer {
    struct jws_key *key;
    struct hmac hmac;             /* for HS256: has hashed `head` already */
    unsigned char partial[GROUP]; /* the last bytes of the prefix, a partial base64 group */
    size_t partial_length;        /* 0 to 2 */
    size_t head_length;
    char head[]; /* BASE64URL(header) "." BASE64URL(the whole groups of the prefix) */
};

static void encode_head(struct jws_signer *signer, struct text header, struct text prefix)
{
    char *to = signer->head;
    to += base64url_encode((const unsigned char *)header.data, header.length, to);
    *to++ = '.';
    signer->partial_length = prefix.length % GROUP;
    const size_t whole = prefix.length - signer->partial_length;
    to += base64url_encode((const unsigned char *)prefix.data, whole, to);
    signer->head_length = (size_t)(to - signer->head);
    if (signer->partial_length > 0)
        memcpy(signer->partial, prefix.data + whole, signer->partial_length);
}

struct jws_signer *jws_signer_new(struct jws_key *key, struct text header, struct text prefix)
{
    struct jws_signer *signer =
        malloc(sizeof *signer + BASE64URL_LENGTH(header.length) + 1 + BASE64URL_LENGTH(prefix.length) + 1);
    if (signer == NULL)
        return NULL;
    signer->key = jws_key_hold(key);
    encode_head(signer, header, prefix);
    signer->hmac = key->hmac;
    if (key->algorithm == JWS_HS256)
        hmac_set_prefix(&signer->hmac, (struct text){signer->head, signer->head_length});
    return signer;
}

void jws_signer_free(struct jws_signer *signer)
{
    if (signer == NULL)
        return;
    jws_key_release(signer->key);
    secret_free(signer, sizeof *signer);
}

/* Complete the partial base64 group that the prefix left over. */
static char *encode_suffix(const struct jws_signer *signer, struct text suffix, char *to)
{
    unsigned char group[GROUP];
    size_t length = signer->partial_length;
    memcpy(group, signer->partial, length);
    while (length > 0 && length < GROUP && suffix.length > 0) {
        group[length++] = (unsigned char)*suffix.data++;
        suffix.length--;
    }
    to += base64url_encode(group, length, to);
    return to + base64url_encode((const unsigned char *)suffix.data, suffix.length, to);
}

/* Signs `input`, which starts with the head. */
static bool sign(const struct jws_signer *signer, struct text input,
                 unsigned char signature[JWS_SIGNATURE_SIZE], size_t *length)
{
    if (signer->key->algorithm != JWS_HS256)
        return jws_asymmetric_sign(signer->key, input, signature, length);
    const struct text rest = {input.data + signer->head_length, input.length - signer->head_length};
    hmac_compute(&signer->hmac, &rest, 1, signature);
    *length = HMAC_SIZE;
    return true;
}

/* Returns an upper bound of the signature size. A larger buffer would cost time to wipe. */
static size_t signature_capacity(const struct jws_signer *signer)
{
    return signer->key->algorithm == JWS_HS256 ? HMAC_SIZE : JWS_SIGNATURE_SIZE;
}

char *jws_sign(const struct jws_signer *signer, struct text suffix)
{
    char *token = malloc(signer->head_length + BASE64URL_LENGTH(signer->partial_length + suffix.length) + 1 +
                         BASE64URL_LENGTH(signature_capacity(signer)) + 1);
    if (token == NULL)
        return NULL;
    char *to = encode_suffix(signer, suffix, mempcpy(token, signer->head, signer->head_length));
    size_t length = (size_t)(to - token);

    unsigned char signature[JWS_SIGNATURE_SIZE];
    size_t signature_length;
    if (!sign(signer, (struct text){token, length}, signature, &signature_length)) {
        free(token);
        return NULL;
    }
    token[length++] = '.';
    base64url_encode(signature, signature_length, token + length);
    return token;
}

/* Decodes one part to `*out`, adds a NUL, which the parts that are JSON need, and moves `*out` beyond it. */
static bool decode_part(struct text part, char **out, size_t *length)
{
    char *const to = *out;
    if (!base64url_decode(part.data, part.length, (unsigned char *)to, length))
        return false;
    to[*length] = '\0';
    *out = to + *length + 1;
    return true;
}

bool jws_split(struct text token, struct jws_parts *parts)
{
    *parts = (struct jws_parts){.header = NULL};
    struct text suffix = token;
    struct text encoded[3] = {{NULL, 0}};
    for (size_t i = 0; i < 3; i++) {
        if (suffix.data == NULL)
            return false;
        encoded[i] = text_split(&suffix, '.');
    }
    if (suffix.data != NULL)
        return false;

    /* A decoded part is not longer than it was; each has a NUL. */
    char *to = malloc(token.length + 3);
    parts->out_of_memory = to == NULL;
    if (to == NULL)
        return false;
    parts->encoded_header = encoded[0];
    parts->signing_input = (struct text){token.data, encoded[0].length + 1 + encoded[1].length};
    parts->header = to;
    bool good = decode_part(encoded[0], &to, &parts->header_length);
    parts->payload = to;
    good = good && decode_part(encoded[1], &to, &parts->payload_length);
    parts->signature = (unsigned char *)to;
    good = good && decode_part(encoded[2], &to, &parts->signature_length);
    if (!good)
        jws_parts_free(parts);
    return good;
}

void jws_parts_free(struct jws_parts *parts)
{
    free(parts->header);
    *parts = (struct jws_parts){.out_of_memory = parts->out_of_memory};
}

static bool verify_hmac(const struct jws_key *key, const struct jws_parts *parts)
{
    unsigned char expected[HMAC_SIZE];
    hmac_compute(&key->hmac, &parts->signing_input, 1, expected);
    return parts->signature_length == HMAC_SIZE && secret_equal(expected, parts->signature, HMAC_SIZE);
}

bool jws_verify(const struct jws_key *key, const struct jws_parts *parts)
{
    errno = 0;
    return key->algorithm == JWS_HS256 ? verify_hmac(key, parts) : jws_asymmetric_verify(key, parts);
}
