#include "tokenctl/secret_output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "tokenctl/output.h"

/* The secret is base64url, in which JSON escapes nothing: json-c would keep copies of it. */
void secret_output_object(struct buffer *out, struct json_object *object, struct text secret)
{
    struct text json = {NULL, 0};
    if (object != NULL)
        json = json_write(object, JSON_C_TO_STRING_PLAIN);
    out->out_of_memory |= json.data == NULL;
    if (json.data != NULL && secret.data != NULL)
        json.length -= 1; /* the brace */
    output_json_into(json, out);
    if (secret.data != NULL) {
        buffer_add(out, text_of(",\"client_secret\":\""));
        buffer_add(out, secret);
        buffer_add(out, text_of("\"}"));
    }
    json_object_put(object);
}

static void add_json(struct buffer *out, struct text client_id, struct text secret)
{
    struct json_object *object = json_object_new_object();
    if (!output_add(object, "client_id", client_id)) {
        json_object_put(object);
        object = NULL;
    }
    secret_output_object(out, object, secret);
}

void secret_output_add(struct buffer *out, enum secret_format format, struct text client_id,
                       struct text secret)
{
    if (format == SECRET_AS_JSON) {
        add_json(out, client_id, secret);
    } else {
        if (format == SECRET_WITH_ID) {
            buffer_add(out, client_id);
            buffer_add(out, text_of("\t"));
        }
        buffer_add(out, secret);
    }
    buffer_add(out, text_of("\n"));
}

const char *secret_output_write(const struct buffer *out)
{
    if (out->out_of_memory)
        return strerror(ENOMEM);
    const ssize_t written = out->length > 0 ? write(STDOUT_FILENO, out->data, out->length) : 0;
    if (written < 0)
        return strerror(errno);
    return (size_t)written == out->length ? NULL : "not all of it was written";
}
