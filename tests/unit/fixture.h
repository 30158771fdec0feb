/* What the unit tests share: cmocka, a folder to work in, a report that can be read. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/diagnostics.h"

/* The system call behind clock_gettime(), for a test that has its own: a 32-bit processor has one more, of 64
 * bits. */
#ifdef SYS_clock_gettime64
#define SYSTEM_CLOCK_GETTIME SYS_clock_gettime64
#else
#define SYSTEM_CLOCK_GETTIME SYS_clock_gettime
#endif

#define ROWS(table) (sizeof(table) / sizeof *(table))

/* The initializer of a struct text from a literal, NUL bytes in it included. */
#define BYTES(literal)                                                                                       \
    {                                                                                                        \
        (literal), sizeof(literal) - 1                                                                       \
    }

/* Fails the test and names the row of its table. */
static inline void check_row(bool good, const char *what, size_t row, const char *input)
{
    if (!good)
        fail_msg("row %zu (%s): %s", row, input, what);
}

/* Group setup and teardown: the test works in a new folder, which goes away with all that is in it. The old
 * one of a test that was killed stays in $TMPDIR. */
static inline int enter_folder(void **state)
{
    static char folder[PATH_MAX];
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/unit.XXXXXX", parent != NULL ? parent : "/tmp");
    *state = mkdtemp(folder);
    return *state != NULL && chdir(folder) == 0 ? 0 : -1;
}

static inline int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline int leave_folder(void **state)
{
    if (chdir("/") != 0)
        return -1;
    return nftw(*state, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void write_bytes(const char *path, const void *data, size_t size, mode_t mode)
{
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, data, size), (ssize_t)size);
    assert_int_equal(fchmod(descriptor, mode), 0);
    close(descriptor);
}

static inline void write_text(const char *path, const char *text)
{
    write_bytes(path, text, strlen(text), 0600);
}

/* As if it had been written `seconds` ago; a negative number: in the future. */
static inline void make_older(const char *path, long seconds)
{
    const struct timespec then = {.tv_sec = time(NULL) - seconds};
    const struct timespec times[] = {then, then};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Reads at most `size` - 1 bytes and adds a NUL. */
static inline const char *read_text(const char *path, char *out, size_t size)
{
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    const ssize_t got = read(descriptor, out, size - 1);
    assert_true(got >= 0);
    close(descriptor);
    out[got] = '\0';
    return out;
}

/* Collects "error: …\n" and "warning: …\n". */
struct collected {
    struct diagnostics diagnostics;
    char text[16384];
};

static inline void collect_problem(void *context, enum severity severity, const char *message)
{
    struct collected *collected = context;
    const size_t used = strlen(collected->text);
    snprintf(collected->text + used, sizeof collected->text - used, "%s: %s\n",
             severity == SEVERITY_ERROR ? "error" : "warning", message);
}

static inline struct diagnostics *collect(struct collected *collected)
{
    collected->text[0] = '\0';
    collected->diagnostics = (struct diagnostics){.on_message = collect_problem, .context = collected};
    return &collected->diagnostics;
}

#endif
