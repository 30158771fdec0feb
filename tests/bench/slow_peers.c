/* slow_peers SOCKET IDLE HALF UNREAD BODY: keeps so many connections idle after a request, sends so many
 * requests of BODY at a byte a second, which never end, and has so many peers that send requests and do not
 * read the answers. Prints "ready" when all are there; ends when it is killed. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_request.h"

struct peers {
    const char *path;
    struct fcgi_request request;
    int *half;
    size_t half_count;
};

static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void open_idle(const struct peers *peers)
{
    static char answer[65536];
    const int descriptor = fcgi_connect(peers->path);
    if (send(descriptor, peers->request.bytes, peers->request.length, MSG_NOSIGNAL) < 0 ||
        recv(descriptor, answer, sizeof answer, 0) <= 0)
        die("idle");
}

static void open_unread(const struct peers *peers)
{
    struct pollfd peer = {.fd = fcgi_connect(peers->path), .events = POLLOUT};
    size_t sent = 0;
    while (poll(&peer, 1, 100) > 0) {
        const ssize_t written = send(peer.fd, peers->request.bytes + sent, peers->request.length - sent,
                                     MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written > 0)
            sent = (sent + (size_t)written) % peers->request.length;
    }
}

/* One byte of each, a little later for each, so that it takes a second. Those that were dropped begin again.
 */
static void drip(struct peers *peers, size_t second)
{
    const struct timespec pause = {.tv_nsec = 1000000000L / (long)(peers->half_count + 1)};
    const char *byte = peers->request.bytes + 16 + second % 100;
    for (size_t i = 0; i < peers->half_count; i++) {
        nanosleep(&pause, NULL);
        if (send(peers->half[i], byte, 1, MSG_NOSIGNAL) == 1)
            continue;
        close(peers->half[i]);
        peers->half[i] = fcgi_connect(peers->path);
        send(peers->half[i], peers->request.bytes, 16, MSG_NOSIGNAL);
    }
}

int main(int argc, char **argv)
{
    struct peers peers = {.path = argc == 6 ? argv[1] : NULL};
    if (peers.path == NULL)
        return 2;
    raise_limit();
    fcgi_request_make(&peers.request, argv[5], true);
    peers.half_count = strtoul(argv[3], NULL, 10);
    peers.half = calloc(peers.half_count + 1, sizeof *peers.half);
    if (peers.half == NULL)
        die("calloc");
    for (unsigned long left = strtoul(argv[2], NULL, 10); left > 0; left--)
        open_idle(&peers);
    for (unsigned long left = strtoul(argv[4], NULL, 10); left > 0; left--)
        open_unread(&peers);
    for (size_t i = 0; i < peers.half_count; i++) {
        peers.half[i] = fcgi_connect(peers.path);
        if (send(peers.half[i], peers.request.bytes, 16, MSG_NOSIGNAL) != 16)
            die("half");
    }
    puts("ready");
    fflush(stdout);
    for (size_t second = 0;; second++)
        drip(&peers, second);
}
