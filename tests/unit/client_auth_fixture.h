/* Client authentication with accounts whose hashes take no time. Calls of crypt_rn() are recorded and passed
 * on. */
#ifndef TESTS_UNIT_CLIENT_AUTH_FIXTURE_H
#define TESTS_UNIT_CLIENT_AUTH_FIXTURE_H

#include "oauth/client_auth.h"

#include <crypt.h>
#include <dlfcn.h>
#include <stdatomic.h>

#include "service_fixture.h"
#include "verdict_fixture.h"

/* "secret" and "second" */
#define SETTING "$5$rounds=1000$TndJGIaZytTBQZ0f"
#define SECRET SETTING "$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"
#define SECOND SETTING "$GaHwybIoCnR6RrwFA1j9BM.XfBs3WmgFlChB6Fs5LrC"

static atomic_size_t computed; /* hashes, all of the cost of the file's accounts */

/* Called while the hash of a secret is computed. */
static void (*meanwhile)(const char *secret);

char *crypt_rn(const char *phrase, const char *setting, void *data, int size)
{
    char *(*real)(const char *, const char *, void *, int) = NULL;
    void *symbol = dlsym(RTLD_NEXT, "crypt_rn");
    memcpy(&real, &symbol, sizeof symbol);
    if (strncmp(setting, SETTING, strlen(SETTING)) == 0)
        computed++;
    if (meanwhile != NULL)
        meanwhile(phrase);
    return real(phrase, setting, data, size);
}

static struct service *load_service_with(const char *accounts, const char *config)
{
    char text[512];
    snprintf(text, sizeof text, "issuer = https://api.example.com\nlog = log\n%s", config);
    write_text("token.conf", text);
    write_text("accounts", accounts);
    return load_token_conf();
}

/* Runs an authentication to its end, through all pending verifications, each of which posts `done`. */
static struct client_auth_result end(struct client_auth_context *authentication, enum progress progress,
                                     sem_t *done)
{
    while (progress == PROGRESS_PENDING) {
        wait_for(done);
        progress = client_auth_run(authentication);
    }
    return authentication->result;
}

static enum progress start(struct client_auth_context *authentication, const struct service *service,
                           const struct client_credentials *credentials, const char *source, sem_t *done)
{
    sem_init(done, 0, 0);
    client_auth_init(authentication, service, credentials, text_of(source), 1000000000,
                     (struct callback){post_verdict, done});
    return client_auth_run(authentication);
}

static struct client_auth_result authenticate_at(const struct service *service,
                                                 const struct client_credentials *credentials,
                                                 const char *source)
{
    struct client_auth_context authentication;
    sem_t done;
    const enum progress progress = start(&authentication, service, credentials, source, &done);
    return end(&authentication, progress, &done);
}

#endif
