#include "token/openssl.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/library.h"

_Static_assert(OPENSSL_SHLIB_VERSION == 3, "the headers are of the library that is loaded");

#define ROW(name) {#name, offsetof(struct openssl, name)},
static const struct library_function functions[] = {OPENSSL_FUNCTIONS(ROW)};
#undef ROW

enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* OpenSSL stays loaded until the process ends, so it need not clean up at exit. It reads its configuration as
 * in any other program, because an operator may require FIPS there. */
static bool initialise(const struct openssl *openssl)
{
    return openssl->OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_LOAD_CONFIG, NULL) == 1;
}

static bool load_openssl(struct openssl *openssl, char *fault, size_t size)
{
    const char *reason = library_load(OPENSSL_LIBRARY, functions, FUNCTIONS, openssl);
    if (reason != NULL) {
        snprintf(fault, size, "OpenSSL cannot be loaded: %s; install libssl3", reason);
    } else if (!initialise(openssl)) {
        snprintf(fault, size, "OpenSSL cannot be initialised; mend its openssl.cnf");
    } else {
        return true;
    }
    return false;
}

/* A failure is not cached: memory or the library may be available at the next call. */
const struct openssl *openssl_load(char *fault, size_t size)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static struct openssl openssl;
    static bool loaded;
    pthread_mutex_lock(&mutex);
    loaded = loaded || load_openssl(&openssl, fault, size);
    const struct openssl *result = loaded ? &openssl : NULL;
    pthread_mutex_unlock(&mutex);
    return result;
}
