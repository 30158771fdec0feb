/* FastCGI records written out: the replies of the record layer, and requests for libfcgi. */
#ifndef SERVER_RECORD_WRITE_H
#define SERVER_RECORD_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/text.h"

struct record_request;

enum { RECORD_REPLY_MAX = 96 }; /* bytes of the longest reply, GET_VALUES_RESULT */

/* Each writes one record and returns its length. */

/* END_REQUEST without an answer before it (§5.5). `status` is FCGI_REQUEST_COMPLETE or another one of §5.5.
 */
size_t record_write_end(char out[RECORD_REPLY_MAX], unsigned id, unsigned char status);

/* UNKNOWN_TYPE (§4.2). */
size_t record_write_unknown_type(char out[RECORD_REPLY_MAX], unsigned char type);

/* GET_VALUES_RESULT (§4.1) for the content of GET_VALUES. Each name that is known is answered once. Returns 0
 * if `asked` is malformed. */
size_t record_write_values(char out[RECORD_REPLY_MAX], struct text asked);

/* Adds the beginning and the parameters of a whole request as records without padding. libfcgi reads them and
 * must be given nothing malformed. It does not copy the body. */
void record_write_parameters(const struct record_request *request, struct buffer *out);

#endif
