/* A connection to Redis or Valkey. Only this module opens one, and no call waits longer than a few seconds. A
 * command is an array of texts: nothing is formatted into it. */
#ifndef SYNC_ENGINE_H
#define SYNC_ENGINE_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "config/config.h"
#include "config/sync_address.h"

/* How far a connection has come. */
enum engine_step {
    ENGINE_CONNECTING, /* its name is looked up, and it takes the connection */
    ENGINE_TLS,
    ENGINE_SENTINEL, /* a Sentinel is asked for the engine */
    ENGINE_PASSWORD, /* its file is read: the fault has the path and the remedy */
    ENGINE_AUTHENTICATING,
    ENGINE_ROLE, /* it is asked whether it is a master */
};

/* What a fault says, printable and without a newline. */
enum { ENGINE_FAULT_SIZE = 512, ENGINE_ADDRESS_SIZE = 300 };
struct engine_fault {
    char text[ENGINE_FAULT_SIZE];
    /* Of a connection that was not made: */
    enum engine_step step;
    char address[ENGINE_ADDRESS_SIZE]; /* of the engine or Sentinel */
};

struct engine;

/* Connects to the first address of the configuration that answers and is no replica, asking its Sentinels if
 * there are any, and authenticates. Returns NULL and sets `fault` if there is none. */
struct engine *engine_connect(const struct config *config, struct engine_fault *fault);
/* The same for one address of the configuration. */
struct engine *engine_open(const struct config *config, const struct sync_address *address,
                           struct engine_fault *fault);
void engine_close(struct engine *engine); /* NULL is allowed */

/* Returns the address that the connection is to. It is valid as long as the engine. */
const char *engine_address(const struct engine *engine);
int engine_descriptor(const struct engine *engine);

/* An answer must begin to come within the first, and go on within it, and be whole within the second
 * (milliseconds). It must not be larger than the third (bytes). */
enum { ENGINE_TIMEOUT_MS = 2000, ENGINE_LONGEST_MS = 5000, ENGINE_ANSWER_MAX = 20 * 1024 * 1024 };

/* Sends one command and waits for its answer, which the caller frees with freeReplyObject(). Returns NULL and
 * sets `fault` if the connection is lost, which is closed then for all later calls, or if the engine refuses
 * the command: engine_is_lost() tells which. */
redisReply *engine_command(struct engine *engine, const struct text *words, size_t count,
                           struct engine_fault *fault);
bool engine_is_lost(const struct engine *engine);

/* --- More than one command at a time --- */

/* Adds a command to those that are sent. Returns false if memory runs out. */
bool engine_append(struct engine *engine, const struct text *words, size_t count);

/* Sends what was appended. Returns false if the connection is lost. */
bool engine_flush(struct engine *engine, struct engine_fault *fault);

/* Waits for the next answer; as engine_command(). */
redisReply *engine_answer(struct engine *engine, struct engine_fault *fault);

/* Reads what has come, without waiting. `*reply` is NULL if no answer is
 * complete. Returns false if the connection is lost. Refusals are answers here, too. */
bool engine_read(struct engine *engine, redisReply **reply, struct engine_fault *fault);

/* Returns the next answer that has been read already, NULL if there is none. */
bool engine_take(struct engine *engine, redisReply **reply, struct engine_fault *fault);

/* Waits for the events of poll() on a descriptor. Returns false if they do not come in time, with all waiting
 * since `began_ms` (by clock_monotonic_ms()). */
bool engine_wait(int descriptor, short events, double began_ms);

/* Writes what the engine says, printable, into `fault`. */
void engine_quote(struct engine_fault *fault, const char *what, const char *text, size_t length);

#endif
