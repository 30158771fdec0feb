/* The answer about health where there is no service. */
#ifndef ENDPOINT_HEALTH_H
#define ENDPOINT_HEALTH_H

#include "http/http.h"

/* Fills the response 503 {"status":"not_loaded"}. */
void health_failed(struct http_response *response);

#endif
