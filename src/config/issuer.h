/* The issuer identifier: a URL that names this server in its tokens (RFC 8414 §2). Its path is where the
 * endpoints are mounted. */
#ifndef CONFIG_ISSUER_H
#define CONFIG_ISSUER_H

#include <stdbool.h>

enum issuer_result {
    ISSUER_GOOD,
    ISSUER_CHARACTERS,
    ISSUER_SCHEME,
    ISSUER_HOST,
    ISSUER_PORT,
    ISSUER_PATH,
    ISSUER_NO_MEMORY,
};

/* Checks for an absolute http or https URL with a host and without userinfo, query and fragment, in
 * printable ASCII without quotes, '\', '<', '>' and spaces. Sets `*mount_path` to its path,
 * percent-decoded and without a trailing slash; the caller frees it; NULL on failure. */
enum issuer_result issuer_parse(const char *issuer, char **mount_path);

/* Returns the error and its remedy, for a message after the name of the key. */
const char *issuer_fault(enum issuer_result result);

#endif
