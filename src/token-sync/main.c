/* token-sync: parses the options, and exchanges failures and revocations until it is told to stop. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "process/descriptors.h"
#include "process/dump.h"
#include "process/privilege.h"
#include "process/sandbox.h"
#include "sync/engine_config.h"
#include "sync/sync.h"
#include "version.h"

enum { EXIT_USAGE = 2, REOPEN_MS = 1000, LONGEST_MS = 32000, MS_PER_SECOND = 1000, PATH_SIZE = 4096 };

static const char usage[] =
    "usage: token-sync [-c FILE] [--wait] [-V] [-h]\n"
    "  -c FILE  the configuration; else $TOKEN_CONF, else " SYSCONFDIR "/token/token.conf\n"
    "  --wait   learn all revocations of other machines, for at most sync_wait seconds, and exit\n"
    "  -V       print the version\n"
    "  -h       print this\n"
    "Exchanges failures and revocations with other machines through Redis or Valkey. See token-sync(8).\n";

struct options {
    const char *config;
    bool wait;
};

/* What the process has while it runs. */
struct process {
    struct config *config;
    struct log *log;
    int signals;
    int lock;
};

/* --- Messages --- */

/* An on_message function. The log may be a file that nobody looks at when the program does not start. */
static void report_diagnostic(void *context, enum severity severity, const char *message)
{
    const struct process *process = context;
    if (process->log != NULL)
        log_diagnostic(process->log, severity, message);
    if (process->log == NULL || strcmp(process->config->log, "stderr") != 0)
        diagnostics_to_stream(stderr, severity, message);
}

static struct diagnostics diagnostics_of(struct process *process)
{
    return (struct diagnostics){.on_message = report_diagnostic, .context = process};
}

/* --- The start --- */

/* Waits for them with a descriptor, which poll() takes. */
static bool take_signals(struct process *process)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    process->signals =
        sigprocmask(SIG_BLOCK, &set, NULL) == 0 ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
    return process->signals >= 0;
}

static void add_process_error(struct process *process, const char *file, const char *what)
{
    struct diagnostics diagnostics = diagnostics_of(process);
    diagnostics_add(&diagnostics, SEVERITY_ERROR, file, 0, "%s", what);
}

static bool load_process(struct process *process, const char *file)
{
    struct diagnostics diagnostics = {.on_message = diagnostics_to_stream, .context = stderr};
    process->config = config_load(file, &diagnostics);
    if (process->config == NULL)
        return false;
    if (process->config->sync == NULL) {
        add_process_error(process, file,
                          "'sync' is not set, so there is nothing to exchange with: see token.conf(5)");
        return false;
    }
    return true;
}

static bool open_process_log(struct process *process)
{
    const struct config *config = process->config;
    process->log = log_open(config->log, config->log_level, config->log_format);
    if (process->log == NULL)
        fprintf(stderr, "token-sync: the log %s cannot be opened: %s\n", config->log, strerror(errno));
    return process->log != NULL;
}

/* The user of the configuration, and the system calls that are needed from now on. */
static bool confine(struct process *process)
{
    struct diagnostics diagnostics = diagnostics_of(process);
    if (!privilege_drop(process->config, &diagnostics) || !open_process_log(process))
        return false;
    privilege_warn(process->config, &diagnostics);
    sync_prepare(process->config);
    return sandbox_enter_with_network(process->config, &diagnostics);
}

/* One process sends what a state folder has. */
static bool lock_state(struct process *process)
{
    char path[PATH_SIZE];
    const char *folder = process->config->state;
    snprintf(path, sizeof path, "%s/token-sync.lock", folder);
    process->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (process->lock >= 0 && flock(process->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (process->lock >= 0 && errno == EWOULDBLOCK)
        add_process_error(process, folder, "another token-sync is running for this state folder");
    else
        add_process_error(process, path, strerror(errno));
    return false;
}

/* --- Running --- */

/* Errors keep what was loaded. */
static void reload(struct process *process)
{
    struct diagnostics diagnostics = {.on_message = log_diagnostic, .context = process->log};
    struct config *config = config_load(process->config->file, &diagnostics);
    if (config != NULL && config->sync == NULL)
        add_process_error(process, config->file,
                          "'sync' is not set any more: the old configuration stays in force");
    const bool is_usable = config != NULL && config->sync != NULL &&
                           strcmp(config->state, process->config->state) == 0 &&
                           engine_config_is_supported(config, &diagnostics);
    if (config != NULL && config->sync != NULL && strcmp(config->state, process->config->state) != 0)
        add_process_error(process, config->file,
                          "another 'state' needs a restart: the old configuration stays in force");
    if (is_usable) {
        config_release(process->config);
        process->config = config;
    } else
        config_release(config);
    struct log *log = log_open(process->config->log, process->config->log_level, process->config->log_format);
    if (log != NULL) {
        log_release(process->log);
        process->log = log;
    }
    log_write(process->log, is_usable ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "sync: the configuration was %s",
              is_usable ? "loaded again" : "not loaded");
}

/* Returns a signal that has come within that time, or 0. */
static int next_signal(const struct process *process, int ms)
{
    struct pollfd polled = {.fd = process->signals, .events = POLLIN};
    struct signalfd_siginfo signal;
    if (poll(&polled, 1, ms) > 0 && read(process->signals, &signal, sizeof signal) == sizeof signal)
        return (int)signal.ssi_signo;
    return 0;
}

static int exchange_messages(struct process *process)
{
    struct diagnostics diagnostics = diagnostics_of(process);
    bool has_run = false;
    int pause_ms = REOPEN_MS;
    for (;;) {
        enum sync_end end = SYNC_REOPEN;
        struct sync *sync = sync_new(process->config, process->log, &diagnostics);
        if (sync == NULL && !has_run)
            return EXIT_FAILURE;
        pause_ms = sync != NULL ? REOPEN_MS : pause_ms * 2 < LONGEST_MS ? pause_ms * 2 : LONGEST_MS;
        if (sync != NULL)
            end = sync_run(sync, process->signals);
        has_run = true;
        sync_free(sync);
        if (end == SYNC_REOPEN) {
            const int signal = next_signal(process, pause_ms);
            end = signal == SIGHUP ? SYNC_RELOAD : signal != 0 ? SYNC_STOP : SYNC_REOPEN;
        }
        if (end == SYNC_STOP)
            return EXIT_SUCCESS;
        if (end == SYNC_RELOAD)
            reload(process);
    }
}

static int catch_up(struct process *process)
{
    struct diagnostics diagnostics = diagnostics_of(process);
    struct sync *sync = sync_new(process->config, process->log, &diagnostics);
    const bool good = sync != NULL && sync_catch_up(sync, process->config->sync_wait * MS_PER_SECOND);
    sync_free(sync);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_token_sync(const struct options *options)
{
    struct process process = {.signals = -1, .lock = -1};
    int status = EXIT_FAILURE;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (!options->wait && !take_signals(&process))
        fprintf(stderr, "token-sync: signals cannot be taken: %s\n", strerror(errno));
    else if (!load_process(&process, options->config) || !confine(&process))
        ;
    else if (options->wait)
        status = catch_up(&process);
    else if (lock_state(&process))
        status = exchange_messages(&process);
    if (process.lock >= 0)
        close(process.lock);
    if (process.signals >= 0)
        close(process.signals);
    log_release(process.log);
    config_release(process.config);
    return status;
}

/* Returns false if the program ends here, with `*status`. */
static bool read_arguments(int argc, char **argv, struct options *options, int *status)
{
    static const struct option names[] = {
        {"wait", no_argument, NULL, 'w'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int option = 0;
    *status = EXIT_SUCCESS;
    while ((option = getopt_long(argc, argv, "c:Vh", names, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config = optarg;
            break;
        case 'w':
            options->wait = true;
            break;
        case 'V':
            puts("token-sync " TOKEN_VERSION);
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
    fprintf(stderr, "token-sync: no argument is expected: %s\n%s", argv[optind], usage);
    *status = EXIT_USAGE;
    return false;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    int status = EXIT_SUCCESS;
    if (!sanitise_stdfd())
        return EXIT_FAILURE;
    if (!read_arguments(argc, argv, &options, &status))
        return status;
    options.config = config_path(options.config);
    if (!dump_forbid()) {
        fprintf(stderr, "token-sync: core dumps cannot be forbidden: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    return run_token_sync(&options);
}
