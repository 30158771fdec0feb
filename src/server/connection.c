#include "server/connection.h"

#include <errno.h>
#include <fastcgi.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/secret.h"
#include "server/fastcgi.h"

enum {
    PIECE = 16 * 1024,      /* the most bytes per read */
    PIECES_PER_TURN = 16,   /* so that one peer does not keep a thread busy */
    OUTPUT_MAX = 64 * 1024, /* beyond it, nothing is read until the peer has read answers */
};

/* --- Requests in flight --- */

static void free_in_flight(struct connection *connection, struct record_request *request)
{
    fastcgi_free(request->fastcgi);
    connection->in_flight--;
    record_end(&connection->reader, request);
}

/* Decides what follows the end of a request. If a socket is closed with unread input, the kernel may drop the
 * answer. So if there may be input left, the peer has to close first. */
static void note_end(struct connection *connection, const struct record_request *request)
{
    if (!request->keeps_connection || request->is_cut_off)
        connection->is_ending = true;
    if (connection->is_ending && request->has_input_left)
        connection->is_lingering = true;
}

/* Returns false if memory ran out. */
static bool answer(struct connection *connection, struct record_request *request)
{
    bool is_answered = true;
    if (connection->descriptor >= 0 && request->id != 0) {
        is_answered = fastcgi_answer(request->fastcgi, &connection->output);
        note_end(connection, request);
    }
    free_in_flight(connection, request);
    connection->has_answered = true;
    return is_answered;
}

static bool start(struct connection *connection, struct record_request *request,
                  const struct connection_turn *turn)
{
    struct service *service = reload_current(turn->reload);
    request->connection = connection;
    request->fastcgi = fastcgi_start(request, service, turn->resume, request);
    service_release(service);
    if (request->fastcgi == NULL)
        return false;
    connection->in_flight++;
    return fastcgi_is_pending(request->fastcgi) || answer(connection, request);
}

/* A request with the id of an earlier one waits for the earlier one's answer: the web server could not
 * distinguish the two answers. */
static bool is_to_be_started(const struct connection *connection, const struct record_request *request)
{
    const struct record_request *before = connection->reader.requests;
    if (request->phase != RECORD_WHOLE || request->fastcgi != NULL)
        return false;
    while (before->id != request->id)
        before = before->next;
    return before == request;
}

static bool start_all(struct connection *connection, const struct connection_turn *turn)
{
    struct record_request *request = connection->reader.requests;
    while (request != NULL && !connection->is_ending) {
        const bool is_due = is_to_be_started(connection, request);
        if (is_due && !start(connection, request, turn))
            return false;
        request = is_due ? connection->reader.requests : request->next;
    }
    return true;
}

/* A request that cannot be cancelled continues, and its answer is dropped. */
static void cancel(struct connection *connection, struct record_request *request)
{
    if (fastcgi_cancel(request->fastcgi))
        free_in_flight(connection, request);
    else
        request->id = 0;
}

static bool resume_request(struct connection *connection, struct record_request *request)
{
    fastcgi_resume(request->fastcgi);
    if (!fastcgi_is_pending(request->fastcgi))
        return answer(connection, request);
    if (connection->descriptor < 0 || request->id == 0)
        cancel(connection, request);
    return true;
}

static void abort_request(struct connection *connection, struct record_request *request)
{
    char end[RECORD_REPLY_MAX];
    const size_t length = record_write_end(end, request->id, FCGI_REQUEST_COMPLETE);
    buffer_add(&connection->output, (struct text){end, length});
    request->has_input_left = request->phase != RECORD_WHOLE;
    note_end(connection, request);
    if (request->fastcgi != NULL)
        cancel(connection, request);
    else
        record_end(&connection->reader, request);
}

/* --- Input and output ---
 *
 * No call here waits, so none is interrupted (EINTR). */

static enum connection_fault take_input(struct connection *connection, struct text input,
                                        const struct connection_turn *turn)
{
    struct record_message message;
    enum record_event event = RECORD_REPLY;
    while (event != RECORD_MORE && !connection->is_ending) {
        event = record_read(&connection->reader, &input, &message);
        if (event == RECORD_MALFORMED)
            return CONNECTION_NOT_FASTCGI;
        if (event == RECORD_REPLY)
            buffer_add(&connection->output, (struct text){message.reply, message.reply_length});
        if (event == RECORD_ABORT)
            abort_request(connection, message.request);
        if (event == RECORD_OUT_OF_MEMORY || connection->output.out_of_memory ||
            (event == RECORD_REQUEST && !start_all(connection, turn)))
            return CONNECTION_OUT_OF_MEMORY;
    }
    return CONNECTION_GOOD;
}

/* Sends as much as is possible now. While the program stops, a slow reader gets no more time with each byte
 * that it reads: all of its answers have to be sent within request_timeout. */
static void send_output(struct connection *connection, const struct connection_turn *turn)
{
    const size_t before = connection->sent;
    while (connection->descriptor >= 0 && connection->sent < connection->output.length) {
        const ssize_t sent = send(connection->descriptor, connection->output.data + connection->sent,
                                  connection->output.length - connection->sent, MSG_NOSIGNAL);
        if (sent >= 0)
            connection->sent += (size_t)sent;
        else if (errno == EAGAIN)
            break;
        else
            connection_close(connection);
    }
    if (connection->sent == connection->output.length) {
        buffer_free(&connection->output);
        connection->sent = 0;
        connection->stuck_ms = 0;
    } else if (connection->stuck_ms == 0 || (connection->sent > before && !turn->is_stopping)) {
        connection->stuck_ms = turn->now_ms;
    }
}

static bool may_read(const struct connection *connection)
{
    return connection->descriptor >= 0 && !connection->is_at_end &&
           connection->output.length - connection->sent <= OUTPUT_MAX &&
           (!connection->is_ending || connection->is_lingering);
}

/* An event reports input once: all of it is read, or `has_input` stays set. A read that returns less than it
 * asked for has emptied the socket, but the peer may have hung up as well. While the program stops
 * impatiently, input is dropped: a peer that always has another request in flight would never be idle. */
static enum connection_fault read_input(struct connection *connection, const struct connection_turn *turn)
{
    enum connection_fault fault = CONNECTION_GOOD;
    char piece[PIECE];
    const bool to_the_end = turn->reads_to_the_end || connection->has_input;
    connection->has_input = true;
    for (int i = 0; i < PIECES_PER_TURN && fault == CONNECTION_GOOD && may_read(connection); i++) {
        const ssize_t got = recv(connection->descriptor, piece, sizeof piece, 0);
        if (got > 0) {
            connection->is_fresh = false;
            if (!connection->is_lingering && !turn->is_impatient)
                fault = take_input(connection, (struct text){piece, (size_t)got}, turn);
            secret_wipe(piece, (size_t)got);
            send_output(connection, turn);
        }
        connection->is_at_end = got == 0;
        if (got < 0 && errno != EAGAIN)
            connection_close(connection);
        if (got <= 0 || ((size_t)got < sizeof piece && !to_the_end)) {
            connection->has_input = false;
            break;
        }
    }
    return fault;
}

/* --- The end --- */

static void cancel_all(struct connection *connection)
{
    struct record_request *next = connection->reader.requests;
    while (next != NULL) {
        struct record_request *request = next;
        next = request->next;
        if (request->fastcgi == NULL)
            record_end(&connection->reader, request);
        else if (request->id != 0)
            cancel(connection, request);
    }
}

void connection_close(struct connection *connection)
{
    if (connection->descriptor < 0)
        return;
    close(connection->descriptor);
    connection->descriptor = -1;
    cancel_all(connection);
    record_reader_clear(&connection->reader);
    buffer_free(&connection->output);
    connection->sent = 0;
    connection->stuck_ms = connection->linger_ms = 0;
    connection->has_input = false;
}

static bool is_to_be_closed(const struct connection *connection, const struct connection_turn *turn)
{
    const bool is_idle = record_unfinished_since(&connection->reader) == 0 && !connection->is_fresh;
    return connection->is_ending || connection->is_at_end ||
           (turn->is_stopping && (is_idle || turn->is_impatient));
}

static void close_if_done(struct connection *connection, const struct connection_turn *turn)
{
    if (connection->descriptor < 0 || connection->in_flight > 0 || connection_waits_to_send(connection) ||
        !is_to_be_closed(connection, turn))
        return;
    if (!connection->is_lingering || connection->is_at_end || turn->is_impatient) {
        connection_close(connection);
    } else if (connection->linger_ms == 0) {
        shutdown(connection->descriptor, SHUT_WR);
        connection->linger_ms = turn->now_ms;
    }
}

enum connection_fault connection_handle(struct connection *connection, const struct connection_turn *turn)
{
    bool has_memory = true;
    connection->reader.now_ms = turn->now_ms;
    connection->reader.max_body = turn->max_body;
    for (struct record_request *next = turn->resumed; next != NULL;) {
        struct record_request *request = next;
        next = request->next_resumed;
        has_memory = resume_request(connection, request) && has_memory;
    }
    has_memory = start_all(connection, turn) && has_memory;
    send_output(connection, turn);
    enum connection_fault fault = has_memory ? read_input(connection, turn) : CONNECTION_OUT_OF_MEMORY;
    if (fault != CONNECTION_GOOD) {
        send_output(connection, turn);
        connection_close(connection);
    }
    if (connection->is_at_end)
        cancel_all(connection);
    close_if_done(connection, turn);
    if (connection_unfinished_since(connection) == 0)
        connection->idle_ms = turn->now_ms;
    return fault;
}

bool connection_is_over(const struct connection *connection)
{
    return connection->descriptor < 0 && connection->in_flight == 0;
}

bool connection_may_have_input(const struct connection *connection)
{
    return connection->has_input && may_read(connection);
}

bool connection_waits_to_send(const struct connection *connection)
{
    return connection->sent < connection->output.length;
}

/* Times that are 0 do not count. */
static double older(double one_ms, double other_ms)
{
    return one_ms == 0 || (other_ms > 0 && other_ms < one_ms) ? other_ms : one_ms;
}

double connection_unfinished_since(const struct connection *connection)
{
    return older(record_unfinished_since(&connection->reader),
                 older(connection->stuck_ms, connection->linger_ms));
}

size_t connection_size(const struct connection *connection)
{
    size_t size = connection->output.capacity + record_reader_size(&connection->reader);
    for (const struct record_request *request = connection->reader.requests; request != NULL;
         request = request->next)
        size += request->fastcgi != NULL ? fastcgi_size(request->fastcgi) : 0;
    return size;
}
