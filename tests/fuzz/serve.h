/* A connection to the server, without its threads: bytes in, answers out. */
#ifndef SERVE_H
#define SERVE_H

#include "base/buffer.h"
#include "service/reload.h"

struct reload *serve_slot(void);

/* How the bytes come. */
struct serve_way {
    size_t first; /* bytes of the first piece; 0: as the others */
    size_t piece; /* bytes of the others; at least 1 */
    bool is_stopping;
    bool is_held; /* what waits for a verification goes on when all bytes have come */
};

/* Has a connection take these bytes, and then their end, and answer all that it can. What it sends goes to
 * `answers`. */
void serve(struct text wire, const struct serve_way *way, struct buffer *answers);

struct serve_answer {
    unsigned id;
    unsigned char status; /* of END_REQUEST */
    struct buffer text;   /* freed by the caller in the end */
};

/* Takes the records of one answer. False: there are no more. */
bool serve_take_answer(struct text *rest, struct serve_answer *answer);

#endif
