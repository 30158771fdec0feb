/* Requests to the web server, one at a time, on one kept connection, and what it answers. */
#ifndef DOCTOR_PROBE_H
#define DOCTOR_PROBE_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "doctor/curl.h"
#include "doctor/doctor.h"
#include "doctor/web_server.h"

enum { ANSWER_TEXT = 256, PROBE_PATH = 1024 };

struct answer {
    CURLcode result; /* the members below are meaningful if it is CURLE_OK */
    char fault[CURL_ERROR_SIZE];
    long status;
    char server[ANSWER_TEXT]; /* header lines; "": absent */
    char date[ANSWER_TEXT];
    char location[ANSWER_TEXT];
    char local[ANSWER_TEXT]; /* the addresses of the connection */
    char remote[ANSWER_TEXT];
    int64_t received; /* when, in seconds */
    enum web_server_kind kind;
    struct buffer body;
    struct json_object *json; /* NULL: the body is not a JSON object */
};

struct probe {
    struct curl curl;
    CURL *handle;
    const struct doctor *doctor;
    struct findings *findings;
    char origin[PROBE_PATH]; /* "https://api.example.com:8443" */
    char mount[PROBE_PATH];  /* "/apiops/auth", or "" */
    bool is_https;
    bool is_trusted;      /* the certificate was verified, or there is none; if not, no secret is sent */
    struct answer answer; /* the last */
    char remedy[WEB_REMEDY_SIZE];
};

/* A request with a body is a POST of a form. */
struct message {
    struct text body; /* absent: GET */
    const char *user; /* NULL: no Authorization; else that of HTTP Basic */
    const char *password;
};

/* Loads libcurl and takes the URL apart. Returns false after adding a finding. The caller frees it with
 * probe_free(), whatever the result. */
bool probe_init(struct probe *probe, const struct doctor *doctor, struct findings *findings);
void probe_free(struct probe *probe);

/* Sends a request for `path`, which follows the origin, and replaces `answer`. Returns whether there is one.
 */
bool probe_send(struct probe *probe, const char *path, const struct message *message);
/* The same, for `path` below the mount. */
bool probe_endpoint(struct probe *probe, const char *path, const struct message *message);

/* Do not verify certificates from now on: what comes behind them can be looked at all the same. */
void probe_trust_all(struct probe *probe);

/* Returns what mends a fault in the web server that gave the last answer. `value` is that of
 * web_server_remedy(). The text is overwritten by the next call. */
const char *probe_remedy(struct probe *probe, enum web_fault fault, const char *value);

/* Parses the date of an answer (RFC 9110 §5.6.7), or of a certificate as libcurl shows it. */
bool probe_parse_date(const char *text, int64_t *seconds);

/* Returns a member of the answer that is a string, "" if there is none. It lives as long as the answer. */
const char *probe_string(const struct probe *probe, const char *name);

/* Returns whether the answer is one of token.fcgi: JSON with `error` or `status`. */
bool probe_is_answered(const struct probe *probe);

/* Returns whether the answer is an error of token.fcgi with this description. */
bool probe_is_error(const struct probe *probe, const char *description);

#endif
