#include "endpoint/request_log.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { FIELD_SIZE = 160, NAMES_SIZE = 256 };

/* RFC 6749, 7521, 7662, 8693 and 8707. */
static const char *const known_names[] = {
    "grant_type",
    "client_id",
    "client_secret",
    "scope",
    "resource",
    "audience",
    "client_assertion",
    "client_assertion_type",
    "assertion",
    "code",
    "redirect_uri",
    "refresh_token",
    "username",
    "password",
    "token",
    "token_type_hint",
};
enum { KNOWN_COUNT = sizeof known_names / sizeof *known_names };

/* The known names present, and the number of other ones. */
struct names {
    bool has[KNOWN_COUNT];
    size_t others;
};

static void find_names(struct text form, struct names *names)
{
    *names = (struct names){.others = 0};
    while (form.data != NULL && form.length > 0) {
        struct text parameter = text_split(&form, '&');
        const struct text name = text_split(&parameter, '=');
        size_t i = 0;
        while (i < KNOWN_COUNT && !text_is(name, known_names[i]))
            i++;
        if (i < KNOWN_COUNT)
            names->has[i] = true;
        else
            names->others++;
    }
}

static bool has_name(const struct names *names, const char *name)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (strcmp(known_names[i], name) == 0)
            return names->has[i];
    }
    return false;
}

/* "grant_type,client_id,2_others", or "-". All known names together are shorter than NAMES_SIZE. */
static void write_names(const struct names *names, char out[NAMES_SIZE])
{
    char *to = out;
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (names->has[i])
            to = stpcpy(stpcpy(to, to == out ? "" : ","), known_names[i]);
    }
    if (names->others > 0)
        snprintf(to, (size_t)(out + NAMES_SIZE - to), "%s%zu_others", to == out ? "" : ",", names->others);
    else if (to == out)
        stpcpy(out, "-");
}

static bool has_scheme(struct text authorization, const char *scheme)
{
    const size_t length = strlen(scheme);
    return authorization.length >= length && strncasecmp(authorization.data, scheme, length) == 0;
}

/* The method of client authentication by its registered name (RFC 7591 §2), or "bearer" for a token. */
static const char *auth_method(struct text authorization, const struct names *body)
{
    const bool in_body = has_name(body, "client_secret");
    if (authorization.data == NULL)
        return in_body ? "client_secret_post" : "none";
    if (has_scheme(authorization, "Bearer") && !in_body)
        return "bearer";
    if (!has_scheme(authorization, "Basic"))
        return in_body ? "client_secret_post+other_scheme" : "other_scheme";
    return in_body ? "client_secret_basic+client_secret_post" : "client_secret_basic";
}

static const char *quote(struct text value, char out[FIELD_SIZE])
{
    return value.data != NULL ? log_quote(out, FIELD_SIZE, value.data, value.length) : "-";
}

void request_log(const struct service *service, const struct http_request *request)
{
    struct names body;
    struct names url;
    char fields[4][FIELD_SIZE];
    char body_names[NAMES_SIZE];
    char url_names[NAMES_SIZE];
    if (!log_wants(service->log, LOG_LEVEL_DEBUG))
        return;
    find_names((struct text){request->body, request->body_length}, &body);
    find_names(request->query, &url);
    write_names(&body, body_names);
    write_names(&url, url_names);
    log_write(service->log, LOG_LEVEL_DEBUG,
              "request method=%s path=%s content_type=%s length=%zu source=%s parameters=%s "
              "url_parameters=%s auth=%s",
              quote(request->method, fields[0]), quote(request->path, fields[1]),
              quote(request->content_type, fields[2]), request->body_length,
              quote(request->source, fields[3]), body_names, url_names,
              auth_method(request->authorization, &body));
}
