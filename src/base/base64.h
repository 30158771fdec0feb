/* Base64 (RFC 4648 §4) and base64url without padding (§5, RFC 7515 §2). */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Characters of the base64url form of `size` bytes, without a NUL. */
#define BASE64URL_LENGTH(size) (((size)*4 + 2) / 3)

/* Writes BASE64URL_LENGTH(size) characters and a NUL. Returns the number of characters. */
size_t base64url_encode(const unsigned char *data, size_t size, char *out);

/* Decodes base64url without padding into `out`, which holds `length / 4 * 3 + 3` bytes. Returns false for
 * a character outside the alphabet, an impossible length, or trailing bits that no encoder sets. */
bool base64url_decode(const char *text, size_t length, unsigned char *out, size_t *size);

/* Decodes base64 in the same way. Padding is accepted but not required, because some clients leave it out. */
bool base64_decode(const char *text, size_t length, unsigned char *out, size_t *size);

#endif
