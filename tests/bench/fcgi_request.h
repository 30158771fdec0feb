/* For the load generators: a request to the token endpoint, or for the check of a token, as nginx sends it,
 * in FastCGI's records, and the end of its answer. */
#ifndef FCGI_REQUEST_H
#define FCGI_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

enum { FCGI_REQUEST_SIZE = 8192 };

struct fcgi_request {
    char bytes[FCGI_REQUEST_SIZE];
    size_t length;
    size_t body; /* where it begins, or the token */
};

/* Says `what` failed and why by errno, and ends the process. */
__attribute__((noreturn)) void die(const char *what);

/* A monotonic clock, in microseconds. */
double now_us(void);

/* A POST of `body` that asks to keep the connection, or not to. Ends the process where it is too long. */
void fcgi_request_make(struct fcgi_request *request, const char *body, bool keep);

/* A GET of …/verify with the token, for the scope "read". */
void fcgi_request_make_check(struct fcgi_request *request, const char *token, bool keep);

/* Whether `size` bytes of an answer hold all of it. `*status` is what it says, 0 where it says nothing. */
bool fcgi_answer_is_whole(const char *answer, size_t size, unsigned *status);

/* A connection to the Unix socket at `path`, or a socket that listens there. They end the process on failure.
 */
int fcgi_connect(const char *path);
int fcgi_listen(const char *path, int backlog);

#endif
