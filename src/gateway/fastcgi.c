#include "gateway/fastcgi.h"

#include <fastcgi.h>
#include <fcgiapp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/secret.h"
#include "endpoint/route.h"
#include "gateway/cgi_env.h"

/* How long a peer may be silent that is to close first. */
enum { CLOSE_MS = 100 };

/* What becomes of a connection behind the answer; CLOSE_UNREAD: there may be input that nobody has read. */
enum fate { KEEP, CLOSE, CLOSE_UNREAD };

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
static enum fate refuse_role(FCGX_Request *fcgi, const struct service *service)
{
    struct http_response response;
    log_write(service->log, LOG_LEVEL_ERROR, "the web server asks for FastCGI role %s; this is a RESPONDER",
              fcgi->role == FCGI_AUTHORIZER ? "AUTHORIZER" : "FILTER");
    route_failed(&response);
    write_answer(fcgi, &response);
    json_object_put(response.body);
    return CLOSE_UNREAD;
}

static enum fate respond(FCGX_Request *fcgi, const struct service *service)
{
    const struct gateway gateway = {
        .variable = parameter, .read = read_input, .context = fcgi, .input_ends = true};
    struct gateway_request request;
    struct http_response response;

    gateway_read(&gateway, (size_t)service->config->max_body, &request);
    /* What is left unread would be parsed as the next request's records: a body could forge a request. */
    const bool drained = request.drained && FCGX_GetError(fcgi->in) == 0;
    route_request(service, &request.http, &response);
    write_answer(fcgi, &response);
    json_object_put(response.body);
    gateway_request_clear(&request);
    return !drained ? CLOSE_UNREAD : fcgi->keepConnection ? KEEP : CLOSE;
}

/* Input that nobody has read makes the kernel drop the answer where the connection is closed at once. So the
 * peer, which sees that no more comes, has a moment to close it first, and what it goes on sending is read:
 * under the watch, as that may have no end. */
static void await_close(int descriptor)
{
    char dropped[1024];
    struct pollfd peer = {.fd = descriptor, .events = POLLIN};
    shutdown(descriptor, SHUT_WR);
    while (poll(&peer, 1, CLOSE_MS) > 0 && recv(descriptor, dropped, sizeof dropped, MSG_DONTWAIT) > 0)
        ;
    secret_wipe(dropped, sizeof dropped);
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
    enum fate fate = fcgi.role == FCGI_RESPONDER ? respond(&fcgi, service) : refuse_role(&fcgi, service);
    if (fate == KEEP && connection->is_stopping(connection->context))
        fate = CLOSE;
    /* Or FCGX_Finish_r() closes it, and waits for the peer even where nothing is unread. After an error it
     * does all the same. */
    fcgi.keepConnection = 1;
    FCGX_Finish_r(&fcgi);
    const bool is_open = fcgi.ipcFd >= 0;
    if (is_open && fate == CLOSE_UNREAD)
        await_close(connection->descriptor);
    connection->answered(connection->context);
    /* Nobody waits for an old snapshot, which may be large, to be wiped. */
    service_release(service);
    if (is_open && fate != KEEP)
        close(connection->descriptor);
    return is_open && fate == KEEP;
}
