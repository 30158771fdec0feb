/* token.fcgi: parses the options, and starts the server as FastCGI or CGI. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/descriptors.h"
#include "process/dump.h"
#include "process/privilege.h"
#include "process/sandbox.h"
#include "server/cgi.h"
#include "server/listener.h"
#include "server/server.h"
#include "version.h"

#define EXIT_USAGE 2

static const char usage[] =
    "usage: token.fcgi [-c FILE] [-l ADDRESS] [-t] [-V] [-h]\n"
    "  -c FILE     the configuration; else $TOKEN_CONF, else " SYSCONFDIR "/token/token.conf\n"
    "  -l ADDRESS  listen on /path/to.sock or host:port when no socket was passed in\n"
    "  -t          check configuration, accounts and keys, and exit\n"
    "  -V          print the version\n"
    "  -h          print this\n"
    "A web server starts it as FastCGI (descriptor 0 is a listening socket) or as CGI; systemd passes a "
    "socket as\n"
    "descriptor 0 or in LISTEN_FDS. See token.fcgi(8).\n";

struct options {
    const char *config;
    const char *address;
    bool check;
};

/* Drops root's rights, then loads everything as each reload will, so that files which the user may not
 * read are reported now. Returns NULL if an error was reported. */
static struct service *start_service(const struct config *config, struct diagnostics *diagnostics)
{
    struct service *service = privilege_drop(config, diagnostics) ? service_start(config->file) : NULL;
    if (service == NULL)
        return NULL;
    struct diagnostics to_log = {.on_message = log_diagnostic, .context = service->log};
    privilege_warn(service->config, &to_log);
    if (sandbox_enter(service->config, diagnostics))
        return service;
    service_release(service);
    return NULL;
}

static int serve(const struct config *config, const char *address, struct diagnostics *diagnostics)
{
    struct listener_path bound = {0};
    const struct identity owner = privilege_owner(config);
    const int listener = address != NULL
                             ? listener_open(address, (int)config->backlog, &owner, &bound, diagnostics)
                             : STDIN_FILENO;
    if (listener < 0)
        return EXIT_FAILURE;
    struct service *service = start_service(config, diagnostics);
    if (service != NULL)
        return server_run(listener, &bound, service);
    listener_remove(&bound);
    return EXIT_FAILURE;
}

static int serve_fastcgi(const struct options *options)
{
    server_block_signals();
    descriptors_allow_all();
    /* The configuration is loaded twice; its warnings are reported the second time. */
    struct diagnostics quiet_diagnostics = {
        .on_message = diagnostics_to_stream, .context = stderr, .errors_only = true};
    struct diagnostics diagnostics = {.on_message = diagnostics_to_stream, .context = stderr};
    struct config *config = config_load(options->config, &quiet_diagnostics);
    if (config == NULL)
        return EXIT_FAILURE;
    const int status = serve(config, listener_is_inherited() ? NULL : options->address, &diagnostics);
    config_release(config);
    return status;
}

/* Returns false if the program ends here, with `*status`. */
static bool read_options(int argc, char **argv, struct options *options, int *status)
{
    static const struct option names[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int option = 0;
    *status = EXIT_SUCCESS;
    while ((option = getopt_long(argc, argv, "c:l:tVh", names, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config = optarg;
            break;
        case 'l':
            options->address = optarg;
            break;
        case 't':
            options->check = true;
            break;
        case 'V':
            puts("token.fcgi " TOKEN_VERSION);
            return false;
        case 'h':
            fputs(usage, stdout);
            return false;
        default:
            fputs(usage, stderr);
            *status = EXIT_USAGE;
            return false;
        }
    }
    if (optind == argc)
        return true;
    fprintf(stderr, "token.fcgi: no argument is expected: %s\n%s", argv[optind], usage);
    *status = EXIT_USAGE;
    return false;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    int status = EXIT_SUCCESS;
    /* Writing to a file that has reached its size limit is an ordinary error, EFBIG. */
    signal(SIGXFSZ, SIG_IGN);
    if (!sanitise_stdfd())
        return EXIT_FAILURE;
    /* Apache makes arguments of a CGI program out of the query (RFC 3875 §4.4): anyone can send them. */
    const bool is_cgi = cgi_is_requested() && !listener_is_inherited();
    if (!is_cgi && !read_options(argc, argv, &options, &status))
        return status;
    options.config = config_path(options.config);
    if (!dump_forbid()) {
        fprintf(stderr, "token.fcgi: core dumps cannot be forbidden: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }

    if (is_cgi)
        return cgi_serve(options.config);
    if (options.check)
        return service_check(options.config) ? EXIT_SUCCESS : EXIT_FAILURE;
    struct diagnostics diagnostics = {.on_message = diagnostics_to_stream, .context = stderr};
    if (!listener_take_from_systemd(&diagnostics))
        return EXIT_FAILURE;
    if (listener_is_inherited() || options.address != NULL)
        return serve_fastcgi(&options);
    fprintf(stderr,
            "token.fcgi: no socket was passed in and this is no CGI request; give -l ADDRESS to listen\n%s",
            usage);
    return EXIT_USAGE;
}
