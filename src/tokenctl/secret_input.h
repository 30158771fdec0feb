/* A new secret: from the terminal, from standard input, or made up. Never from an argument. */
#ifndef TOKENCTL_SECRET_INPUT_H
#define TOKENCTL_SECRET_INPUT_H

#include <stdbool.h>

#include "base/text.h"

/* What libxcrypt takes, which reads no more than 511 bytes, with room to see that there was more. */
#define SECRET_INPUT_SIZE 1024

/* Reads from the terminal twice without echo, or standard input, where that is none, to the end of its first
 * line. Refused, with the reason on standard error: empty, 512 bytes or more, not UTF-8, a NUL or another
 * control character, a second line. The caller wipes `buffer`, to which `secret` points, whatever the result.
 */
bool secret_input_read(const char *client_id, char buffer[SECRET_INPUT_SIZE], struct text *secret);

/* 256 random bits in base64url. False: none to be had. */
bool secret_input_generate(char buffer[SECRET_INPUT_SIZE], struct text *secret);

#endif
