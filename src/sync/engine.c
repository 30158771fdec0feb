#include "sync/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sync/engine_config.h"
#include "sync/engine_tls.h"
#include "sync/resolve.h"

enum { CONNECT_MS = 1000, RESOLVE_MS = 2000, MOST_WORDS = 24 };

struct engine {
    redisContext *redis;
    struct engine_tls *tls; /* NULL: none */
    bool is_lost;
    size_t unread; /* bytes of answers that have come and were not taken */
    char address[ENGINE_ADDRESS_SIZE];
};

/* --- Faults --- */

void engine_quote(struct engine_fault *fault, const char *what, const char *text, size_t length)
{
    const int size = snprintf(fault->text, sizeof fault->text, "%s%.*s", what,
                              length < ENGINE_FAULT_SIZE ? (int)length : ENGINE_FAULT_SIZE, text);
    text_make_printable(fault->text, size < ENGINE_FAULT_SIZE ? (size_t)size : ENGINE_FAULT_SIZE - 1);
}

static void set_fault(struct engine_fault *fault, const char *text)
{
    engine_quote(fault, "", text, strlen(text));
}

/* Where the next fault of a connection is. */
static void begin_connecting(struct engine_fault *fault, const char *address)
{
    fault->step = ENGINE_CONNECTING;
    snprintf(fault->address, sizeof fault->address, "%s", address);
}

static void lose(struct engine *engine, const char *why, struct engine_fault *fault)
{
    engine->is_lost = true;
    set_fault(fault, why);
}

/* Connecting waits in the library, whose text for a timeout is that of EAGAIN. */
static void set_lost(struct engine *engine, struct engine_fault *fault)
{
    const redisContext *redis = engine->redis;
    if (redis->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ETIMEDOUT))
        lose(engine, "no answer in time", fault);
    else
        lose(engine, redis->errstr[0] != '\0' ? redis->errstr : "the connection is lost", fault);
}

bool engine_is_lost(const struct engine *engine)
{
    return engine->is_lost;
}

const char *engine_address(const struct engine *engine)
{
    return engine->address;
}

int engine_descriptor(const struct engine *engine)
{
    return engine->redis->fd;
}

/* --- Waiting --- */

bool engine_wait(int descriptor, short events, double began_ms)
{
    const double left = began_ms + ENGINE_LONGEST_MS - clock_monotonic_ms();
    struct pollfd polled = {.fd = descriptor, .events = events};
    return left > 0 && poll(&polled, 1, left < ENGINE_TIMEOUT_MS ? (int)left + 1 : ENGINE_TIMEOUT_MS) > 0;
}

/* --- Commands --- */

bool engine_append(struct engine *engine, const struct text *words, size_t count)
{
    const char *texts[MOST_WORDS];
    size_t lengths[MOST_WORDS];
    for (size_t i = 0; i < count && i < MOST_WORDS; i++) {
        texts[i] = words[i].data != NULL ? words[i].data : "";
        lengths[i] = words[i].length;
    }
    return count <= MOST_WORDS &&
           redisAppendCommandArgv(engine->redis, (int)count, texts, lengths) == REDIS_OK;
}

bool engine_flush(struct engine *engine, struct engine_fault *fault)
{
    const double began_ms = clock_monotonic_ms();
    int is_done = 0;
    while (!engine->is_lost && is_done == 0) {
        errno = 0;
        if (redisBufferWrite(engine->redis, &is_done) != REDIS_OK)
            set_lost(engine, fault);
        else if (is_done == 0 && !engine_wait(engine->redis->fd, POLLOUT, began_ms))
            lose(engine, "no answer in time", fault);
    }
    return !engine->is_lost;
}

bool engine_take(struct engine *engine, redisReply **reply, struct engine_fault *fault)
{
    void *answer = NULL;
    const redisReader *reader = engine->redis->reader;
    if (!engine->is_lost && redisGetReplyFromReader(engine->redis, &answer) != REDIS_OK)
        set_lost(engine, fault);
    if (answer != NULL)
        engine->unread = reader->len - reader->pos;
    *reply = answer;
    return !engine->is_lost;
}

/* The library would keep an answer of any size. */
bool engine_read(struct engine *engine, redisReply **reply, struct engine_fault *fault)
{
    const size_t before = engine->redis->reader->len;
    *reply = NULL;
    errno = 0;
    if (!engine->is_lost && redisBufferRead(engine->redis) != REDIS_OK)
        set_lost(engine, fault);
    if (engine->is_lost)
        return false;
    engine->unread += engine->redis->reader->len - before;
    if (engine->unread > ENGINE_ANSWER_MAX) {
        lose(engine, "its answer is too large; is there something in the streams that is not of token-sync?",
             fault);
        return false;
    }
    return engine_take(engine, reply, fault);
}

redisReply *engine_answer(struct engine *engine, struct engine_fault *fault)
{
    redisReply *reply = NULL;
    const double began_ms = clock_monotonic_ms();
    if (engine->is_lost)
        lose(engine, "the connection is lost", fault);
    bool good = engine_flush(engine, fault) && engine_take(engine, &reply, fault);
    while (good && reply == NULL) {
        if (engine_wait(engine->redis->fd, POLLIN, began_ms)) {
            good = engine_read(engine, &reply, fault);
        } else {
            lose(engine, "no answer in time", fault);
            good = false;
        }
    }
    if (!good || reply->type != REDIS_REPLY_ERROR)
        return reply;
    engine_quote(fault, "", reply->str, reply->len);
    freeReplyObject(reply);
    return NULL;
}

redisReply *engine_command(struct engine *engine, const struct text *words, size_t count,
                           struct engine_fault *fault)
{
    if (engine->is_lost || !engine_append(engine, words, count)) {
        lose(engine, engine->is_lost ? "the connection is lost" : strerror(ENOMEM), fault);
        return NULL;
    }
    return engine_answer(engine, fault);
}

/* --- Connecting --- */

void engine_close(struct engine *engine)
{
    if (engine == NULL)
        return;
    if (engine->redis != NULL)
        redisFree(engine->redis);
    engine_tls_free(engine->tls);
    free(engine);
}

static struct timeval time_of(long ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* From now on this program waits, and not the library, which would wait as long again for each byte. */
static bool set_nonblocking(redisContext *redis)
{
    const int flags = fcntl(redis->fd, F_GETFL);
    redis->flags &= ~REDIS_BLOCK;
    return flags >= 0 && fcntl(redis->fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

static bool start_tls(struct engine *engine, const char *host, struct engine_fault *fault)
{
    fault->step = ENGINE_TLS;
    return engine_tls_start(engine->redis, host, &engine->tls, fault);
}

/* Takes ownership of `redis`. `host` is the name that a certificate must have. */
static struct engine *adopt(redisContext *redis, const char *address, const char *host,
                            const struct config *config, struct engine_fault *fault)
{
    struct engine *engine = redis != NULL ? calloc(1, sizeof *engine) : NULL;
    if (engine == NULL) {
        if (redis != NULL)
            redisFree(redis);
        set_fault(fault, strerror(ENOMEM));
        return NULL;
    }
    engine->redis = redis;
    snprintf(engine->address, sizeof engine->address, "%s", address);
    if (redis->err != 0)
        set_lost(engine, fault);
    else if (!set_nonblocking(redis))
        set_fault(fault, "no time limit can be set");
    else if (!config->sync_tls || host == NULL || start_tls(engine, host, fault))
        return engine;
    engine_close(engine);
    return NULL;
}

static struct engine *connect_unix(const struct config *config, struct text path, struct engine_fault *fault)
{
    char address[ENGINE_ADDRESS_SIZE];
    snprintf(address, sizeof address, "%.*s", (int)path.length, path.data);
    begin_connecting(fault, address);
    return adopt(redisConnectUnixWithTimeout(address, time_of(CONNECT_MS)), address, NULL, config, fault);
}

static struct engine *open_host(const struct config *config, struct text host, long port,
                                struct engine_fault *fault)
{
    char name[ENGINE_ADDRESS_SIZE];
    char address[ENGINE_ADDRESS_SIZE];
    struct resolved resolved;
    struct engine *engine = NULL;
    snprintf(name, sizeof name, "%.*s", (int)host.length, host.data);
    begin_connecting(fault, name);
    const char *why = resolve_host(name, RESOLVE_MS, &resolved);
    if (why != NULL)
        set_fault(fault, why);
    for (size_t i = 0; engine == NULL && i < resolved.count; i++) {
        snprintf(address, sizeof address, "%s port %ld", resolved.addresses[i], port);
        begin_connecting(fault, address);
        engine = adopt(redisConnectWithTimeout(resolved.addresses[i], (int)port, time_of(CONNECT_MS)),
                       address, name, config, fault);
    }
    return engine;
}

static struct engine *open_address(const struct config *config, const struct sync_address *address,
                                   struct engine_fault *fault)
{
    return address->path.data != NULL ? connect_unix(config, address->path, fault)
                                      : open_host(config, address->host, address->port, fault);
}

/* --- Authentication --- */

/* An on_message function. What token-sync starts with is checked then, so that warnings were reported. */
static void quote_error(void *context, enum severity severity, const char *message)
{
    if (severity == SEVERITY_ERROR)
        set_fault(context, message);
}

/* The password is read again for each connection, so that it can be changed without a restart. */
static bool authenticate(struct engine *engine, const struct config *config, struct engine_fault *fault)
{
    struct engine_password password;
    struct diagnostics diagnostics = {.on_message = quote_error, .context = fault};
    fault->step = ENGINE_PASSWORD;
    if (!engine_password_read(config, &password, &diagnostics)) {
        engine_password_free(&password);
        return false;
    }
    fault->step = ENGINE_AUTHENTICATING;
    struct text words[3] = {text_of("AUTH")};
    size_t count = 1;
    if (config->sync_user != NULL)
        words[count++] = text_of(config->sync_user);
    words[count++] = password.text;
    redisReply *reply = NULL;
    const bool is_needed = config->sync_user != NULL || config->sync_password_file != NULL;
    if (is_needed)
        reply = engine_command(engine, words, count, fault);
    engine_password_free(&password);
    const bool good = !is_needed || reply != NULL;
    if (reply != NULL)
        freeReplyObject(reply);
    return good;
}

/* --- Which server --- */

/* Returns whether the reply is an array whose first element is that text. */
static bool reply_begins_with(const redisReply *reply, const char *text)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 && reply->element[0]->str != NULL &&
           strcmp(reply->element[0]->str, text) == 0;
}

/* An engine that does not tell its role to this user is taken to be a master: a replica refuses to be
 * written. */
static bool is_master(struct engine *engine, struct engine_fault *fault)
{
    const struct text words[] = {text_of("ROLE")};
    fault->step = ENGINE_ROLE;
    redisReply *reply = engine_command(engine, words, 1, fault);
    if (reply == NULL)
        return !engine->is_lost && strncmp(fault->text, "NOPERM", strlen("NOPERM")) == 0;
    const bool is_replica = reply_begins_with(reply, "slave");
    if (is_replica)
        set_fault(fault, "it is a replica");
    freeReplyObject(reply);
    return !is_replica;
}

static struct engine *open_master(struct engine *engine, const struct config *config,
                                  struct engine_fault *fault)
{
    if (engine == NULL || (authenticate(engine, config, fault) && is_master(engine, fault)))
        return engine;
    if (engine->is_lost && engine_tls_wants_certificate(engine->tls)) {
        fault->step = ENGINE_TLS;
        set_fault(fault, "TLS: the engine demands a certificate; set its tls-auth-clients to optional");
    }
    engine_close(engine);
    return NULL;
}

/* Asks one Sentinel for the address of the master. A Sentinel that demands a password gets the engine's. */
static redisReply *ask_sentinel(struct engine *sentinel, const struct config *config, struct text name,
                                struct engine_fault *fault)
{
    const struct text words[] = {text_of("SENTINEL"), text_of("get-master-addr-by-name"), name};
    fault->step = ENGINE_SENTINEL;
    redisReply *reply = engine_command(sentinel, words, 3, fault);
    if (reply == NULL && strncmp(fault->text, "NOAUTH", strlen("NOAUTH")) == 0 &&
        authenticate(sentinel, config, fault)) {
        fault->step = ENGINE_SENTINEL;
        reply = engine_command(sentinel, words, 3, fault);
    }
    return reply;
}

static struct engine *open_named_master(const redisReply *reply, const struct config *config,
                                        struct engine_fault *fault)
{
    long port;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[0]->str == NULL ||
        reply->element[1]->str == NULL ||
        !text_parse_number(text_of(reply->element[1]->str), 1, 65535, &port)) {
        set_fault(fault, "the Sentinel does not know an engine of that name");
        return NULL;
    }
    return open_master(open_host(config, text_of(reply->element[0]->str), port, fault), config, fault);
}

static struct engine *open_through_sentinel(const struct sync_address *address, const struct config *config,
                                            struct text name, struct engine_fault *fault)
{
    struct engine *engine = NULL;
    struct engine *sentinel = open_address(config, address, fault);
    redisReply *reply = sentinel != NULL ? ask_sentinel(sentinel, config, name, fault) : NULL;
    if (reply != NULL) {
        engine = open_named_master(reply, config, fault);
        freeReplyObject(reply);
    }
    engine_close(sentinel);
    return engine;
}

struct engine *engine_open(const struct config *config, const struct sync_address *address,
                           struct engine_fault *fault)
{
    const struct text sentinel = sync_addresses_sentinel(text_of(config->sync));
    return sentinel.data != NULL ? open_through_sentinel(address, config, sentinel, fault)
                                 : open_master(open_address(config, address, fault), config, fault);
}

struct engine *engine_connect(const struct config *config, struct engine_fault *fault)
{
    struct text rest = text_of(config->sync);
    struct sync_address address;
    struct engine *engine = NULL;
    set_fault(fault, "no address");
    while (engine == NULL && sync_address_next(&rest, &address))
        engine = engine_open(config, &address, fault);
    return engine;
}
