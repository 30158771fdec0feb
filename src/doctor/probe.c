#include "doctor/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/json_read.h"

enum { CONNECT_SECONDS = 10, REQUEST_SECONDS = 30, BODY_LIMIT = 256 * 1024 };

/* --- The URL --- */

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text);
    const size_t tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* Takes "https://host:port/path" apart. The URL may be that of the token endpoint, too. */
static void split_url(struct probe *probe, const char *url)
{
    const char *authority = strstr(url, "://") + 3;
    const size_t origin = (size_t)(authority - url) + strcspn(authority, "/");
    snprintf(probe->origin, sizeof probe->origin, "%.*s", (int)origin, url);
    snprintf(probe->mount, sizeof probe->mount, "%s", url + origin);
    probe->is_https = strncmp(url, "https:", 6) == 0;
    size_t length = strlen(probe->mount);
    if (length > 0 && probe->mount[length - 1] == '/')
        probe->mount[--length] = '\0';
    if (ends_with(probe->mount, "/token"))
        probe->mount[length - strlen("/token")] = '\0';
}

/* A URL without a path means the path of the issuer. */
static void use_path_of_issuer(struct probe *probe)
{
    const struct config *config = probe->doctor->config;
    if (probe->mount[0] != '\0' || config == NULL)
        return;
    const char *authority = strstr(config->issuer, "://") + 3;
    const char *path = authority + strcspn(authority, "/");
    size_t length = strlen(path);
    if (length > 0 && path[length - 1] == '/')
        length--;
    snprintf(probe->mount, sizeof probe->mount, "%.*s", (int)length, path);
}

static bool read_url(struct probe *probe)
{
    const char *url = probe->doctor->url != NULL ? probe->doctor->url : probe->doctor->config->issuer;
    if (strlen(url) >= PROBE_PATH) {
        findings_add(probe->findings, STEP_CONNECTION, FINDING_ERROR, "the URL is too long");
        return false;
    }
    split_url(probe, url);
    use_path_of_issuer(probe);
    return true;
}

/* --- Answers --- */

static void take_header(const char *line, size_t length, const char *name, char out[ANSWER_TEXT])
{
    const size_t prefix = strlen(name);
    if (length <= prefix || strncasecmp(line, name, prefix) != 0)
        return;
    const struct text value = text_trim((struct text){
        line + prefix,
        strcspn(line + prefix, "\r\n") < length - prefix ? strcspn(line + prefix, "\r\n") : length - prefix});
    snprintf(out, ANSWER_TEXT, "%.*s", (int)value.length, value.data);
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    char line[2 * ANSWER_TEXT];
    const size_t length = size * count < sizeof line - 1 ? size * count : sizeof line - 1;
    memcpy(line, data, length);
    line[length] = '\0';
    take_header(line, length, "Server:", answer->server);
    take_header(line, length, "Date:", answer->date);
    take_header(line, length, "Location:", answer->location);
    return size * count;
}

/* More than any answer of token.fcgi is not kept. */
static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    if (answer->body.length + size * count <= BODY_LIMIT)
        buffer_add(&answer->body, (struct text){data, size * count});
    return size * count;
}

static void clear_answer(struct answer *answer)
{
    buffer_free(&answer->body);
    json_put_wiped(answer->json);
    *answer = (struct answer){.result = CURLE_FAILED_INIT};
}

static void copy_info(const struct probe *probe, CURLINFO info, char out[ANSWER_TEXT])
{
    const char *text = NULL;
    if (probe->curl.curl_easy_getinfo(probe->handle, info, &text) == CURLE_OK && text != NULL)
        snprintf(out, ANSWER_TEXT, "%s", text);
}

static void read_answer(struct probe *probe)
{
    struct answer *answer = &probe->answer;
    answer->received = clock_now();
    answer->kind = web_server_of(answer->server);
    probe->curl.curl_easy_getinfo(probe->handle, CURLINFO_RESPONSE_CODE, &answer->status);
    copy_info(probe, CURLINFO_LOCAL_IP, answer->local);
    copy_info(probe, CURLINFO_PRIMARY_IP, answer->remote);
    struct json_fault fault;
    if (answer->body.length > 0)
        answer->json = json_read((struct text){answer->body.data, answer->body.length}, &fault);
    if (!json_object_is_type(answer->json, json_type_object)) {
        json_put_wiped(answer->json);
        answer->json = NULL;
    }
}

/* --- Requests --- */

bool probe_init(struct probe *probe, const struct doctor *doctor, struct findings *findings)
{
    char fault[256];
    *probe = (struct probe){.doctor = doctor, .findings = findings, .is_trusted = true};
    if (!read_url(probe))
        return false;
    if (!curl_load(&probe->curl, fault, sizeof fault)) {
        findings_add(findings, STEP_CONNECTION, FINDING_ERROR, "%s", fault);
        return false;
    }
    probe->handle = probe->curl.curl_easy_init();
    if (probe->handle == NULL)
        findings_add(findings, STEP_CONNECTION, FINDING_ERROR, "the doctor cannot look: out of memory");
    return probe->handle != NULL;
}

void probe_free(struct probe *probe)
{
    clear_answer(&probe->answer);
    if (probe->handle != NULL)
        probe->curl.curl_easy_cleanup(probe->handle);
}

void probe_trust_all(struct probe *probe)
{
    probe->is_trusted = false;
    probe->curl.curl_easy_setopt(probe->handle, CURLOPT_SSL_VERIFYPEER, 0L);
    probe->curl.curl_easy_setopt(probe->handle, CURLOPT_SSL_VERIFYHOST, 0L);
}

/* A client goes the same way through proxies as its library does; this one goes straight. curl(1) and OpenSSL
 * read SSL_CERT_FILE, too. */
static void set_connection(struct probe *probe, const char *url)
{
    const __typeof__(probe->curl.curl_easy_setopt) set = probe->curl.curl_easy_setopt;
    CURL *handle = probe->handle;
    const char *authorities = getenv("SSL_CERT_FILE");
    set(handle, CURLOPT_URL, url);
    set(handle, CURLOPT_PROXY, "");
    set(handle, CURLOPT_NOSIGNAL, 1L);
    set(handle, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    set(handle, CURLOPT_TIMEOUT, (long)REQUEST_SECONDS);
    set(handle, CURLOPT_USERAGENT, "tokenctl doctor");
    set(handle, CURLOPT_CERTINFO, 1L);
    if (authorities != NULL && authorities[0] != '\0')
        set(handle, CURLOPT_CAINFO, authorities);
    set(handle, CURLOPT_ERRORBUFFER, probe->answer.fault);
    set(handle, CURLOPT_HEADERFUNCTION, on_header);
    set(handle, CURLOPT_HEADERDATA, &probe->answer);
    set(handle, CURLOPT_WRITEFUNCTION, on_body);
    set(handle, CURLOPT_WRITEDATA, &probe->answer);
}

static void set_message(struct probe *probe, const struct message *message)
{
    const __typeof__(probe->curl.curl_easy_setopt) set = probe->curl.curl_easy_setopt;
    CURL *handle = probe->handle;
    set(handle, CURLOPT_HTTPGET, 1L);
    if (message->body.data != NULL) {
        set(handle, CURLOPT_POSTFIELDSIZE, (long)message->body.length);
        set(handle, CURLOPT_POSTFIELDS, message->body.data);
    }
    set(handle, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    set(handle, CURLOPT_USERNAME, message->user);
    set(handle, CURLOPT_PASSWORD, message->password);
}

bool probe_send(struct probe *probe, const char *path, const struct message *message)
{
    char url[2 * PROBE_PATH];
    clear_answer(&probe->answer);
    snprintf(url, sizeof url, "%s%s", probe->origin, path);
    /* Without this line, a large body is sent only when the web server has asked for it. */
    struct curl_slist *headers = probe->curl.curl_slist_append(NULL, "Expect:");
    set_connection(probe, url);
    set_message(probe, message);
    probe->curl.curl_easy_setopt(probe->handle, CURLOPT_HTTPHEADER, headers);
    probe->answer.result = probe->curl.curl_easy_perform(probe->handle);
    probe->curl.curl_easy_setopt(probe->handle, CURLOPT_HTTPHEADER, NULL);
    probe->curl.curl_easy_setopt(probe->handle, CURLOPT_PASSWORD, NULL);
    probe->curl.curl_slist_free_all(headers);
    if (probe->answer.result == CURLE_OK)
        read_answer(probe);
    else if (probe->answer.fault[0] == '\0')
        snprintf(probe->answer.fault, sizeof probe->answer.fault, "%s",
                 probe->curl.curl_easy_strerror(probe->answer.result));
    return probe->answer.result == CURLE_OK;
}

bool probe_endpoint(struct probe *probe, const char *path, const struct message *message)
{
    char whole[PROBE_PATH + 64];
    snprintf(whole, sizeof whole, "%s%s", probe->mount, path);
    return probe_send(probe, whole, message);
}

const char *probe_remedy(struct probe *probe, enum web_fault fault, const char *value)
{
    return web_server_remedy(probe->answer.kind, fault, value, probe->remedy);
}

/* Not by curl_getdate(): on 32-bit processors the library may have another time_t. */
bool probe_parse_date(const char *text, int64_t *seconds)
{
    static const char *const formats[] = {"%a, %d %b %Y %T GMT", "%b %d %T %Y GMT"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct tm parts = {.tm_isdst = 0};
        const char *end = strptime(text, formats[i], &parts);
        if (end != NULL && *end == '\0') {
            *seconds = (int64_t)timegm(&parts);
            return *seconds >= 0;
        }
    }
    return false;
}

const char *probe_string(const struct probe *probe, const char *name)
{
    struct json_object *value = NULL;
    if (probe->answer.json == NULL || !json_object_object_get_ex(probe->answer.json, name, &value) ||
        !json_object_is_type(value, json_type_string))
        return "";
    return json_object_get_string(value);
}

bool probe_is_answered(const struct probe *probe)
{
    return probe_string(probe, "error")[0] != '\0' || probe_string(probe, "status")[0] != '\0';
}

bool probe_is_error(const struct probe *probe, const char *description)
{
    return strcmp(probe_string(probe, "error_description"), description) == 0;
}
