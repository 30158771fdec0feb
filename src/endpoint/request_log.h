/* The line of a request at log_level = debug: what the client sent, for who looks for the reason of a
 * refusal. */
#ifndef ENDPOINT_REQUEST_LOG_H
#define ENDPOINT_REQUEST_LOG_H

#include "http/http.h"
#include "service/service.h"

/* "request method=… path=… content_type=… length=… source=… parameters=… url_parameters=… auth=…". Never a
 * value of a parameter or of Authorization. Names of parameters are shown only where they are those of OAuth;
 * the others are counted: a secret with an '&' that was not encoded would look like one. Call it before the
 * body is decoded. */
void request_log(const struct service *service, const struct http_request *request);

#endif
