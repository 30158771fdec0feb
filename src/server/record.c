#include "server/record.h"

#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

/* Data grows in such steps, so that a request costs little more than has come of it. */
enum { STEP = 512 };

/* More than web servers let through as they are set up. A peer that sends on and on is cut off here. */
static const size_t body_cap = (size_t)64 * 1024 * 1024;

/* Takes bytes off the front. */
static struct text take_bytes(struct text *input, size_t most)
{
    const struct text taken = {input->data, input->length < most ? input->length : most};
    if (taken.length > 0)
        *input = (struct text){input->data + taken.length, input->length - taken.length};
    return taken;
}

/* --- Requests --- */

static bool append(struct record_request *request, struct text piece)
{
    const size_t needed = request->length + piece.length;
    if (needed > request->capacity) {
        const size_t capacity = (needed + STEP - 1) / STEP * STEP;
        char *data = malloc(capacity);
        if (data == NULL)
            return false;
        if (request->length > 0)
            memcpy(data, request->data, request->length);
        secret_free(request->data, request->capacity);
        request->data = data;
        request->capacity = capacity;
    }
    if (piece.length > 0)
        memcpy(request->data + request->length, piece.data, piece.length);
    request->length = needed;
    return true;
}

static void drop_data(struct record_request *request)
{
    secret_free(request->data, request->capacity);
    request->data = NULL;
    request->length = request->capacity = request->parameters = request->parameter_count = 0;
}

static void free_request(struct record_request *request)
{
    if (request != NULL)
        drop_data(request);
    free(request);
}

/* Returns the pointer in the list that points to the request; NULL: the last one. */
static struct record_request **find_link(struct record_reader *reader, const struct record_request *request)
{
    struct record_request **link = &reader->requests;
    while (*link != request)
        link = &(*link)->next;
    return link;
}

void record_end(struct record_reader *reader, struct record_request *request)
{
    *find_link(reader, request) = request->next;
    if (reader->current == request)
        reader->current = NULL;
    reader->request_count--;
    free_request(request);
}

/* The latest: a peer may begin another request of the same id while the one before waits for its answer. */
static struct record_request *find(const struct record_reader *reader, unsigned id)
{
    struct record_request *found = NULL;
    for (struct record_request *request = reader->requests; request != NULL; request = request->next)
        found = request->id == id ? request : found;
    return found;
}

/* --- Parameters (§3.4) --- */

static bool take_length(struct text *rest, size_t *length)
{
    const unsigned char *byte = (const unsigned char *)rest->data;
    const size_t size = rest->length > 0 && byte[0] >= 0x80 ? 4 : 1;
    if (rest->length < size)
        return false;
    *length = size == 1
                  ? byte[0]
                  : (size_t)(byte[0] & 0x7f) << 24 | (size_t)byte[1] << 16 | (size_t)byte[2] << 8 | byte[3];
    *rest = (struct text){rest->data + size, rest->length - size};
    return true;
}

bool record_take_pair(struct text *rest, struct text *name, struct text *value)
{
    if (!take_length(rest, &name->length) || !take_length(rest, &value->length) ||
        name->length > rest->length || value->length > rest->length - name->length)
        return false;
    name->data = rest->data;
    value->data = rest->data + name->length;
    *rest = (struct text){value->data + value->length, rest->length - name->length - value->length};
    return true;
}

static bool holds_byte(struct text text, char byte)
{
    return text.length > 0 && memchr(text.data, byte, text.length) != NULL;
}

/* libfcgi puts NAME=VALUE into one string: a name with '=' would pass for another name. A value ends at a NUL
 * there. */
static bool check_parameters(struct record_request *request, bool *has_body)
{
    struct text rest = {request->data, request->length};
    struct text name;
    struct text value;
    bool has_length = false;
    size_t kept = 0;
    *has_body = request->role == FCGI_RESPONDER;
    while (rest.length > 0) {
        const char *start = rest.data;
        if (!record_take_pair(&rest, &name, &value))
            return false;
        if (name.length == 0 || holds_byte(name, '=') || holds_byte(name, '\0'))
            continue;
        if (holds_byte(value, '\0'))
            request->fault = RECORD_PARAMETER_HOLDS_NUL;
        if (!has_length && text_is(name, "CONTENT_LENGTH")) {
            has_length = true;
            *has_body = *has_body && !text_is(value, "0");
        }
        const size_t size = (size_t)(rest.data - start);
        memmove(request->data + kept, start, size);
        kept += size;
        request->parameter_count++;
    }
    request->length = request->parameters = kept;
    if (request->fault != RECORD_NO_FAULT)
        drop_data(request);
    return true;
}

/* --- Records --- */

static enum record_event reply(struct record_message *message, size_t length)
{
    message->reply_length = length;
    return length > 0 ? RECORD_REPLY : RECORD_MALFORMED;
}

static unsigned id_of(const struct record_reader *reader)
{
    return (unsigned)reader->header[2] << 8 | reader->header[3];
}

static enum record_event begin_request(struct record_reader *reader, struct record_message *message)
{
    FCGI_BeginRequestBody body;
    memcpy(&body, reader->begin, sizeof body);
    const unsigned role = (unsigned)body.roleB1 << 8 | body.roleB0;
    if (role != FCGI_RESPONDER && role != FCGI_AUTHORIZER)
        return reply(message, record_write_end(message->reply, id_of(reader), FCGI_UNKNOWN_ROLE));
    if (reader->request_count >= RECORD_REQUESTS_MAX)
        return reply(message, record_write_end(message->reply, id_of(reader), FCGI_OVERLOADED));
    struct record_request *request = malloc(sizeof *request);
    if (request == NULL)
        return RECORD_OUT_OF_MEMORY;
    *request = (struct record_request){.id = id_of(reader),
                                       .role = role,
                                       .keeps_connection = (body.flags & FCGI_KEEP_CONN) != 0,
                                       .begun_ms = reader->record_ms};
    *find_link(reader, NULL) = request;
    reader->request_count++;
    return RECORD_MORE;
}

static enum record_event complete(struct record_request *request, bool has_input_left,
                                  struct record_message *message)
{
    request->phase = RECORD_WHOLE;
    request->has_input_left = has_input_left;
    message->request = request;
    return RECORD_REQUEST;
}

/* HAProxy sends no end of STDIN where CONTENT_LENGTH is 0, and Apache none to an authorizer: such a request
 * is whole when its parameters are. */
static enum record_event end_parameters(struct record_request *request, struct record_message *message)
{
    bool has_body = request->role == FCGI_RESPONDER;
    if (request->fault == RECORD_NO_FAULT && !check_parameters(request, &has_body))
        return RECORD_MALFORMED;
    request->phase = RECORD_IN_BODY;
    return has_body ? RECORD_MORE : complete(request, true, message);
}

static enum record_event end_management_record(struct record_reader *reader, struct record_message *message)
{
    struct record_request *values = reader->values;
    if (values == NULL)
        return reply(message, record_write_unknown_type(message->reply, reader->header[1]));
    const size_t length = record_write_values(message->reply, (struct text){values->data, values->length});
    free_request(values);
    reader->values = NULL;
    return reply(message, length);
}

/* The end of a record's content. The one that ends a stream has none. */
static enum record_event end_record(struct record_reader *reader, struct record_message *message)
{
    struct record_request *request = reader->current;
    const unsigned type = reader->header[1];
    const bool is_empty = reader->header[4] == 0 && reader->header[5] == 0;
    if (id_of(reader) == FCGI_NULL_REQUEST_ID)
        return end_management_record(reader, message);
    if (type == FCGI_BEGIN_REQUEST)
        return begin_request(reader, message);
    if (request == NULL)
        return RECORD_MORE;
    if (type == FCGI_ABORT_REQUEST) {
        message->request = request;
        return RECORD_ABORT;
    }
    if (!is_empty)
        return RECORD_MORE;
    return type == FCGI_PARAMS ? end_parameters(request, message) : complete(request, false, message);
}

static enum record_event begin_management_record(struct record_reader *reader)
{
    if (reader->header[1] == FCGI_BEGIN_REQUEST)
        return RECORD_MALFORMED;
    if (reader->header[1] != FCGI_GET_VALUES)
        return RECORD_MORE;
    reader->values = calloc(1, sizeof *reader->values);
    return reader->values != NULL ? RECORD_MORE : RECORD_OUT_OF_MEMORY;
}

/* Checks a header. What is for a request that is not open, or whole already, is skipped. */
static enum record_event begin_record(struct record_reader *reader)
{
    const unsigned char *header = reader->header;
    const unsigned type = header[1];
    struct record_request *request = find(reader, id_of(reader));
    reader->content_left = (size_t)header[4] << 8 | header[5];
    reader->padding_left = header[6];
    reader->current = NULL;
    if (header[0] != FCGI_VERSION_1)
        return RECORD_MALFORMED;
    if (id_of(reader) == FCGI_NULL_REQUEST_ID)
        return begin_management_record(reader);
    const bool is_open = request != NULL && request->phase != RECORD_WHOLE;
    if (type == FCGI_BEGIN_REQUEST)
        return !is_open && reader->content_left == sizeof reader->begin ? RECORD_MORE : RECORD_MALFORMED;
    if (!is_open && (request == NULL || type != FCGI_ABORT_REQUEST))
        return RECORD_MORE;
    if ((type == FCGI_PARAMS && request->phase != RECORD_IN_PARAMETERS) ||
        (type == FCGI_STDIN && request->phase != RECORD_IN_BODY))
        return RECORD_MALFORMED;
    if (type == FCGI_PARAMS || type == FCGI_STDIN || type == FCGI_ABORT_REQUEST)
        reader->current = request;
    return RECORD_MORE;
}

static enum record_event add_parameters(struct record_request *request, struct text piece)
{
    if (request->fault != RECORD_NO_FAULT)
        return RECORD_MORE;
    if (piece.length > RECORD_PARAMETERS_MAX - request->length) {
        request->fault = RECORD_PARAMETERS_TOO_LARGE;
        drop_data(request);
        return RECORD_MORE;
    }
    return append(request, piece) ? RECORD_MORE : RECORD_OUT_OF_MEMORY;
}

/* One byte over max_body tells that there were more. */
static enum record_event add_body(struct record_reader *reader, struct record_request *request,
                                  struct text piece, struct record_message *message)
{
    const size_t most = reader->max_body + 1;
    const size_t kept = request->length - request->parameters;
    const size_t capacity = request->fault == RECORD_NO_FAULT && kept < most ? most - kept : 0;
    request->body += piece.length;
    if (!append(request, (struct text){piece.data, piece.length < capacity ? piece.length : capacity}))
        return RECORD_OUT_OF_MEMORY;
    if (request->body <= body_cap)
        return RECORD_MORE;
    request->is_cut_off = true;
    return complete(request, true, message);
}

static enum record_event add_content(struct record_reader *reader, struct text piece,
                                     struct record_message *message)
{
    const unsigned type = reader->header[1];
    if (id_of(reader) == FCGI_NULL_REQUEST_ID && type == FCGI_GET_VALUES)
        return append(reader->values, piece) ? RECORD_MORE : RECORD_OUT_OF_MEMORY;
    if (type == FCGI_BEGIN_REQUEST)
        memcpy(reader->begin + sizeof reader->begin - reader->content_left, piece.data, piece.length);
    if (reader->current != NULL && type == FCGI_PARAMS)
        return add_parameters(reader->current, piece);
    if (reader->current != NULL && type == FCGI_STDIN && reader->current->phase == RECORD_IN_BODY)
        return add_body(reader, reader->current, piece, message);
    return RECORD_MORE;
}

enum record_event record_read(struct record_reader *reader, struct text *input,
                              struct record_message *message)
{
    enum record_event event = RECORD_MORE;
    while (event == RECORD_MORE && input->length > 0) {
        bool is_at_end = false; /* of the content */
        if (reader->header_length < sizeof reader->header) {
            if (reader->header_length == 0)
                reader->record_ms = reader->now_ms;
            const struct text piece = take_bytes(input, sizeof reader->header - reader->header_length);
            memcpy(reader->header + reader->header_length, piece.data, piece.length);
            reader->header_length += piece.length;
            if (reader->header_length < sizeof reader->header)
                break;
            event = begin_record(reader);
            is_at_end = reader->content_left == 0;
        } else if (reader->content_left > 0) {
            const struct text piece = take_bytes(input, reader->content_left);
            event = add_content(reader, piece, message);
            reader->content_left -= piece.length;
            is_at_end = reader->content_left == 0;
        } else {
            reader->padding_left -= take_bytes(input, reader->padding_left).length;
        }
        if (is_at_end && event == RECORD_MORE)
            event = end_record(reader, message);
        if (reader->content_left == 0 && reader->padding_left == 0)
            reader->header_length = 0;
    }
    return event;
}

double record_unfinished_since(const struct record_reader *reader)
{
    if (reader->requests != NULL)
        return reader->requests->begun_ms;
    return reader->header_length > 0 ? reader->record_ms : 0;
}

size_t record_reader_size(const struct record_reader *reader)
{
    size_t size = reader->values != NULL ? sizeof *reader->values + reader->values->capacity : 0;
    for (const struct record_request *request = reader->requests; request != NULL; request = request->next)
        size += sizeof *request + request->capacity;
    return size;
}

void record_reader_clear(struct record_reader *reader)
{
    free_request(reader->values);
    reader->values = NULL;
    reader->current = NULL;
    reader->header_length = 0;
}
