/* Who may see how the program is. */
#ifndef ENDPOINT_STATUS_SOURCE_H
#define ENDPOINT_STATUS_SOURCE_H

#include "endpoint/request_context.h"

/* Returns whether status_from has the source of the request. */
bool status_source_is_admitted(const struct request_context *context);

#endif
