/* A new secret: from the terminal, from standard input, or generated. Never from an argument. */
#ifndef TOKENCTL_SECRET_INPUT_H
#define TOKENCTL_SECRET_INPUT_H

#include <stdbool.h>

#include "base/text.h"

/* The size of a secret's buffer in bytes. libxcrypt takes at most 511 bytes of a secret; the buffer is larger
 * to detect longer ones. */
#define SECRET_INPUT_SIZE 1024

/* Reads a secret twice from the terminal without echo. If standard input is not a terminal, reads its first
 * line. Returns false, with the reason on standard error, if the secret is empty, has 512 bytes or more, is
 * not UTF-8, or contains a NUL, another control character or a second line. `secret` points into `buffer`,
 * which the caller wipes in any case. */
bool secret_input_read(const char *client_id, char buffer[SECRET_INPUT_SIZE], struct text *secret);

/* As secret_input_read(), for a secret that exists: asks for it once. */
bool secret_input_ask(const char *client_id, char buffer[SECRET_INPUT_SIZE], struct text *secret);

/* Returns NULL if the secret may be an account's, else the reason, a constant. */
const char *secret_input_fault(struct text secret);

/* Generates 256 random bits in base64url. `secret` points into `buffer`, which the caller wipes. Returns
 * false if the system has no random bytes. */
bool secret_input_generate(char buffer[SECRET_INPUT_SIZE], struct text *secret);

#endif
