/* A library to be loaded before all others: when the program ends it looks for a text in all of its memory
 * that can be written, says where it is, and ends the program with status 99. The text is in the environment,
 * from back to front, so that it is found only where the program has put it. Status 97: there could be a core
 * dump.
 *
 *     LD_PRELOAD=…/left_at_exit.so TEXT_REVERSED=…
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int is_here(const char *bytes, const char *reversed, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != reversed[length - 1 - i])
            return 0;
    }
    return 1;
}

static void search(const char *line, const char *reversed)
{
    char *rest;
    const size_t length = strlen(reversed);
    const char *at =
        (const char *)(uintptr_t)strtoull(line, &rest, 16); /* NOLINT(performance-no-int-to-ptr) */
    const char *end =
        (const char *)(uintptr_t)strtoull(rest + 1, &rest, 16); /* NOLINT(performance-no-int-to-ptr) */
    if (strncmp(rest, " rw", 3) != 0)
        return;
    for (; at + length <= end; at++) {
        if (is_here(at, reversed, length)) {
            fprintf(stderr, "the text is left in %.*s\n", (int)strcspn(line, "\n"), line);
            _exit(99);
        }
    }
}

/* Without stdio and buffers of its own on the stack: what a function has left there is overwritten soon. */
__attribute__((destructor)) static void look(void)
{
    static char maps[256 * 1024];
    const char *reversed = getenv("TEXT_REVERSED");
    const int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t got = 1;
    while (file >= 0 && got > 0 && length < sizeof maps - 1) {
        got = read(file, maps + length, sizeof maps - 1 - length);
        length += got > 0 ? (size_t)got : 0;
    }
    if (reversed == NULL || length == 0)
        _exit(98);
    if (prctl(PR_GET_DUMPABLE) != 0) {
        fputs("the program can be dumped\n", stderr);
        _exit(97);
    }
    for (char *line = maps; line != NULL && *line != '\0';) {
        char *newline = strchr(line, '\n');
        search(line, reversed);
        line = newline != NULL ? newline + 1 : NULL;
    }
    close(file);
}
