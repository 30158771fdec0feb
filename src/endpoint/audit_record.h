/* The result of a request, for its one line in the log. Never contains a secret or a token. */
#ifndef ENDPOINT_AUDIT_RECORD_H
#define ENDPOINT_AUDIT_RECORD_H

#include "http/http.h"
#include "oauth/grant.h"
#include "oauth/oauth_error.h"
#include "service/service.h"

/* The most bytes of a client_id that are logged, and of a scope. */
#define AUDIT_RECORD_CLIENT_ID_SIZE 128
#define AUDIT_RECORD_SCOPE_SIZE 256

/* What a request got that was answered as it asked. */
enum audit_success { AUDIT_ISSUED, AUDIT_PUBLISHED, AUDIT_INTROSPECTED, AUDIT_REVOKED, AUDIT_ALLOWED };

/* The token that was issued. */
struct audit_token {
    char jti[JWT_ID_SIZE]; /* empty: there is none */
    const char *kid;       /* of the service's key set */
    int64_t lifetime;      /* 0: it never expires */
    char scope[AUDIT_RECORD_SCOPE_SIZE];
    size_t scope_length; /* of the whole scope; may be more than was copied */
};

struct audit_record {
    double started_ms;
    const char *endpoint;       /* NULL: not found */
    enum audit_success success; /* if there is no error */
    enum oauth_error error;
    bool is_cancelled;
    const char *reason;                          /* for the log; NULL: granted, or the reason of the error */
    char client_id[AUDIT_RECORD_CLIENT_ID_SIZE]; /* a copy: the request is wiped before the line is written */
    size_t client_id_length;                     /* of the whole client_id; may be more than was copied */
    size_t line;                                 /* in the accounts file; 0: none */
    const char *method;                          /* hashing method, or NULL */
    const char
        *served; /* for an unknown path: the token endpoint's path, relative to the issuer's; or NULL */
    struct audit_token token;
};

void audit_record_start(struct audit_record *record);

/* Sets the error, and its reason unless there is one. */
void audit_record_set_error(struct audit_record *record, enum oauth_error error);

/* Records that the client has gone before there was a result. */
void audit_record_cancel(struct audit_record *record);

void audit_record_set_client_id(struct audit_record *record, struct text client_id);

/* Records what was granted, with a token that the key `kid` signed. */
void audit_record_set_token(struct audit_record *record, const struct grant *grant, const char *kid);

/* Counts the request in the metrics of the service, and writes the line: outcome=… reason=… client_id="…"
 * source=… line=… method=… ms=…. The outcome is published (keys and metadata) or allowed (a token is valid)
 * at level debug; issued, introspected, revoked, denied (a token is not valid, or not enough), rejected (the
 * request is malformed) or cancelled (the client has gone before there was a result) at info; refused (bad
 * credentials), throttled or deferred at warn; failed at error. For an unknown path the line also has
 * path="…" served="…": the path of the request, and that of the token endpoint; for an issued token jti=…
 * kid="…" scope="…" lifetime=…. request_id="…" is last if the web server has set one of the variables
 * REQUEST_ID and UNIQUE_ID. In a log of JSON these are members, and those without a value are left out. */
void audit_record_log(const struct audit_record *record, const struct service *service,
                      const struct http_request *request);

#endif
