/* HMAC-SHA-256 (RFC 2104) under one key, for many threads and many messages. */
#ifndef BASE_HMAC_H
#define BASE_HMAC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum { HMAC_SIZE = 32 };

struct hmac;

/* The key is copied into OpenSSL. NULL: no memory. */
struct hmac *hmac_new(const unsigned char *key, size_t size);
void hmac_free(struct hmac *hmac); /* NULL is allowed */

/* Of the pieces one behind the other. False: no memory. */
bool hmac_compute(struct hmac *hmac, const struct text *pieces, size_t count, unsigned char out[HMAC_SIZE]);

#endif
