/* FastCGI framing (FastCGI 1.0 §3 to §5): the bytes of one connection in, events out. It knows no socket and
 * no thread. */
#ifndef SERVER_RECORD_H
#define SERVER_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "server/record_write.h"

enum {
    RECORD_PARAMETERS_MAX = 128 * 1024, /* bytes of parameters that a request may have */
    RECORD_REQUESTS_MAX = 256,          /* requests that a connection may have open at once */
};

enum record_phase { RECORD_IN_PARAMETERS, RECORD_IN_BODY, RECORD_WHOLE };

struct fastcgi;

/* Why a request is refused without a look at what it asks for. */
enum record_fault { RECORD_NO_FAULT, RECORD_PARAMETERS_TOO_LARGE, RECORD_PARAMETER_HOLDS_NUL };

/* A request that a peer has begun. */
struct record_request {
    struct record_request *next;
    unsigned id; /* 0: it was aborted, and its END_REQUEST is written */
    unsigned role;
    bool keeps_connection; /* FCGI_KEEP_CONN */
    bool is_cut_off;       /* its body passed the cap: what follows on the connection must not be read */
    bool has_input_left;   /* it was whole before its end of STDIN */
    enum record_phase phase;
    enum record_fault fault;
    double begun_ms; /* when its first byte came */
    char *data;      /* the parameters, then the body */
    size_t length;
    size_t capacity;
    size_t parameters;      /* bytes of them */
    size_t parameter_count; /* of those that are passed on */
    size_t body;            /* bytes that came, of which max_body + 1 at most are kept */

    /* For the caller that answers it. */
    void *connection;
    struct fastcgi *fastcgi;
    struct record_request *next_resumed;
};

/* Where a connection stands between two bytes. Begins as {0}. */
struct record_reader {
    size_t max_body; /* may be changed at any time, as the next may be */
    double now_ms;   /* what the clock shows when the bytes come */

    /* Its own. */
    struct record_request *requests; /* that are open, the oldest first */
    size_t request_count;
    struct record_request *current; /* the one that takes the content of this record; NULL: it is skipped */
    double record_ms;               /* when its first byte came */
    unsigned char header[8];
    size_t header_length; /* 0: between two records */
    size_t content_left;
    size_t padding_left;
    unsigned char begin[8];        /* content of BEGIN_REQUEST */
    struct record_request *values; /* content of GET_VALUES, in `data` */
};

enum record_event {
    RECORD_MORE,          /* all bytes are taken */
    RECORD_REQUEST,       /* `request` is whole; it stays until record_end(), and others may have its id */
    RECORD_ABORT,         /* the peer wants no answer to `request`, whole or not */
    RECORD_REPLY,         /* `reply` is to be sent */
    RECORD_MALFORMED,     /* this is not FastCGI: the connection must be closed */
    RECORD_OUT_OF_MEMORY, /* the connection must be closed */
};

struct record_message {
    struct record_request *request;
    char reply[RECORD_REPLY_MAX];
    size_t reply_length;
};

/* Takes bytes off the front of `input` up to the next event. */
enum record_event record_read(struct record_reader *reader, struct text *input,
                              struct record_message *message);

/* Closes a request, and wipes and frees it. */
void record_end(struct record_reader *reader, struct record_request *request);

/* Since when something that has come is not finished: the oldest request, or the record at hand. 0: nothing
 * is. */
double record_unfinished_since(const struct record_reader *reader);

/* Bytes of memory that the requests and the record at hand take. */
size_t record_reader_size(const struct record_reader *reader);

/* Drops the record at hand; the requests that are open stay. */
void record_reader_clear(struct record_reader *reader);

/* Takes the first name-value pair (§3.4) off `rest`, which is not empty; `name` and `value` point into it.
 * Returns false if a length reaches beyond the end. */
bool record_take_pair(struct text *rest, struct text *name, struct text *value);

#endif
