/* check_cost TOKEN.CONF CLIENT_ID: the CPU time of a check inside the program, without the socket, beside
 * what it is made of. Prints "name=value", each in microseconds and the least of ROUNDS, as other work on the
 * machine only adds:
 *
 *     never    token_check() of a token that was never seen
 *     seen     of one that was checked several times before
 *     forged   of one that nobody has signed
 *     bare     its signature alone: HMAC, or OpenSSL's verification in a context that is used again and again
 *     json     json-c alone: reading header and claims, which are decoded already, and freeing them */
#include <json-c/json_tokener.h>
#include <nettle/hmac.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "oauth/token_check.h"
#include "service/service.h"
#include "token/jws_asymmetric.h"
#include "token/jws_key.h"

enum { ROUNDS = 9, TOKENS = 3000, RECENT = 1000, SEEN_CHECKS = 10 * RECENT };

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "check_cost: %s\n", what);
    exit(EXIT_FAILURE);
}

static char *tokens[TOKENS];

static void issue(const struct service *service, const char *client_id, size_t count)
{
    const struct jwt_claims claims = {.client_id = text_of(client_id),
                                      .scope = text_of("read write"),
                                      .issued = clock_now(),
                                      .lifetime = 3600};
    for (size_t i = 0; i < count; i++) {
        free(tokens[i]);
        tokens[i] = jwt_issue(service->issuer, &claims, NULL);
        if (tokens[i] == NULL)
            fail("jwt_issue");
    }
}

static void check(const struct service *service, const char *token, enum jwt_status expected)
{
    struct jwt jwt;
    const enum jwt_status status =
        token_check(service, text_of(token), service->config->audience, clock_now(), &jwt);
    jwt_clear(&jwt);
    if (status != expected)
        fail(jwt_status_text(status));
}

static double check_all(const struct service *service, size_t count, enum jwt_status expected)
{
    const double start = clock_thread_ms();
    for (size_t i = 0; i < count; i++)
        check(service, tokens[i], expected);
    return (clock_thread_ms() - start) * 1000 / (double)count;
}

/* Changes the first character of each signature; the second time back. */
static void forge(size_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < count; i++) {
        char *first = strrchr(tokens[i], '.') + 1;
        *first = digits[(strchr(digits, *first) - digits) ^ 1];
    }
}

static double seen(const struct service *service)
{
    for (size_t i = 0; i < RECENT; i++)
        check(service, tokens[i], JWT_VALID);
    const double start = clock_thread_ms();
    for (size_t i = 0; i < SEEN_CHECKS; i++)
        check(service, tokens[i % RECENT], JWT_VALID);
    return (clock_thread_ms() - start) * 1000 / SEEN_CHECKS;
}

static void split(const char *token, struct jws_parts *parts)
{
    if (!jws_split(text_of(token), parts))
        fail("jws_split");
}

/* --- The signature alone --- */

static double bare_hmac(const struct signing_key *key)
{
    const struct hmac *hmac = &key->key->hmac;
    unsigned char digest[HMAC_SIZE];
    struct jws_parts parts;
    split(tokens[0], &parts);
    const double start = clock_thread_ms();
    for (size_t i = 0; i < TOKENS; i++)
        hmac_compute(hmac, &parts.signing_input, 1, digest);
    const double took = (clock_thread_ms() - start) * 1000 / TOKENS;
    jws_parts_free(&parts);
    return took;
}

/* DER is what OpenSSL takes: made of the signature beforehand. */
static size_t write_integer(const unsigned char *number, unsigned char *out)
{
    size_t skip = 0;
    while (skip < 31 && number[skip] == 0)
        skip++;
    const size_t pad = number[skip] >= 0x80;
    out[0] = 2;
    out[1] = (unsigned char)(32 - skip + pad);
    out[2] = 0;
    memcpy(out + 2 + pad, number + skip, 32 - skip);
    return 2 + pad + 32 - skip;
}

static size_t to_der(const struct jws_parts *parts, unsigned char *out)
{
    size_t length = 2 + write_integer(parts->signature, out + 2);
    length += write_integer(parts->signature + 32, out + length);
    out[0] = 0x30;
    out[1] = (unsigned char)(length - 2);
    return length;
}

static double bare_openssl(const struct signing_key *key)
{
    enum { TIMES = 1000 };
    unsigned char signature[JWS_SIGNATURE_SIZE];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_length = 0;
    struct jws_parts parts;
    split(tokens[0], &parts);
    size_t length = parts.signature_length;
    memcpy(signature, parts.signature, length);
    if (key->algorithm == JWS_ES256)
        length = to_der(&parts, signature);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->key->pkey, NULL);
    if (EVP_PKEY_verify_init(context) != 1 || EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) != 1)
        fail("EVP_PKEY_verify_init");
    const double start = clock_thread_ms();
    for (size_t i = 0; i < TIMES; i++) {
        if (EVP_Digest(parts.signing_input.data, parts.signing_input.length, digest, &digest_length,
                       EVP_sha256(), NULL) != 1 ||
            EVP_PKEY_verify(context, signature, length, digest, digest_length) != 1)
            fail("EVP_PKEY_verify");
    }
    const double took = (clock_thread_ms() - start) * 1000 / TIMES;
    EVP_PKEY_CTX_free(context);
    jws_parts_free(&parts);
    return took;
}

/* --- json-c alone --- */

static void read_json(struct json_tokener *tokener, const char *text, size_t length)
{
    json_tokener_reset(tokener);
    struct json_object *object = json_tokener_parse_ex(tokener, text, (int)length);
    if (object == NULL)
        fail("json_tokener_parse_ex");
    json_object_put(object);
}

static double json(void)
{
    struct jws_parts parts;
    struct json_tokener *tokener = json_tokener_new();
    split(tokens[0], &parts);
    const double start = clock_thread_ms();
    for (size_t i = 0; i < TOKENS; i++) {
        read_json(tokener, parts.header, parts.header_length);
        read_json(tokener, parts.payload, parts.payload_length);
    }
    const double took = (clock_thread_ms() - start) * 1000 / TOKENS;
    json_tokener_free(tokener);
    jws_parts_free(&parts);
    return took;
}

static void keep_least(double *least, double value)
{
    if (*least == 0 || value < *least)
        *least = value;
}

int main(int argc, char **argv)
{
    double least[5] = {0};
    if (argc != 3)
        return 2;
    struct diagnostics diagnostics = {.on_message = diagnostics_to_stream, .context = stderr};
    struct service *service = service_load_quietly(argv[1], &diagnostics);
    if (service == NULL || !revocations_open(service->revocations, &diagnostics))
        fail("service_load");
    revocations_maintain(service->revocations, service->log);
    const struct signing_key *key = service->keys->signer;
    /* To sign with RS256 takes long. */
    const size_t count = key->algorithm == JWS_RS256 ? RECENT : TOKENS;
    for (int round = 0; round < ROUNDS; round++) {
        issue(service, argv[2], count);
        forge(count);
        keep_least(&least[4], check_all(service, count, JWT_BAD_SIGNATURE));
        forge(count);
        keep_least(&least[0], check_all(service, count, JWT_VALID));
        keep_least(&least[1], seen(service));
        keep_least(&least[2], key->algorithm == JWS_HS256 ? bare_hmac(key) : bare_openssl(key));
        keep_least(&least[3], json());
    }
    printf("never=%.2f seen=%.2f bare=%.2f json=%.2f forged=%.2f\n", least[0], least[1], least[2], least[3],
           least[4]);
    for (size_t i = 0; i < TOKENS; i++)
        free(tokens[i]);
    service_release(service);
    return EXIT_SUCCESS;
}
