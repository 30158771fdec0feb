#include "server/listener.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"

enum { SYSTEMD_FIRST_DESCRIPTOR = 3 };

static bool is_listening(int descriptor)
{
    int listening = 0;
    socklen_t size = sizeof listening;
    return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

bool listener_is_inherited(void)
{
    return is_listening(STDIN_FILENO);
}

static int refuse(struct diagnostics *diagnostics, const char *address, const char *what)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, address, 0, "%s", what);
    return -1;
}

static int listener_error(struct diagnostics *diagnostics, const char *address, const char *what)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, address, 0, "%s: %s", what, strerror(errno));
    return -1;
}

/* Returns how many descriptors systemd passed to this process, or -1 if LISTEN_FDS is no number. Without
 * this process's ID in LISTEN_PID, the variables were meant for a process further up. */
static long count_passed_by_systemd(void)
{
    const char *process = getenv("LISTEN_PID");
    const char *descriptors = getenv("LISTEN_FDS");
    long id = 0;
    long count = 0;
    if (process == NULL || descriptors == NULL || !text_parse_number(text_of(process), 1, INT_MAX, &id) ||
        id != getpid())
        return 0;
    return text_parse_number(text_of(descriptors), 0, INT_MAX, &count) ? count : -1;
}

bool listener_take_from_systemd(struct diagnostics *diagnostics)
{
    const char *const source = "LISTEN_FDS";
    const long count = count_passed_by_systemd();
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (count == 0)
        return true;
    if (count != 1 || listener_is_inherited())
        refuse(diagnostics, source, "one socket can be served; the socket unit must have one ListenStream=");
    else if (!is_listening(SYSTEMD_FIRST_DESCRIPTOR))
        refuse(
            diagnostics, source,
            "descriptor 3 is not a listening socket; the socket unit must have ListenStream= and Accept=no");
    else if (dup2(SYSTEMD_FIRST_DESCRIPTOR, STDIN_FILENO) < 0)
        listener_error(diagnostics, source, "descriptor 3 cannot become descriptor 0");
    else
        return close(SYSTEMD_FIRST_DESCRIPTOR) == 0;
    return false;
}

/* A path that is a socket which refuses connections is the left-over of a process that was killed. */
static bool is_left_over(const struct sockaddr_un *name)
{
    struct stat status;
    if (lstat(name->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return false;
    const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return false;
    const bool refused =
        connect(probe, (const struct sockaddr *)name, sizeof *name) != 0 && errno == ECONNREFUSED;
    close(probe);
    return refused;
}

static int bind_unix(int listener, const struct sockaddr_un *name)
{
    /* The mode comes with the name, so that there is no moment in which others may connect. */
    const mode_t old_mask = umask(0117);
    int result = bind(listener, (const struct sockaddr *)name, sizeof *name);
    if (result != 0 && errno == EADDRINUSE) {
        if (is_left_over(name) && unlink(name->sun_path) == 0)
            result = bind(listener, (const struct sockaddr *)name, sizeof *name);
        else
            errno = EADDRINUSE;
    }
    umask(old_mask);
    return result;
}

/* Before it listens, so that there is no moment in which a wrong group may connect. */
static bool give_to(const char *path, const struct identity *owner)
{
    return (owner->user == IDENTITY_NO_USER && owner->group == IDENTITY_NO_GROUP) ||
           lchown(path, owner->user, owner->group) == 0;
}

static void remember(const char *path, struct listener_path *bound)
{
    struct stat status;
    if (lstat(path, &status) == 0)
        *bound = (struct listener_path){path, status.st_dev, status.st_ino};
}

static int open_unix(const char *path, int backlog, const struct identity *owner, struct listener_path *bound,
                     struct diagnostics *diagnostics)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof name.sun_path)
        return refuse(diagnostics, path, "the socket's path is too long; a shorter one must be found");
    memcpy(name.sun_path, path, strlen(path) + 1);

    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return listener_error(diagnostics, path, "a socket cannot be made");
    if (bind_unix(listener, &name) == 0 && give_to(path, owner) && listen(listener, backlog) == 0) {
        remember(path, bound);
        return listener;
    }
    listener_error(diagnostics, path, "cannot listen here");
    close(listener);
    return -1;
}

/* Splits "host:port" or "[host]:port" in place. getaddrinfo() would take 65537 for 1. */
static bool split_host_port(char *address, char **host, char **port)
{
    long number = 0;
    char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address)
        return false;
    *colon = '\0';
    *port = colon + 1;
    if (!text_parse_number(text_of(*port), 1, 65535, &number))
        return false;
    *host = address;
    const size_t length = strlen(address);
    if (address[0] == '[' && address[length - 1] == ']') {
        address[length - 1] = '\0';
        *host = address + 1;
        return true;
    }
    return strchr(address, ':') == NULL;
}

/* Listens on the first address that can be used, as one name may have several. -1 with errno set. */
static int listen_on_any(const struct addrinfo *found, int backlog)
{
    const int on = 1;
    for (; found != NULL; found = found->ai_next) {
        const int listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (listener >= 0 && setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
            bind(listener, found->ai_addr, found->ai_addrlen) == 0 && listen(listener, backlog) == 0)
            return listener;
        const int error = errno;
        if (listener >= 0)
            close(listener);
        errno = error;
    }
    return -1;
}

static int open_internet(const char *address, int backlog, struct diagnostics *diagnostics)
{
    char *copy = strdup(address);
    char *host = NULL;
    char *port = NULL;
    if (copy == NULL || !split_host_port(copy, &host, &port)) {
        free(copy);
        return refuse(diagnostics, address,
                      "this is neither /path/to.sock nor host:port, with a port of 1 to 65535");
    }
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    const int error = getaddrinfo(host, port, &hints, &found);
    free(copy);
    if (error != 0)
        return refuse(diagnostics, address, gai_strerror(error));

    const int listener = listen_on_any(found, backlog);
    if (listener < 0)
        listener_error(diagnostics, address, "cannot listen here");
    freeaddrinfo(found);
    return listener;
}

int listener_open(const char *address, int backlog, const struct identity *owner, struct listener_path *bound,
                  struct diagnostics *diagnostics)
{
    bound->path = NULL;
    return address[0] == '/' ? open_unix(address, backlog, owner, bound, diagnostics)
                             : open_internet(address, backlog, diagnostics);
}

/* While it is open no other file gets its inode's number. */
void listener_remove(const struct listener_path *bound)
{
    struct stat status;
    if (bound->path != NULL && lstat(bound->path, &status) == 0 && status.st_dev == bound->device &&
        status.st_ino == bound->inode)
        unlink(bound->path);
}
