#include "serve.h"

#include <errno.h>
#include <fastcgi.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "demo.h"
#include "fuzz.h"
#include "server/connection.h"
#include "server/fastcgi.h"

enum { PIECE_MAX = 16 * 1024 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_resumed = PTHREAD_COND_INITIALIZER;
static struct record_request *resumed; /* of the one connection; under the mutex */

struct reload *serve_slot(void)
{
    static struct reload *slot;
    if (slot == NULL) {
        REQUIRE(fastcgi_prepare());
        slot = reload_new(demo_service());
        REQUIRE(slot != NULL);
    }
    return slot;
}

static void resume(void *context)
{
    struct record_request *request = context;
    pthread_mutex_lock(&mutex);
    request->next_resumed = resumed;
    resumed = request;
    pthread_cond_signal(&has_resumed);
    pthread_mutex_unlock(&mutex);
}

/* Each of the waiting requests, in the order of their IDs. */
static struct record_request *await_resumed(size_t count)
{
    struct record_request *all = NULL;
    pthread_mutex_lock(&mutex);
    while (count > 0) {
        while (resumed == NULL)
            pthread_cond_wait(&has_resumed, &mutex);
        struct record_request *request = resumed;
        resumed = request->next_resumed;
        struct record_request **link = &all;
        while (*link != NULL && (*link)->id < request->id)
            link = &(*link)->next_resumed;
        request->next_resumed = *link;
        *link = request;
        count--;
    }
    pthread_mutex_unlock(&mutex);
    return all;
}

static void take_output(int peer, struct buffer *answers)
{
    static char piece[1 << 18];
    ssize_t got;
    while ((got = recv(peer, piece, sizeof piece, MSG_DONTWAIT)) > 0)
        buffer_add(answers, (struct text){piece, (size_t)got});
}

/* Until nothing is left to do except what is held. */
static void handle(struct connection *connection, struct connection_turn *turn, int peer, bool is_held,
                   struct buffer *answers)
{
    bool is_again = true;
    for (int turns = 0; is_again; turns++) {
        turn->now_ms = turns + 1;
        connection_handle(connection, turn);
        take_output(peer, answers);
        turn->resumed = connection->in_flight > 0 && !is_held ? await_resumed(connection->in_flight) : NULL;
        is_again = turn->resumed != NULL || connection_may_have_input(connection) ||
                   connection_waits_to_send(connection);
        REQUIRE(turns < 100000);
    }
}

static size_t least(size_t one, size_t other)
{
    return one < other ? one : other;
}

void serve(struct text wire, const struct serve_way *way, struct buffer *answers)
{
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    struct connection connection = {.descriptor = ends[0], .is_fresh = true};
    struct connection_turn turn = {.reload = serve_slot(),
                                   .max_body = 16384,
                                   .reads_to_the_end = true,
                                   .is_stopping = way->is_stopping,
                                   .resume = resume};
    size_t most = way->first > 0 ? way->first : way->piece;
    while (wire.length > 0 && connection.descriptor >= 0) {
        const size_t size = least(wire.length, least(most, PIECE_MAX));
        const ssize_t sent = send(ends[1], wire.data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN && connection.is_ending)
            break; /* it reads no more, and its last answer is held */
        REQUIRE(sent == (ssize_t)size);
        wire = (struct text){wire.data + size, wire.length - size};
        most = way->piece;
        handle(&connection, &turn, ends[1], way->is_held, answers);
    }
    handle(&connection, &turn, ends[1], false, answers);
    shutdown(ends[1], SHUT_WR);
    handle(&connection, &turn, ends[1], false, answers);
    REQUIRE(connection_is_over(&connection));
    REQUIRE(connection_size(&connection) == 0);
    close(ends[1]);
}

bool serve_take_answer(struct text *rest, struct serve_answer *answer)
{
    answer->text.length = 0;
    while (rest->length >= sizeof(FCGI_Header)) {
        FCGI_Header header;
        memcpy(&header, rest->data, sizeof header);
        const size_t length = (size_t)header.contentLengthB1 << 8 | header.contentLengthB0;
        const size_t whole = sizeof header + length + header.paddingLength;
        const unsigned id = (unsigned)header.requestIdB1 << 8 | header.requestIdB0;
        const struct text content = {rest->data + sizeof header, length};
        REQUIRE(header.version == FCGI_VERSION_1);
        REQUIRE(whole <= rest->length);
        *rest = (struct text){rest->data + whole, rest->length - whole};
        if (id == FCGI_NULL_REQUEST_ID) {
            REQUIRE(header.type == FCGI_GET_VALUES_RESULT || header.type == FCGI_UNKNOWN_TYPE);
            continue;
        }
        REQUIRE(answer->text.length == 0 || answer->id == id);
        answer->id = id;
        if (header.type == FCGI_END_REQUEST) {
            answer->status = (unsigned char)content.data[4];
            return true;
        }
        REQUIRE(header.type == FCGI_STDOUT || (header.type == FCGI_STDERR && length == 0));
        buffer_add(&answer->text, content);
    }
    return false;
}
