/* A request for a token, whose verification another thread may compute. */
#ifndef TOKEN_REQUEST_H
#define TOKEN_REQUEST_H

#include "endpoint/route.h"
#include "verdict_fixture.h"

/* Waits for the answer to POST `path`. The caller clears it. */
static inline struct http_response request_token(const struct service *service, const char *path,
                                                 const char *client_id, const char *secret,
                                                 const char *source)
{
    char body[256];
    snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_secret=%s", client_id,
             secret);
    struct http_request request = {
        .method = text_of("POST"),
        .path = text_of(path),
        .content_type = text_of("application/x-www-form-urlencoded"),
        .source = text_of(source),
        .body_state = HTTP_BODY_WHOLE,
        .body = body,
        .body_length = strlen(body),
    };
    struct request_context context;
    sem_t done;
    sem_init(&done, 0, 0);
    enum progress progress =
        route_request(&context, service, &request, (struct callback){post_verdict, &done});
    while (progress == PROGRESS_PENDING) {
        wait_for(&done);
        progress = route_resume(&context);
    }
    sem_destroy(&done);
    return context.response;
}

#endif
