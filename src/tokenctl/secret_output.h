/* Prints secrets that were generated. */
#ifndef TOKENCTL_SECRET_OUTPUT_H
#define TOKENCTL_SECRET_OUTPUT_H

#include <json-c/json_object.h>

#include "base/buffer.h"

enum secret_format {
    SECRET_ALONE,
    SECRET_WITH_ID, /* ID<TAB>SECRET */
    SECRET_AS_JSON, /* {"client_id":…,"client_secret":…} */
};

/* Appends a line to `out`, which the caller frees. An absent secret is left out of the JSON. */
void secret_output_add(struct buffer *out, enum secret_format format, struct text client_id,
                       struct text secret);

/* Appends the object as JSON, with a member client_secret if `secret` is not absent, and releases it. */
void secret_output_object(struct buffer *out, struct json_object *object, struct text secret);

/* Writes `out` to standard output. It uses write(), because stdio would keep a copy of the secrets. Returns
 * NULL, or why it was not written. */
const char *secret_output_write(const struct buffer *out);

#endif
