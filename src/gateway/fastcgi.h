/* FastCGI by libfcgi, one request at a time on a descriptor that is ready: the only room that knows libfcgi.
 */
#ifndef GATEWAY_FASTCGI_H
#define GATEWAY_FASTCGI_H

#include <stdbool.h>

#include "service/service_slot.h"

/* Once, before any thread: false where libfcgi cannot be set up. */
bool fastcgi_prepare(void);

/* What becomes of a connection behind an answer. */
enum fastcgi_end {
    FASTCGI_KEPT,   /* for another request */
    FASTCGI_DONE,   /* to be closed */
    FASTCGI_CLOSED, /* by libfcgi, which had no request from it */
};

struct fastcgi_connection {
    int descriptor; /* blocking: shutdown() ends a wait that is too long */
    struct service_slot *slot;
    bool (*is_stopping)(void *context); /* asked when the answer is made: the connection is not kept then */
    /* The request is over, and the connection the caller's again. */
    void (*ended)(void *context, enum fastcgi_end end);
    void *context;
};

/* What serves one connection. NULL: no memory. */
struct fastcgi *fastcgi_new(const struct fastcgi_connection *connection);
void fastcgi_free(struct fastcgi *fastcgi); /* between requests */

/* Reads one request from the connection, which is ready to be read, and answers it with the current snapshot,
 * or leaves it to a thread that verifies its credentials. Whoever has answered calls `ended`, once, maybe
 * before this returns: from the call on nothing of the connection is the caller's, until then. */
void fastcgi_serve(struct fastcgi *fastcgi);

#endif
