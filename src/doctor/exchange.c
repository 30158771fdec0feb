/* The exchange with other machines: whether token-sync runs, and may reach the engine. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/config_key.h"
#include "config/sync_address.h"
#include "doctor/doctor.h"
#include "process/privilege.h"
#include "sync/engine_config.h"

enum { CONNECT_MS = 5000, REASON_SIZE = 256, NAME_SIZE = 512 };

/* --- The engine --- */

/* Returns 0, or an errno. */
static int connect_in_time(int descriptor, const struct sockaddr *address, socklen_t size)
{
    struct pollfd ready = {.fd = descriptor, .events = POLLOUT};
    int error = 0;
    socklen_t length = sizeof error;
    if (connect(descriptor, address, size) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    if (poll(&ready, 1, CONNECT_MS) != 1)
        return ETIMEDOUT;
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

static int reach(int family, const struct sockaddr *address, socklen_t size)
{
    const int descriptor = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return errno;
    const int error = connect_in_time(descriptor, address, size);
    close(descriptor);
    return error;
}

static const char *reach_path(struct text path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path.length >= sizeof address.sun_path)
        return "the path is too long";
    memcpy(address.sun_path, path.data, path.length);
    const int error = reach(AF_UNIX, (const struct sockaddr *)&address, sizeof address);
    return error == 0 ? NULL : strerror(error);
}

static const char *reach_host(const struct sync_address *where)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[NAME_SIZE];
    char port[16];
    int error = ECONNREFUSED;
    snprintf(host, sizeof host, "%.*s", (int)where->host.length, where->host.data);
    snprintf(port, sizeof port, "%ld", where->port);
    const int result = getaddrinfo(host, port, &hints, &found);
    if (result != 0)
        return gai_strerror(result);
    for (const struct addrinfo *item = found; item != NULL && error != 0; item = item->ai_next)
        error = reach(item->ai_family, item->ai_addr, item->ai_addrlen);
    freeaddrinfo(found);
    return error == 0 ? NULL : strerror(error);
}

/* One of the addresses is enough: token-sync takes the first that it reaches. */
static void check_addresses(const struct config *config, struct findings *findings)
{
    char reasons[REASON_SIZE] = "";
    struct text rest = text_of(config->sync);
    struct sync_address address;
    while (sync_address_next(&rest, &address)) {
        const char *reason = address.path.data != NULL ? reach_path(address.path) : reach_host(&address);
        if (reason == NULL) {
            findings_add(findings, STEP_SYNC, FINDING_GOOD, "sync = %s: it is reached", config->sync);
            return;
        }
        const size_t used = strlen(reasons);
        snprintf(reasons + used, sizeof reasons - used, "%s%s", used > 0 ? ", " : "", reason);
    }
    findings_add(
        findings, STEP_SYNC, FINDING_ERROR,
        "sync = %s cannot be reached: %s, so that this machine counts and revokes alone; start Redis or "
        "Valkey, correct the address, or open the firewall",
        config->sync, reasons);
}

static void look_at_engine(void *context, struct findings *findings)
{
    const struct config *config = context;
    struct finding_sink sink = {findings, STEP_SYNC};
    struct diagnostics diagnostics = findings_diagnostics(&sink, config->owner);
    struct diagnostics quiet = {.on_message = diagnostics_ignore};
    privilege_become(config, &quiet);
    engine_config_is_supported(config, &diagnostics);
    engine_password_check(config, &diagnostics);
    check_addresses(config, findings);
}

/* --- The program --- */

static bool has_program(const struct responders *responders)
{
    for (size_t i = 0; i < responders->count; i++) {
        if (responders->list[i].is_sync && responders->list[i].is_ours)
            return true;
    }
    return false;
}

/* Keys that mean nothing without `sync`. */
static void warn_of_idle_keys(const struct doctor *doctor)
{
    static const char *const names[] = {"sync_user", "sync_password_file", "sync_tls", "sync_name",
                                        "sync_wait"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct config_key *key = config_key_find(names[i]);
        if ((doctor->config->given & UINT64_C(1) << (key - config_keys)) != 0)
            findings_add(doctor->findings, STEP_SYNC, FINDING_WARNING,
                         "%s: %s has no effect without 'sync'; run: tokenctl config set sync HOST:PORT",
                         doctor->config->file, names[i]);
    }
}

void doctor_sync(struct doctor *doctor)
{
    if (doctor->config->sync == NULL) {
        warn_of_idle_keys(doctor);
        return;
    }
    if (geteuid() == 0 && !has_program(&doctor->responders))
        findings_add(doctor->findings, STEP_SYNC, FINDING_WARNING,
                     "sync = %s, but no token-sync has the configuration %s, so that this machine counts and "
                     "revokes alone; start it",
                     doctor->config->sync, doctor->config->file);
    findings_of_child(doctor->findings, STEP_SYNC, look_at_engine, doctor->config);
}
