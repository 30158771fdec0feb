#include "endpoint/status_source.h"

#include "base/cidr.h"

bool status_source_is_admitted(const struct request_context *context)
{
    const struct text source = context->request->source;
    struct address address;
    return source.data != NULL && address_parse_remote(source.data, source.length, &address) &&
           network_list_contains(text_of(context->service->config->status_from), &address);
}
