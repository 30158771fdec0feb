#include "server/cgi.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "endpoint/route.h"
#include "process/privilege.h"
#include "server/cgi_env.h"

bool cgi_is_requested(void)
{
    return getenv("GATEWAY_INTERFACE") != NULL || getenv("REQUEST_METHOD") != NULL;
}

static const char *environment_variable(void *context, const char *name, size_t index)
{
    (void)context;
    return index == 0 ? getenv(name) : NULL;
}

static size_t read_standard_input(void *context, char *out, size_t size)
{
    (void)context;
    ssize_t got = 0;
    do {
        got = read(STDIN_FILENO, out, size);
    } while (got < 0 && errno == EINTR);
    return got > 0 ? (size_t)got : 0;
}

static bool write_standard_output(struct text answer)
{
    while (answer.length > 0) {
        const ssize_t written = write(STDOUT_FILENO, answer.data, answer.length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        answer.data += written;
        answer.length -= (size_t)written;
    }
    return true;
}

/* Problems of the configuration itself go to standard error, which a web server takes into its log; those of
 * what it names go to its log. An unusable line of the accounts is not told with every request. */
static struct service *load_service(const char *config_file)
{
    struct diagnostics diagnostics = {.on_message = diagnostics_to_stream, .context = stderr};
    struct config *config = config_load(config_file, &diagnostics);
    if (config == NULL || !privilege_drop(config, &diagnostics)) {
        config_release(config);
        return NULL;
    }
    struct log *log = log_open(config->log, config->log_level, config->log_format);
    if (log == NULL) {
        diagnostics_add(&diagnostics, SEVERITY_ERROR, config->log, 0, "the log cannot be opened: %s",
                        strerror(errno));
        log = log_open("stderr", config->log_level, config->log_format);
    }
    diagnostics =
        (struct diagnostics){.on_message = log_diagnostic, .context = log_hold(log), .errors_only = true};
    struct service *service = service_for_one_request(config, log, &diagnostics);
    if (service != NULL && !service_open_throttle_store(service, NULL, &diagnostics)) {
        service_release(service);
        service = NULL;
    }
    log_release(diagnostics.context);
    return service;
}

/* What a request may carry where no configuration says it: the default of max_body. */
#define MAX_BODY_WITHOUT_CONFIGURATION 16384

int cgi_serve(const char *config_file)
{
    struct service *service = load_service(config_file);
    struct gateway_request request = {.http.variable = environment_variable};
    struct request_context exchange;
    struct http_response *response = &exchange.response;

    /* A web server that has gone away is an error in writing, after which all is wiped. */
    signal(SIGPIPE, SIG_IGN);
    /* The input is read even where the answer is known: a program that exits with input unread loses its
     * answer under mod_cgid. */
    gateway_read(&request, read_standard_input,
                 service != NULL ? (size_t)service->config->max_body : MAX_BODY_WITHOUT_CONFIGURATION);
    if (service != NULL)
        route_request(&exchange, service, &request.http, (struct callback){NULL, NULL}); /* never pending */
    else
        route_failed(&request.http, response);

    struct buffer out = {0};
    const bool written = write_standard_output(http_response_render(response, &out));
    buffer_free(&out);
    http_response_clear(response);
    gateway_request_clear(&request);
    service_release(service);
    return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
