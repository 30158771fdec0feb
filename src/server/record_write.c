#include "server/record_write.h"

#include <fastcgi.h>
#include <string.h>

#include "server/record.h"

static void write_header(char *out, unsigned type, unsigned id, size_t length)
{
    const FCGI_Header header = {.version = FCGI_VERSION_1,
                                .type = (unsigned char)type,
                                .requestIdB1 = (unsigned char)(id >> 8),
                                .requestIdB0 = (unsigned char)id,
                                .contentLengthB1 = (unsigned char)(length >> 8),
                                .contentLengthB0 = (unsigned char)length};
    memcpy(out, &header, sizeof header);
}

/* BEGIN_REQUEST, END_REQUEST and UNKNOWN_TYPE have bodies of the same size. */
enum { BODY_SIZE = 8, SHORT_RECORD_SIZE = FCGI_HEADER_LEN + BODY_SIZE };
_Static_assert(sizeof(FCGI_BeginRequestBody) == BODY_SIZE && sizeof(FCGI_EndRequestBody) == BODY_SIZE &&
                   sizeof(FCGI_UnknownTypeBody) == BODY_SIZE,
               "FastCGI 1.0 §4.2, §5.1, §5.5");

static size_t write_short(char *out, unsigned type, unsigned id, const void *body)
{
    write_header(out, type, id, BODY_SIZE);
    memcpy(out + FCGI_HEADER_LEN, body, BODY_SIZE);
    return SHORT_RECORD_SIZE;
}

size_t record_write_end(char out[RECORD_REPLY_MAX], unsigned id, unsigned char status)
{
    return write_short(out, FCGI_END_REQUEST, id, &(FCGI_EndRequestBody){.protocolStatus = status});
}

size_t record_write_unknown_type(char out[RECORD_REPLY_MAX], unsigned char type)
{
    return write_short(out, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID, &(FCGI_UnknownTypeBody){.type = type});
}

size_t record_write_values(char out[RECORD_REPLY_MAX], struct text asked)
{
    /* Each begins with the lengths of its name and of its value (§3.4). */
    static const char *const known[] = {"\x0e\x05" FCGI_MAX_CONNS "10000", "\x0d\x03" FCGI_MAX_REQS "256",
                                        "\x0f\x01" FCGI_MPXS_CONNS "1"};
    enum { COUNT = sizeof known / sizeof *known };
    bool is_asked[COUNT] = {false};
    struct text name;
    struct text value;
    while (asked.length > 0) {
        if (!record_take_pair(&asked, &name, &value))
            return 0;
        for (size_t i = 0; i < COUNT; i++)
            is_asked[i] |= text_equal(name, (struct text){known[i] + 2, (size_t)known[i][0]});
    }
    char *end = out + FCGI_HEADER_LEN;
    for (size_t i = 0; i < COUNT; i++)
        end = is_asked[i] ? stpcpy(end, known[i]) : end;
    const size_t length = (size_t)(end - out);
    write_header(out, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, length - FCGI_HEADER_LEN);
    return length;
}

/* The record without content that ends the stream is written, too. */
void record_write_parameters(const struct record_request *request, struct buffer *out)
{
    const FCGI_BeginRequestBody body = {.roleB0 = (unsigned char)request->role, .flags = FCGI_KEEP_CONN};
    struct text rest = {request->data, request->parameters};
    char begin[SHORT_RECORD_SIZE];
    size_t size;
    write_short(begin, FCGI_BEGIN_REQUEST, request->id, &body);
    buffer_add(out, (struct text){begin, sizeof begin});
    do {
        char header[FCGI_HEADER_LEN];
        size = rest.length < FCGI_MAX_LENGTH ? rest.length : FCGI_MAX_LENGTH;
        write_header(header, FCGI_PARAMS, request->id, size);
        buffer_add(out, (struct text){header, sizeof header});
        if (size > 0) {
            buffer_add(out, (struct text){rest.data, size});
            rest = (struct text){rest.data + size, rest.length - size};
        }
    } while (size > 0);
}
