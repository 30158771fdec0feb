/* The look-up runs in a thread, and the caller waits for it with a limit. If it is still running then, the
 * thread goes on alone, and the last of the two frees what they share. */
#include "sync/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/refcount.h"

struct look_up {
    refcount holders;
    char *host;
    pthread_mutex_t mutex; /* guards the members below */
    pthread_cond_t done;
    bool is_done;
    int error;
    struct resolved resolved;
};

static void release(struct look_up *look_up)
{
    if (!refcount_release(&look_up->holders))
        return;
    pthread_cond_destroy(&look_up->done);
    free(look_up->host);
    free(look_up);
}

static void add_address(const struct addrinfo *info, struct resolved *resolved)
{
    if (resolved->count == RESOLVE_ADDRESSES)
        return;
    if (getnameinfo(info->ai_addr, info->ai_addrlen, resolved->addresses[resolved->count], INET6_ADDRSTRLEN,
                    NULL, 0, NI_NUMERICHOST) == 0)
        resolved->count++;
}

static int find_addresses(const char *host, int flags, struct resolved *resolved)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *list = NULL;
    const int error = getaddrinfo(host, NULL, &hints, &list);
    for (const struct addrinfo *info = list; error == 0 && info != NULL; info = info->ai_next)
        add_address(info, resolved);
    if (error == 0)
        freeaddrinfo(list);
    return error == 0 && resolved->count == 0 ? EAI_NONAME : error;
}

static void *run_look_up(void *context)
{
    struct look_up *look_up = context;
    struct resolved resolved = {.count = 0};
    const int error = find_addresses(look_up->host, 0, &resolved);
    pthread_mutex_lock(&look_up->mutex);
    look_up->resolved = resolved;
    look_up->error = error;
    look_up->is_done = true;
    pthread_cond_signal(&look_up->done);
    pthread_mutex_unlock(&look_up->mutex);
    release(look_up);
    return NULL;
}

static struct look_up *new_look_up(const char *host)
{
    pthread_condattr_t attributes;
    struct look_up *look_up = calloc(1, sizeof *look_up);
    if (look_up == NULL)
        return NULL;
    look_up->host = strdup(host);
    if (look_up->host == NULL) {
        free(look_up);
        return NULL;
    }
    refcount_init(&look_up->holders);
    pthread_mutex_init(&look_up->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&look_up->done, &attributes);
    pthread_condattr_destroy(&attributes);
    return look_up;
}

/* The thread takes no signals, so that the caller gets them. */
static bool start_thread(struct look_up *look_up)
{
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    refcount_hold(&look_up->holders);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&thread, NULL, run_look_up, look_up) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        pthread_detach(thread);
    else
        release(look_up);
    return started;
}

static const char *wait_for(struct look_up *look_up, long ms, struct resolved *resolved)
{
    const struct timespec deadline = clock_monotonic_in(ms);
    int waited = 0;
    pthread_mutex_lock(&look_up->mutex);
    while (!look_up->is_done && waited == 0)
        waited = pthread_cond_timedwait(&look_up->done, &look_up->mutex, &deadline);
    const bool is_done = look_up->is_done;
    const int error = look_up->error;
    *resolved = look_up->resolved;
    pthread_mutex_unlock(&look_up->mutex);
    if (!is_done)
        return "the name is not found in time";
    return error == 0 ? NULL : gai_strerror(error);
}

const char *resolve_host(const char *host, long ms, struct resolved *resolved)
{
    *resolved = (struct resolved){.count = 0};
    if (find_addresses(host, AI_NUMERICHOST, resolved) == 0)
        return NULL;
    struct look_up *look_up = new_look_up(host);
    if (look_up == NULL)
        return "out of memory";
    const char *fault =
        start_thread(look_up) ? wait_for(look_up, ms, resolved) : "no thread can look the name up";
    /* The analyzer does not see that the thread holds a reference, too.
     * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    release(look_up);
    return fault;
}
