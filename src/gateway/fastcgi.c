#include "gateway/fastcgi.h"

#include <fastcgi.h>
#include <fcgiapp.h>
#include <stdlib.h>
#include <unistd.h>

#include "endpoint/route.h"
#include "gateway/cgi_env.h"

bool fastcgi_prepare(void)
{
    /* libfcgi closes a connection by waiting for its peer, 2 s by default, which would hold a thread. */
    return setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "100", 0) == 0 &&
           setenv("LIBFCGI_IS_AF_UNIX_KEEPER_POLL_TIMEOUT", "100", 0) == 0 && FCGX_Init() == 0;
}

static const char *parameter(void *context, const char *name)
{
    const FCGX_Request *request = context;
    return FCGX_GetParam(name, request->envp);
}

static size_t read_input(void *context, char *out, size_t size)
{
    const FCGX_Request *request = context;
    /* libfcgi counts in int; max_body and the drain's buffer are far below. */
    const int got = FCGX_GetStr(out, (int)size, request->in);
    return got > 0 ? (size_t)got : 0;
}

static void write_answer(FCGX_Request *request, const struct http_response *response)
{
    struct buffer out = {0};
    const struct text answer = http_response_render(response, &out);
    FCGX_PutStr(answer.data, (int)answer.length, request->out);
    buffer_free(&out);
}

/* Any role but responder is a slip in the web server's configuration, and an authorizer's input must never be
 * read. */
static void refuse_role(FCGX_Request *fcgi, const struct service *service)
{
    struct http_response response;
    log_write(service->log, LOG_LEVEL_ERROR, "the web server asks for FastCGI role %s; this is a RESPONDER",
              fcgi->role == FCGI_AUTHORIZER ? "AUTHORIZER" : "FILTER");
    route_failed(&response);
    write_answer(fcgi, &response);
    json_object_put(response.body);
    fcgi->keepConnection = 0;
}

/* Returns whether all of the input was read. */
static bool respond(FCGX_Request *fcgi, const struct service *service)
{
    const struct gateway gateway = {
        .variable = parameter, .read = read_input, .context = fcgi, .input_ends = true};
    struct gateway_request request;
    struct http_response response;

    gateway_read(&gateway, (size_t)service->config->max_body, &request);
    /* What is left unread would be parsed as the next request's records: a body could forge a request. */
    const bool drained = request.drained && FCGX_GetError(fcgi->in) == 0;
    if (!drained)
        fcgi->keepConnection = 0;
    route_request(service, &request.http, &response);
    write_answer(fcgi, &response);
    json_object_put(response.body);
    gateway_request_clear(&request);
    return drained;
}

/* libfcgi waits for the peer before it closes, lest input that nobody has read makes the kernel drop the
 * answer. Where there is none it would be a thread's time for nothing. */
static void close_connection(FCGX_Request *fcgi, bool drained)
{
    const int descriptor = fcgi->ipcFd;
    FCGX_Free(fcgi, !drained);
    if (drained && descriptor >= 0)
        close(descriptor);
}

bool fastcgi_answer(const struct fastcgi_connection *connection)
{
    FCGX_Request fcgi;
    FCGX_InitRequest(&fcgi, -1, 0);
    fcgi.ipcFd = connection->descriptor;
    fcgi.keepConnection = 1; /* or the first thing FCGX_Accept_r() does is to close it */
    if (FCGX_Accept_r(&fcgi) != 0) {
        connection->answered(connection->context);
        return false;
    }

    struct service *service = service_slot_hold(connection->slot);
    bool drained = false;
    if (fcgi.role == FCGI_RESPONDER)
        drained = respond(&fcgi, service);
    else
        refuse_role(&fcgi, service);

    const bool keep = fcgi.keepConnection && !connection->is_stopping(connection->context);
    /* Writing the rest of the answer may wait for the peer, closing does not: so the two are done one after
     * the other, and only the first is under the watch. */
    fcgi.keepConnection = 1;
    FCGX_Finish_r(&fcgi);
    connection->answered(connection->context);
    /* Nobody waits for an old snapshot, which may be large, to be wiped. */
    service_release(service);
    if (!keep)
        close_connection(&fcgi, drained);
    return keep && fcgi.ipcFd >= 0;
}
