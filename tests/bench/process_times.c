/* process_times COUNT BODY -- COMMAND… [-- COMMAND…]: runs each command COUNT times in turn, BODY on its
 * standard input, its output read to the end, as a web server runs a CGI program, and prints the median of
 * the microseconds from its start to its exit, one line a command. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_request.h"

enum { MOST_COMMANDS = 8 };

struct command {
    char **arguments; /* up to a NULL */
    double *took_us;
};

/* A memfd is a file, and each process needs a place of its own in it. */
static int open_body(const char *body)
{
    const int descriptor = memfd_create("body", MFD_CLOEXEC);
    if (descriptor < 0 || write(descriptor, body, strlen(body)) < 0)
        die("body");
    return descriptor;
}

static void read_to_end(int descriptor)
{
    char bytes[65536];
    ssize_t got = 0;
    do {
        got = read(descriptor, bytes, sizeof bytes);
    } while (got > 0 || (got < 0 && errno == EINTR));
}

static double run(const struct command *command, int body)
{
    posix_spawn_file_actions_t actions;
    int answer[2];
    pid_t pid = 0;
    int status = 0;
    lseek(body, 0, SEEK_SET);
    if (pipe2(answer, O_CLOEXEC) != 0 || posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, body, STDIN_FILENO) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, answer[1], STDOUT_FILENO) != 0)
        die("process_times");
    const double began_us = now_us();
    errno = posix_spawnp(&pid, command->arguments[0], &actions, NULL, command->arguments, environ);
    if (errno != 0)
        die(command->arguments[0]);
    close(answer[1]);
    read_to_end(answer[0]);
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "%s has failed\n", command->arguments[0]);
        exit(EXIT_FAILURE);
    }
    const double took_us = now_us() - began_us;
    close(answer[0]);
    posix_spawn_file_actions_destroy(&actions);
    return took_us;
}

static int compare(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return (*x > *y) - (*x < *y);
}

/* Each "--" begins a command, and ends the one before it. */
static size_t read_commands(char **arguments, struct command *commands)
{
    size_t found = 0;
    for (; *arguments != NULL; arguments++) {
        if (strcmp(*arguments, "--") != 0)
            continue;
        *arguments = NULL;
        if (arguments[1] == NULL || found == MOST_COMMANDS)
            return 0;
        commands[found++].arguments = arguments + 1;
    }
    return found;
}

int main(int argc, char **argv)
{
    struct command commands[MOST_COMMANDS];
    const size_t count = argc > 3 ? strtoul(argv[1], NULL, 10) : 0;
    const size_t found = count > 0 ? read_commands(argv + 3, commands) : 0;
    if (found == 0)
        return 2;
    const int body = open_body(argv[2]);
    for (size_t i = 0; i < found; i++) {
        commands[i].took_us = calloc(count, sizeof *commands[i].took_us);
        if (commands[i].took_us == NULL)
            die("process_times");
    }
    for (size_t round = 0; round < count; round++) {
        for (size_t i = 0; i < found; i++)
            commands[i].took_us[round] = run(&commands[i], body);
    }
    for (size_t i = 0; i < found; i++) {
        qsort(commands[i].took_us, count, sizeof *commands[i].took_us, compare);
        printf("%.1f\n", commands[i].took_us[count / 2]);
        free(commands[i].took_us);
    }
    return 0;
}
