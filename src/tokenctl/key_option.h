/* The option --alg of several commands. */
#ifndef TOKENCTL_KEY_OPTION_H
#define TOKENCTL_KEY_OPTION_H

#include "token/jws.h"
#include "tokenctl/command.h"

/* Reads --alg into `*algorithm`; `*given` says whether the option was given. Returns EXIT_SUCCESS, or
 * EXIT_USAGE after reporting it. */
int key_option_read(const struct invocation *invocation, bool *given, enum jws_algorithm *algorithm);

#endif
