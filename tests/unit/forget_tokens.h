/* For tests of what happens while a token is decoded, which a token that was seen before is not. */
#ifndef FORGET_TOKENS_H
#define FORGET_TOKENS_H

#include "token/keyset.h"

static inline void forget_tokens(struct keyset *keyset)
{
    token_cache_free(keyset->seen);
    keyset->seen = token_cache_new();
}

#endif
