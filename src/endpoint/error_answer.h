/* The error responses of all endpoints. */
#ifndef ENDPOINT_ERROR_ANSWER_H
#define ENDPOINT_ERROR_ANSWER_H

#include "endpoint/request_context.h"

/* Records the error, and fills the response: status, headers and members. `retry_after` (seconds) is used for
 * OAUTH_THROTTLED. */
void error_answer(struct request_context *context, enum oauth_error error, long retry_after);

#endif
