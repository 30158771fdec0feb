/* What the endpoints have in common whose answers are for everybody. */
#ifndef ENDPOINT_PUBLIC_ANSWER_H
#define ENDPOINT_PUBLIC_ANSWER_H

#include "endpoint/request_context.h"

/* Answers with `body`, of which it takes ownership: 200, or 304 if the client has it (RFC 9110 §13.1.2).
 * Caches keep it for keys_max_age, and any page in a browser may read it. OAUTH_SERVER_ERROR: `body` is NULL,
 * or memory ran out. */
enum oauth_error public_answer(struct request_context *context, struct json_object *body);

#endif
