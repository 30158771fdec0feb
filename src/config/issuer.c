#include "config/issuer.h"

#include <stdlib.h>
#include <string.h>

#include "base/cidr.h"
#include "base/text.h"

static const char *const faults[] = {
    [ISSUER_GOOD] = "is good",
    [ISSUER_CHARACTERS] = "has a character that a URL cannot have, or a query or fragment: leave it out, or "
                          "write it as %XX",
    [ISSUER_SCHEME] = "must be an absolute URL that starts with https:// or http://, such as "
                      "https://api.example.com/apiops/auth",
    [ISSUER_HOST] =
        "has no valid host name: write one after the //, as in https://api.example.com/apiops/auth, "
        "without user or password",
    [ISSUER_PORT] = "has a port that is not a number from 1 to 65535: correct it or leave it out",
    [ISSUER_PATH] =
        "has a path that cannot be mounted: no '//', no '.' or '..' between slashes, every % before "
        "two hexadecimal digits, no control character",
    [ISSUER_NO_MEMORY] = "cannot be kept: out of memory",
};

const char *issuer_fault(enum issuer_result result)
{
    return faults[result];
}

static bool has_foreign_character(const char *issuer)
{
    for (; *issuer != '\0'; issuer++) {
        if (*issuer <= 0x20 || *issuer >= 0x7f || strchr("\"'\\<>?#", *issuer) != NULL)
            return true;
    }
    return false;
}

/* Returns the part after the scheme, or NULL for another scheme. */
static const char *after_scheme(const char *issuer)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strncmp(issuer, schemes[i], strlen(schemes[i])) == 0)
            return issuer + strlen(schemes[i]);
    }
    return NULL;
}

/* Removes the host, "[2001:db8::1]" or "api.example.com", from the start of `*rest`. */
static bool skip_host(struct text *rest)
{
    struct address address;
    size_t length = 0;
    if (rest->length > 0 && rest->data[0] == '[') {
        const char *end = memchr(rest->data, ']', rest->length);
        if (end == NULL || !address_parse(rest->data + 1, (size_t)(end - rest->data) - 1, &address))
            return false;
        length = (size_t)(end - rest->data) + 1;
    } else {
        while (length < rest->length && rest->data[length] != ':') {
            if (strchr("[]", rest->data[length]) != NULL)
                return false;
            length++;
        }
    }
    rest->data += length;
    rest->length -= length;
    return length > 0;
}

static bool is_port_or_empty(struct text text)
{
    long port;
    if (text.length == 0)
        return true;
    return text.data[0] == ':' &&
           text_parse_number((struct text){text.data + 1, text.length - 1}, 1, 65535, &port);
}

/* Web servers normalise such segments before they pass the path on, so no request would match. */
static bool is_mountable(struct text path)
{
    while (path.data != NULL) {
        const struct text segment = text_split(&path, '/');
        if (segment.length == 0 || text_is(segment, ".") || text_is(segment, ".."))
            return false;
    }
    return true;
}

/* `path` is empty or starts with a slash. */
static enum issuer_result set_mount_path(struct text path, char **mount_path)
{
    if (path.length > 0 && path.data[path.length - 1] == '/')
        path.length--;
    char *decoded = text_copy(path);
    if (decoded == NULL)
        return ISSUER_NO_MEMORY;

    struct text whole = {decoded, 0};
    if (text_percent_decode(path, false, decoded, &whole.length) && !text_has_control(whole) &&
        (whole.length == 0 || is_mountable((struct text){decoded + 1, whole.length - 1}))) {
        decoded[whole.length] = '\0';
        *mount_path = decoded;
        return ISSUER_GOOD;
    }
    free(decoded);
    return ISSUER_PATH;
}

enum issuer_result issuer_parse(const char *issuer, char **mount_path)
{
    *mount_path = NULL;
    if (has_foreign_character(issuer))
        return ISSUER_CHARACTERS;
    const char *authority_start = after_scheme(issuer);
    if (authority_start == NULL)
        return ISSUER_SCHEME;
    struct text authority = {authority_start, strcspn(authority_start, "/")};
    const struct text path = text_of(authority_start + authority.length);
    if (memchr(authority_start, '@', authority.length) != NULL || !skip_host(&authority))
        return ISSUER_HOST;
    if (!is_port_or_empty(authority))
        return ISSUER_PORT;
    return set_mount_path(path, mount_path);
}
