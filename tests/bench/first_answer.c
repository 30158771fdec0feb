/* first_answer SOCKET BODY COMMAND…: listens on SOCKET, starts the command with it, as spawn-fcgi does, and
 * sends BODY at once. Prints the milliseconds from the start to the first answer, its status, and the
 * resident memory then, and ends the command. */
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_request.h"

enum { ANSWER_SIZE = 65536 };

static pid_t start(char **arguments, int listener)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    if (posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, listener, STDIN_FILENO) != 0 ||
        posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, environ) != 0)
        die(arguments[0]);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static unsigned ask(int descriptor, const struct fcgi_request *request)
{
    static char answer[ANSWER_SIZE];
    size_t size = 0;
    ssize_t got = 0;
    unsigned status = 0;
    if (send(descriptor, request->bytes, request->length, MSG_NOSIGNAL) != (ssize_t)request->length)
        die("send");
    do {
        got = recv(descriptor, answer + size, sizeof answer - size, 0);
        size += got > 0 ? (size_t)got : 0;
    } while (got > 0 && !fcgi_answer_is_whole(answer, size, &status));
    return got > 0 ? status : 0;
}

static long resident_kib(pid_t pid)
{
    char path[64];
    char line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        die(path);
    while (kib == 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    }
    fclose(file);
    return kib;
}

int main(int argc, char **argv)
{
    struct fcgi_request request;
    if (argc < 4)
        return 2;
    const int listener = fcgi_listen(argv[1], 1024);
    fcgi_request_make(&request, argv[2], false);
    const double began_us = now_us();
    const pid_t pid = start(argv + 3, listener);
    /* Where the program ends without an answer, so does this connection. */
    const int connection = fcgi_connect(argv[1]);
    close(listener);
    const unsigned status = ask(connection, &request);
    printf("ms=%.1f status=%u rss_kib=%ld\n", (now_us() - began_us) / 1000, status, resident_kib(pid));
    close(connection);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    unlink(argv[1]);
    return status == 200 ? EXIT_SUCCESS : EXIT_FAILURE;
}
