/* The body of a token response (RFC 6749 §5.1). */
#ifndef ENDPOINT_TOKEN_ANSWER_H
#define ENDPOINT_TOKEN_ANSWER_H

#include "base/buffer.h"
#include "oauth/grant.h"

/* Adds the body that the grant is answered with to `out`. Returns false if memory runs out. */
bool token_answer_add(struct buffer *out, const struct grant *grant);

#endif
