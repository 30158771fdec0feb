/* What was decided on a request, for the one line that the log gets of it. Never a secret, never a token. */
#ifndef ENDPOINT_AUDIT_RECORD_H
#define ENDPOINT_AUDIT_RECORD_H

#include "http/http.h"
#include "oauth/oauth_error.h"
#include "service/service.h"

/* A client_id is logged to this many bytes. */
#define AUDIT_RECORD_CLIENT_ID_SIZE 128

struct audit_record {
    double started_ms;
    enum oauth_error error;
    const char *reason; /* in the log's words; NULL: granted, or as the error has it */
    char client_id[AUDIT_RECORD_CLIENT_ID_SIZE]; /* copied: the request's own is wiped before the log is
                                                    written */
    size_t client_id_length;                     /* as given; may be more than was copied */
    size_t line;                                 /* of the accounts file; 0: none */
    const char *method;                          /* of the hash, or NULL */
    const char
        *served; /* of a request for another path: the token endpoint's, below the issuer's path; or NULL */
};

void audit_record_start(struct audit_record *record);

/* Decides on an error: fills the answer too. */
void audit_record_refuse(struct audit_record *record, const struct service *service, enum oauth_error error,
                         struct http_response *response);

/* Nobody waits for the answer any more, and nothing was decided. */
void audit_record_cancel(struct audit_record *record);

void audit_record_set_client_id(struct audit_record *record, struct text client_id);

/* outcome=issued|refused|throttled|rejected|deferred|failed|cancelled reason=… client_id="…" source=… line=…
 * method=… ms=…; issued and rejected (a request that is not well made) at level info, refused (credentials),
 * throttled and deferred at warn, failed at error, cancelled (the client was gone before anything was
 * decided) at info. With an unknown path also path="…" served="…": the path that came, and the token
 * endpoint's.
 */
void audit_record_log(const struct audit_record *record, const struct service *service,
                      const struct http_request *request);

#endif
