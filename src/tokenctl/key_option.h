/* --alg, which more than one command takes. */
#ifndef TOKENCTL_KEY_OPTION_H
#define TOKENCTL_KEY_OPTION_H

#include "token/jws.h"
#include "tokenctl/command.h"

/* `*given` says whether --alg was. Returns EXIT_SUCCESS, or EXIT_USAGE, which is told. */
int key_option_read(const struct invocation *invocation, bool *given, enum jws_algorithm *algorithm);

#endif
