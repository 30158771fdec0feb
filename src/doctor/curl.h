/* The functions of libcurl, loaded by the first doctor that looks through a web server. No other command
 * needs them: linking with libcurl would have each of them load it and the thirty libraries below it, and a
 * machine without it could not manage its accounts.
 *
 * Each function has the type that libcurl's own header declares. */
#ifndef DOCTOR_CURL_H
#define DOCTOR_CURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#define CURL_LIBRARY "libcurl.so.4"

#define CURL_FUNCTIONS(EACH)                                                                                 \
    EACH(curl_easy_cleanup)                                                                                  \
    EACH(curl_easy_getinfo)                                                                                  \
    EACH(curl_easy_init)                                                                                     \
    EACH(curl_easy_perform)                                                                                  \
    EACH(curl_easy_setopt)                                                                                   \
    EACH(curl_easy_strerror)                                                                                 \
    EACH(curl_global_init)                                                                                   \
    EACH(curl_slist_append)                                                                                  \
    EACH(curl_slist_free_all)

struct curl {
#define CURL_MEMBER(name) __typeof__(name) *(name);
    CURL_FUNCTIONS(CURL_MEMBER)
#undef CURL_MEMBER
};

/* Loads and initialises the library. Returns false if it cannot be; then `fault` has the reason and the
 * remedy. Not thread-safe. */
bool curl_load(struct curl *curl, char *fault, size_t size);

#endif
