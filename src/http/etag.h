/* Entity tags (RFC 9110 §8.8.3). */
#ifndef HTTP_ETAG_H
#define HTTP_ETAG_H

#include <stdbool.h>

#include "base/base64.h"
#include "base/text.h"

enum { ETAG_DIGEST_SIZE = 16, ETAG_SIZE = BASE64URL_LENGTH(ETAG_DIGEST_SIZE) + 3 };

/* Writes the tag of `body`, with its quotes: the same in every process. */
void etag_format(struct text body, char out[ETAG_SIZE]);

/* Returns whether the value of If-None-Match names the tag, or is "*" (RFC 9110 §13.1.2: a weak tag counts,
 * too). It may be absent. */
bool etag_matches(struct text if_none_match, const char *etag);

#endif
