#include "base/log_output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/syslog_socket.h"

/* --- Opening and closing --- */

/* Standard error is shared with other programs, and O_NONBLOCK on it would apply to all of them. Opening it a
 * second time gives a description of our own. -1: not possible (there is no /proc, or the pipe belongs to
 * another user). */
static int open_own_description(void)
{
    return open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

struct log_output log_output_descriptor(int descriptor)
{
    struct log_output output = {.descriptor = descriptor, .is_ours = descriptor != STDERR_FILENO};
    struct stat status;
    if (fstat(descriptor, &status) == 0) {
        output.is_file = S_ISREG(status.st_mode);
        output.is_socket = S_ISSOCK(status.st_mode);
    }
    if (output.is_file || output.is_socket)
        return output;
    const int own = descriptor == STDERR_FILENO ? open_own_description() : -1;
    if (own >= 0) {
        output.descriptor = own;
        output.is_ours = true;
    }
    output.may_wait = (fcntl(output.descriptor, F_GETFL) & O_NONBLOCK) == 0;
    return output;
}

struct log_output log_output_syslog(const char *path)
{
    return (struct log_output){.descriptor = -1, .is_ours = true, .syslog = path};
}

void log_output_close(struct log_output *output)
{
    if (output->is_ours && output->descriptor >= 0)
        close(output->descriptor);
    output->descriptor = -1;
}

/* --- Files, pipes, sockets --- */

static long count_newlines(const char *lines, size_t length)
{
    long count = 0;
    for (size_t i = 0; i < length; i++)
        count += lines[i] == '\n' ? 1 : 0;
    return count;
}

/* As many whole lines as fit into `limit` bytes. */
static size_t fit_lines(const char *lines, size_t length, size_t limit)
{
    if (length <= limit)
        return length;
    const char *newline = memrchr(lines, '\n', limit);
    return newline != NULL ? (size_t)(newline - lines) + 1 : limit;
}

static bool is_ready(int descriptor, int ms)
{
    struct pollfd reader = {.fd = descriptor, .events = POLLOUT};
    return poll(&reader, 1, ms) != 0;
}

/* -1 with errno set. */
static ssize_t write_parts(const struct log_output *output, struct iovec *parts, size_t count)
{
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    if (output->may_wait && !is_ready(output->descriptor, 0)) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t written;
    do
        written = output->is_socket ? sendmsg(output->descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL)
                                    : writev(output->descriptor, parts, (int)count);
    while (written < 0 && errno == EINTR);
    return written;
}

/* One write, so that the lines of processes that share a file stay whole. If a full disk cut the last line
 * short, that line gets an end first. Truncating it instead might remove a line that another process
 * appended. */
static size_t write_descriptor(struct log_output *output, const char *lines, size_t length, long *dropped)
{
    const size_t size = output->is_file ? length : fit_lines(lines, length, LOG_OUTPUT_LINE);
    const size_t newline = output->is_cut ? 1 : 0;
    struct iovec parts[] = {{(char *)"\n", 1}, {(char *)lines, size}};
    const ssize_t written = write_parts(output, parts + 1 - newline, 1 + newline);
    if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (written <= 0) {
        *dropped += count_newlines(lines, size);
        return size;
    }
    const size_t done = (size_t)written - newline;
    if (!output->is_file)
        return done; /* a socket takes the rest later */
    output->is_cut = done > 0 && lines[done - 1] != '\n';
    *dropped += count_newlines(lines + done, size - done);
    return size;
}

/* --- Syslog --- */

/* Returns 1: sent, 0: the daemon takes nothing now, -1: the connection is broken. */
static int send_message(const struct log_output *output, const char *line, size_t length)
{
    /* On a stream a NUL ends a message. */
    struct iovec parts[] = {{(char *)line, length}, {(char *)"", 1}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = output->is_stream ? 2 : 1};
    const size_t size = length + (output->is_stream ? 1 : 0);
    ssize_t sent;
    do
        sent = sendmsg(output->descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    return sent == (ssize_t)size ? 1 : -1;
}

/* If the daemon was restarted, the old connection fails and a new one works. While there is no daemon, the
 * lines wait. */
static size_t write_syslog(struct log_output *output, const char *lines, size_t length)
{
    const char *newline = memchr(lines, '\n', length);
    const size_t size = newline != NULL ? (size_t)(newline - lines) : length;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (output->descriptor < 0)
            output->descriptor = syslog_connect(output->syslog, &output->is_stream);
        const int result = output->descriptor >= 0 ? send_message(output, lines, size) : 0;
        if (result > 0)
            return newline != NULL ? size + 1 : size;
        if (result == 0)
            return 0;
        log_output_close(output);
    }
    return 0;
}

/* --- Interface --- */

size_t log_output_write(struct log_output *output, const char *lines, size_t length, long *dropped)
{
    return output->syslog != NULL ? write_syslog(output, lines, length)
                                  : write_descriptor(output, lines, length, dropped);
}

/* A daemon that has hung may have been replaced by one that listens at the same path: after a wait in vain
 * the output connects again. */
void log_output_wait(struct log_output *output, int ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    if (output->descriptor < 0)
        nanosleep(&pause, NULL);
    else if (!is_ready(output->descriptor, ms) && output->syslog != NULL)
        log_output_close(output);
}
