#include "process/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "process/sandbox_rules.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

static bool sandbox_fail(const struct config *config, int error, struct diagnostics *diagnostics)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, config->file, 0,
                    "the kernel refuses the sandbox: %s; 'sandbox = no' does without it", strerror(error));
    return false;
}

/* --- Trials: what every start needs, tried once inside the sandbox ---
 *
 * A C library of another processor or release may use other system calls. Without these trials it would fail
 * later, in another place, with a message that does not mention the sandbox. An error other than ENOSYS does
 * not come from the sandbox. */

static bool try_memory(void)
{
    enum { SIZE = 1 << 20 };
    void *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED && munmap(memory, SIZE) == 0;
}

static bool try_time(void)
{
    struct timespec now;
    const struct timespec none = {.tv_nsec = 1};
    return clock_gettime(CLOCK_MONOTONIC, &now) == 0 && nanosleep(&none, NULL) == 0;
}

static bool try_files(void)
{
    struct stat status;
    const int file = open("/", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (file < 0)
        return false;
    const bool good = fstat(file, &status) == 0 && stat("/", &status) == 0 && fcntl(file, F_GETFD) >= 0;
    return close(file) == 0 && good;
}

static bool try_waiting(void)
{
    struct epoll_event event;
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        return false;
    const bool good = epoll_wait(epoll, &event, 1, 0) == 0 && poll(NULL, 0, 0) == 0;
    return close(epoll) == 0 && good;
}

static bool try_sockets(void)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    const int unconnected = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (unconnected < 0)
        return false;
    const bool good = getsockname(unconnected, (struct sockaddr *)&name, &size) == 0;
    return close(unconnected) == 0 && good;
}

static void *return_argument(void *unused)
{
    return unused;
}

static bool try_threads(void)
{
    pthread_t thread;
    errno = pthread_create(&thread, NULL, return_argument, NULL);
    return errno == 0 && pthread_join(thread, NULL) == 0;
}

static const struct {
    const char *name;
    bool (*works)(void);
} trials[] = {
    {"memory", try_memory},   {"time", try_time},       {"files", try_files},
    {"waiting", try_waiting}, {"sockets", try_sockets}, {"threads", try_threads},
};

static bool run_trials(const struct config *config, struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        errno = 0;
        if (trials[i].works() || errno != ENOSYS)
            continue;
        diagnostics_add(
            diagnostics, SEVERITY_ERROR, config->file, 0,
            "the sandbox does not fit this system's C library (%s: %s; the kernel's log names the "
            "call): set 'sandbox = no'",
            trials[i].name, strerror(errno));
        return false;
    }
    return true;
}

static bool enter(const struct config *config, enum sandbox_rules rules, struct diagnostics *diagnostics)
{
    if (HAS_SANITIZER || !config->sandbox)
        return true;
    scmp_filter_ctx filter = NULL;
    int result = sandbox_filter_new(SCMP_ARCH_NATIVE, rules, &filter);
    if (result == 0)
        result = seccomp_load(filter);
    if (filter != NULL)
        seccomp_release(filter);
    return result == 0 ? run_trials(config, diagnostics) : sandbox_fail(config, -result, diagnostics);
}

bool sandbox_enter(const struct config *config, struct diagnostics *diagnostics)
{
    return enter(config, SANDBOX_RESPONDER, diagnostics);
}

bool sandbox_enter_with_network(const struct config *config, struct diagnostics *diagnostics)
{
    return enter(config, SANDBOX_NETWORK, diagnostics);
}
