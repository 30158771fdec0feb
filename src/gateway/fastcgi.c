#include "gateway/fastcgi.h"

#include <fastcgi.h>
#include <fcgiapp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/secret.h"
#include "endpoint/route.h"
#include "gateway/cgi_env.h"

/* How long a peer may be silent that is to close first. */
enum { CLOSE_MS = 100 };

struct fastcgi {
    struct fastcgi_connection connection;
    /* The request in hand. */
    FCGX_Request fcgi;
    struct service *service;
    struct gateway_request request;
    bool is_read; /* its input, to the end */
    struct exchange exchange;
};

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

/* As FCGX_Finish_r(), which would close a connection after an error: to close it is for whoever knows of it.
 * False: there was one. */
static bool free_request(FCGX_Request *fcgi)
{
    int error = FCGX_FClose(fcgi->err);
    error |= FCGX_FClose(fcgi->out);
    error |= FCGX_GetError(fcgi->in);
    FCGX_Free(fcgi, 0);
    return error == 0;
}

/* The snapshot is released before the connection goes on: nobody may hold one when the last request is over.
 */
static void end_request(struct fastcgi *fastcgi)
{
    const struct fastcgi_connection *connection = &fastcgi->connection;
    const bool is_kept =
        fastcgi->is_read && fastcgi->fcgi.keepConnection && !connection->is_stopping(connection->context);
    const bool is_answered = free_request(&fastcgi->fcgi);
    if (is_answered && !fastcgi->is_read)
        await_close(connection->descriptor);
    service_release(fastcgi->service);
    connection->ended(connection->context, is_answered && is_kept ? FASTCGI_KEPT : FASTCGI_DONE);
}

/* Any role but responder is a slip in the web server's configuration, and an authorizer's input must never be
 * read. */
static void refuse_role(struct fastcgi *fastcgi)
{
    struct http_response response;
    log_write(fastcgi->service->log, LOG_LEVEL_ERROR,
              "the web server asks for FastCGI role %s; this is a RESPONDER",
              fastcgi->fcgi.role == FCGI_AUTHORIZER ? "AUTHORIZER" : "FILTER");
    route_failed(text_of(FCGX_GetParam("REQUEST_METHOD", fastcgi->fcgi.envp)), &response);
    write_answer(&fastcgi->fcgi, &response);
    json_object_put(response.body);
    fastcgi->is_read = false;
    end_request(fastcgi);
}

static void send_answer(struct fastcgi *fastcgi)
{
    write_answer(&fastcgi->fcgi, &fastcgi->exchange.response);
    json_object_put(fastcgi->exchange.response.body);
    gateway_request_clear(&fastcgi->request);
    end_request(fastcgi);
}

static void go_on(void *context);

/* Once something is begun the request is the verifier's. */
static void answer_or_wait(struct fastcgi *fastcgi, struct verification *awaited)
{
    while (awaited != NULL) {
        if (verifier_begin(fastcgi->service->verifier, awaited, go_on, fastcgi))
            return;
        awaited = route_go_on(&fastcgi->exchange);
    }
    send_answer(fastcgi);
}

static void go_on(void *context)
{
    struct fastcgi *fastcgi = context;
    answer_or_wait(fastcgi, route_go_on(&fastcgi->exchange));
}

/* What is left unread would be parsed as the next request's records: a body could forge a request. Nothing is
 * verified for it either, as its end holds up the thread that answers. */
static void respond(struct fastcgi *fastcgi)
{
    const struct gateway gateway = {
        .variable = parameter, .read = read_input, .context = &fastcgi->fcgi, .input_ends = true};
    struct gateway_request *request = &fastcgi->request;
    gateway_read(&gateway, (size_t)fastcgi->service->config->max_body, request);
    fastcgi->is_read = request->drained && FCGX_GetError(fastcgi->fcgi.in) == 0;
    if (!fastcgi->is_read && request->http.body_state == HTTP_BODY_WHOLE)
        request->http.body_state = HTTP_BODY_CUT_SHORT;
    answer_or_wait(fastcgi, route_request(&fastcgi->exchange, fastcgi->service, &request->http));
}

void fastcgi_serve(struct fastcgi *fastcgi)
{
    const struct fastcgi_connection *connection = &fastcgi->connection;
    FCGX_Request *fcgi = &fastcgi->fcgi;
    FCGX_InitRequest(fcgi, -1, 0);
    fcgi->ipcFd = connection->descriptor;
    fcgi->keepConnection = 1; /* or the first thing FCGX_Accept_r() does is to close it */
    if (FCGX_Accept_r(fcgi) != 0) {
        connection->ended(connection->context, FASTCGI_CLOSED);
        return;
    }
    fastcgi->service = service_slot_hold(connection->slot);
    if (fcgi->role == FCGI_RESPONDER)
        respond(fastcgi);
    else
        refuse_role(fastcgi);
}

struct fastcgi *fastcgi_new(const struct fastcgi_connection *connection)
{
    struct fastcgi *fastcgi = malloc(sizeof *fastcgi);
    if (fastcgi != NULL)
        fastcgi->connection = *connection;
    return fastcgi;
}

void fastcgi_free(struct fastcgi *fastcgi)
{
    free(fastcgi);
}
