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

static bool fail(const struct config *config, int error, struct diagnostics *diagnostics)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, config->file, 0,
                    "the kernel refuses the sandbox: %s; 'sandbox = no' does without it", strerror(error));
    return false;
}

/* --- What no start can do without, tried once inside ---
 *
 * A C library that calls something else, on another processor or in another release, would fail later and in
 * another place, with words that do not name the sandbox. What fails in another way than ENOSYS is not the
 * sandbox's doing. */

static bool try_memory(void)
{
    enum { MUCH = 1 << 20 };
    void *memory = mmap(NULL, MUCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED && munmap(memory, MUCH) == 0;
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

static void *do_nothing(void *unused)
{
    return unused;
}

static bool try_threads(void)
{
    pthread_t thread;
    errno = pthread_create(&thread, NULL, do_nothing, NULL);
    return errno == 0 && pthread_join(thread, NULL) == 0;
}

static const struct {
    const char *what;
    bool (*works)(void);
} trials[] = {
    {"memory", try_memory},   {"time", try_time},       {"files", try_files},
    {"waiting", try_waiting}, {"sockets", try_sockets}, {"threads", try_threads},
};

static bool try_all(const struct config *config, struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        errno = 0;
        if (trials[i].works() || errno != ENOSYS)
            continue;
        diagnostics_add(
            diagnostics, SEVERITY_ERROR, config->file, 0,
            "the sandbox does not fit this system's C library (%s: %s; the kernel's log names the "
            "call): set 'sandbox = no'",
            trials[i].what, strerror(errno));
        return false;
    }
    return true;
}

bool sandbox_enter(const struct config *config, struct diagnostics *diagnostics)
{
    if (HAS_SANITIZER || !config->sandbox)
        return true;
    scmp_filter_ctx filter = NULL;
    int result = sandbox_filter_new(SCMP_ARCH_NATIVE, &filter);
    if (result == 0)
        result = seccomp_load(filter);
    if (filter != NULL)
        seccomp_release(filter);
    return result == 0 ? try_all(config, diagnostics) : fail(config, -result, diagnostics);
}
