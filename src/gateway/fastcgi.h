/* FastCGI by libfcgi, one request at a time on a descriptor that is ready: the only room that knows libfcgi.
 */
#ifndef GATEWAY_FASTCGI_H
#define GATEWAY_FASTCGI_H

#include <stdbool.h>

#include "service/service_slot.h"

/* Once, before any thread: false where libfcgi cannot be set up. */
bool fastcgi_prepare(void);

struct fastcgi_connection {
    int descriptor; /* ready to be read; blocking: shutdown() ends a wait that is too long */
    struct service_slot *slot;
    bool (*is_stopping)(void *context); /* asked when the answer is made: the connection is not kept then */
    void (*answered)(void *context);    /* called when nothing more waits for the peer */
    void *context;
};

/* Reads one request from the connection and answers it with the current snapshot. True: the connection is
 * kept for another request; false: it was closed. */
bool fastcgi_answer(const struct fastcgi_connection *connection);

#endif
