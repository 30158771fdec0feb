#include "server/fastcgi.h"

#include <fastcgi.h>
#include <fcgiapp.h>
#include <limits.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "endpoint/route.h"
#include "process/libc/libfcgi_io.h"
#include "server/cgi_env.h"

struct fastcgi {
    FCGX_Request fcgi;
    struct libfcgi_io io;
    struct service *service;
    struct request_context exchange;
    bool is_pending;
    struct gateway_request request;
    alignas(max_align_t) char heap[]; /* of libfcgi */
};

bool fastcgi_prepare(void)
{
    return FCGX_Init() == 0;
}

/* FCGX_GetParam() finds the first one only. */
static const char *variable(void *context, const char *name, size_t index)
{
    const struct fastcgi *fastcgi = context;
    const size_t length = strlen(name);
    for (char **entry = fastcgi->fcgi.envp; *entry != NULL; entry++) {
        if (**entry == *name && strncmp(*entry, name, length) == 0 && (*entry)[length] == '=' && index-- == 0)
            return *entry + length + 1;
    }
    return NULL;
}

/* With the descriptor's number libfcgi does nothing but hand it to OS_Read() and OS_Write(). */
static bool decode_request(struct fastcgi *fastcgi, struct text wire)
{
    fastcgi->fcgi.ipcFd = INT_MAX;
    fastcgi->fcgi.keepConnection = 1; /* or the first thing that FCGX_Accept_r() does is to close it */
    fastcgi->io.input = wire;
    libfcgi_io_use(&fastcgi->io);
    const int error = FCGX_Accept_r(&fastcgi->fcgi);
    libfcgi_io_use(NULL);
    return error == 0;
}

/* Of a body over max_body the record layer has kept the beginning. */
static void read_request(struct fastcgi *fastcgi, const struct record_request *record)
{
    static const enum http_body_state faults[] = {[RECORD_PARAMETERS_TOO_LARGE] = HTTP_HEAD_TOO_LARGE,
                                                  [RECORD_PARAMETER_HOLDS_NUL] = HTTP_HEAD_HOLDS_NUL};
    const size_t kept = record->length - record->parameters;
    struct http_request *http = &fastcgi->request.http;
    *http = (struct http_request){.variable = variable,
                                  .variable_context = fastcgi,
                                  .body = record->data != NULL ? record->data + record->parameters : NULL,
                                  .body_length = kept};
    gateway_read(&fastcgi->request, NULL, (size_t)fastcgi->service->config->max_body);
    http->is_authorizer = record->role == FCGI_AUTHORIZER;
    if (record->fault != RECORD_NO_FAULT)
        http->body_state = faults[record->fault];
    else if (record->body > kept && http->body_length >= kept)
        http->body_state = HTTP_BODY_TOO_LARGE;
}

static struct fastcgi *new_fastcgi(const struct record_request *record, struct service *service)
{
    const size_t heap_size = libfcgi_io_heap_size(record->parameters, record->parameter_count);
    struct fastcgi *fastcgi = malloc(sizeof *fastcgi + heap_size);
    if (fastcgi == NULL)
        return NULL;
    fastcgi->io = (struct libfcgi_io){.heap = fastcgi->heap, .heap_size = heap_size};
    fastcgi->service = service_hold(service);
    fastcgi->request.http.body = NULL;
    fastcgi->request.body_size = 0;
    fastcgi->exchange.response = (struct http_response){.status = 0};
    fastcgi->is_pending = false;
    FCGX_InitRequest(&fastcgi->fcgi, -1, 0);
    return fastcgi;
}

struct fastcgi *fastcgi_start(const struct record_request *record, struct service *service,
                              void (*resume)(void *context), void *context)
{
    struct buffer wire = {0};
    struct fastcgi *fastcgi = new_fastcgi(record, service);
    if (fastcgi == NULL)
        return NULL;
    record_write_parameters(record, &wire);
    const bool is_decoded =
        !wire.out_of_memory && decode_request(fastcgi, (struct text){wire.data, wire.length});
    if (is_decoded)
        read_request(fastcgi, record);
    buffer_free(&wire);
    fastcgi->io.input = (struct text){NULL, 0};
    if (!is_decoded) {
        fastcgi_free(fastcgi);
        return NULL;
    }
    fastcgi->is_pending = route_request(&fastcgi->exchange, service, &fastcgi->request.http,
                                        (struct callback){resume, context}) == PROGRESS_PENDING;
    return fastcgi;
}

void fastcgi_resume(struct fastcgi *fastcgi)
{
    fastcgi->is_pending = route_resume(&fastcgi->exchange) == PROGRESS_PENDING;
}

bool fastcgi_is_pending(const struct fastcgi *fastcgi)
{
    return fastcgi->is_pending;
}

bool fastcgi_cancel(struct fastcgi *fastcgi)
{
    return route_cancel(&fastcgi->exchange);
}

bool fastcgi_answer(struct fastcgi *fastcgi, struct buffer *out)
{
    struct buffer text = {0};
    const struct text answer = http_response_render(&fastcgi->exchange.response, &text);
    fastcgi->io.output = out;
    libfcgi_io_use(&fastcgi->io);
    FCGX_PutStr(answer.data, (int)answer.length, fastcgi->fcgi.out);
    FCGX_FClose(fastcgi->fcgi.err);
    FCGX_FClose(fastcgi->fcgi.out);
    libfcgi_io_use(NULL);
    fastcgi->io.output = NULL;
    buffer_free(&text);
    return !out->out_of_memory;
}

/* free() knows what came from the heap while that is in use. The path is no secret, and long. */
void fastcgi_free(struct fastcgi *fastcgi)
{
    libfcgi_io_use(&fastcgi->io);
    FCGX_Free(&fastcgi->fcgi, 0);
    libfcgi_io_use(NULL);
    http_response_clear(&fastcgi->exchange.response);
    gateway_request_clear(&fastcgi->request);
    service_release(fastcgi->service);
    libfcgi_io_wipe(&fastcgi->io);
    secret_free(fastcgi, offsetof(struct fastcgi, request.path));
}

size_t fastcgi_size(const struct fastcgi *fastcgi)
{
    return sizeof *fastcgi + fastcgi->io.heap_size + fastcgi->request.body_size;
}
