/* The issuer identifier: a URL that names this server in its tokens (RFC 8414 §2) and says where the
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

/* Checks an absolute http or https URL with a host and without userinfo, query and fragment, in printable
 * ASCII without quotes, '\', '<', '>' and blanks. `*mount_path` is its path, percent-decoded and without
 * slashes at its end; the caller frees; NULL unless good. */
enum issuer_result issuer_parse(const char *issuer, char **mount_path);

/* What is wrong and how it is mended, for a message after the key's name. */
const char *issuer_complaint(enum issuer_result result);

#endif
