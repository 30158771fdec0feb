/* The line of a request at log_level = debug: what the client sent, to find the reason of a refusal. */
#ifndef ENDPOINT_REQUEST_LOG_H
#define ENDPOINT_REQUEST_LOG_H

#include "http/http.h"
#include "service/service.h"

/* Writes "request method=… path=… content_type=… length=… source=… parameters=… url_parameters=… auth=…". It
 * never contains the value of a parameter or of Authorization. Only the names of OAuth parameters are shown
 * and the others are counted: a secret with an unencoded '&' would look like a name. Call it before the body
 * is decoded. */
void request_log(const struct service *service, const struct http_request *request);

#endif
