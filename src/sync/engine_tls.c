#include "sync/engine_tls.h"

#include <string.h>

#ifdef HAVE_HIREDIS_SSL

#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"

struct engine_tls {
    SSL_CTX *context;
    bool wants_certificate; /* the engine has asked for one of this program */
};

void engine_tls_free(struct engine_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    free(tls);
}

bool engine_tls_wants_certificate(const struct engine_tls *tls)
{
    return tls != NULL && tls->wants_certificate;
}

/* A client_cert_cb: there is none. Whether it had to be one, an engine says by closing the connection. */
static int note_request(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    struct engine_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    (void)certificate;
    (void)key;
    tls->wants_certificate = true;
    return 0;
}

/* A certificate may have an IP address instead of a name. */
static bool expect_host(SSL *ssl, const char *host)
{
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1 ||
           (SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1);
}

/* hiredis would check the certificate, but not whose it is. */
static SSL *new_connection(SSL_CTX *context, const char *host)
{
    SSL *ssl = SSL_new(context);
    if (ssl != NULL && expect_host(ssl, host))
        return ssl;
    SSL_free(ssl);
    return NULL;
}

/* hiredis has one text for all that can be wrong with a certificate. */
static void set_handshake_fault(const SSL *ssl, const char *otherwise, struct engine_fault *fault)
{
    const long verified = SSL_get_verify_result(ssl);
    const char *what = verified == X509_V_OK ? "TLS: " : "TLS: the certificate is refused: ";
    const char *why = verified == X509_V_OK ? otherwise : X509_verify_cert_error_string(verified);
    engine_quote(fault, what, why, strlen(why));
}

/* hiredis has begun it, and did not wait. */
static bool finish_handshake(const redisContext *redis, SSL *ssl, struct engine_fault *fault)
{
    const double began_ms = clock_monotonic_ms();
    for (;;) {
        ERR_clear_error();
        const int result = SSL_do_handshake(ssl);
        const int error = SSL_get_error(ssl, result);
        if (result == 1)
            return true;
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            const char *why = ERR_reason_error_string(ERR_peek_last_error());
            set_handshake_fault(ssl, why != NULL ? why : "the connection is lost", fault);
            return false;
        }
        if (!engine_wait(redis->fd, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, began_ms)) {
            set_handshake_fault(ssl, "no answer in time", fault);
            return false;
        }
    }
}

bool engine_tls_start(redisContext *redis, const char *host, struct engine_tls **tls,
                      struct engine_fault *fault)
{
    SSL *ssl = NULL;
    *tls = calloc(1, sizeof **tls);
    if (*tls != NULL)
        (*tls)->context = SSL_CTX_new(TLS_client_method());
    if (*tls != NULL && (*tls)->context != NULL && SSL_CTX_set_default_verify_paths((*tls)->context) == 1) {
        SSL_CTX_set_verify((*tls)->context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_min_proto_version((*tls)->context, TLS1_2_VERSION);
        SSL_CTX_set_app_data((*tls)->context, *tls);
        SSL_CTX_set_client_cert_cb((*tls)->context, note_request);
        ssl = new_connection((*tls)->context, host);
    }
    if (ssl == NULL) {
        engine_quote(fault, "", "TLS cannot be prepared", strlen("TLS cannot be prepared"));
        return false;
    }
    /* On success the connection owns it. */
    if (redisInitiateSSL(redis, ssl) == REDIS_OK)
        return finish_handshake(redis, ssl, fault);
    set_handshake_fault(ssl, redis->errstr, fault);
    SSL_free(ssl);
    return false;
}

#else

void engine_tls_free(struct engine_tls *tls)
{
    (void)tls;
}

bool engine_tls_wants_certificate(const struct engine_tls *tls)
{
    (void)tls;
    return false;
}

bool engine_tls_start(redisContext *redis, const char *host, struct engine_tls **tls,
                      struct engine_fault *fault)
{
    static const char why[] = "this build has no TLS";
    (void)redis;
    (void)host;
    *tls = NULL;
    engine_quote(fault, "", why, strlen(why));
    return false;
}

#endif
