#include "tokenctl/key_option.h"

#include <stdlib.h>

int key_option_read(const struct invocation *invocation, bool *given, enum jws_algorithm *algorithm)
{
    const char *name = invocation->values[OPTION_ALG];
    *given = name != NULL;
    if (name == NULL || jws_algorithm_of(text_of(name), algorithm))
        return EXIT_SUCCESS;
    return command_error(EXIT_USAGE, "--alg %s: it is one of HS256, ES256, EdDSA and RS256", name);
}
