/* Requests in flight. libfcgi decodes each one from memory and encodes its answer into memory: this is the
 * only file that knows it. */
#ifndef SERVER_FASTCGI_H
#define SERVER_FASTCGI_H

#include <stdbool.h>

#include "server/record.h"
#include "service/service.h"

struct fastcgi;

/* Once, before any thread. False: libfcgi cannot be set up. */
bool fastcgi_prepare(void);

/* Decodes a whole request and begins to answer it with `service`, of which it takes a hold. The body is
 * decoded in place: `request` must outlive it. NULL: no memory. Where it is pending then, `resume(context)`
 * is called once, in any thread and maybe before this returns. */
struct fastcgi *fastcgi_start(const struct record_request *request, struct service *service,
                              void (*resume)(void *context), void *context);
/* After that call. It may be pending again. */
void fastcgi_resume(struct fastcgi *fastcgi);
bool fastcgi_is_pending(const struct fastcgi *fastcgi);
/* Of a pending one. False: it cannot be stopped any more, and `resume` is called. True: it is not. */
bool fastcgi_cancel(struct fastcgi *fastcgi);

/* Adds the answer of one that is not pending to `out`, as records. False: no memory. */
bool fastcgi_answer(struct fastcgi *fastcgi, struct buffer *out);

/* Of one that is not pending, or that was cancelled. */
void fastcgi_free(struct fastcgi *fastcgi);

/* Bytes that one takes, about. */
size_t fastcgi_size(const struct fastcgi *fastcgi);

#endif
