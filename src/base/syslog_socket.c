#include "base/syslog_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static int connect_type(const char *path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    stpcpy(address.sun_path, path);
    const int descriptor = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0)
        return -1;
    if (connect(descriptor, (const struct sockaddr *)&address, sizeof address) == 0)
        return descriptor;
    const int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int syslog_connect(const char *path, bool *is_stream)
{
    int descriptor = connect_type(path, SOCK_DGRAM);
    *is_stream = descriptor < 0 && errno == EPROTOTYPE;
    if (*is_stream)
        descriptor = connect_type(path, SOCK_STREAM);
    return descriptor;
}

/* The month's name is English in any locale (RFC 3164 §4.1.2). */
size_t syslog_head(const char *program, int priority, char out[SYSLOG_HEAD_SIZE])
{
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t now = time(NULL);
    struct tm local = {.tm_mday = 1};
    localtime_r(&now, &local);
    const int length =
        snprintf(out, SYSLOG_HEAD_SIZE, "<%d>%s %2d %02d:%02d:%02d %s[%ld]: ", LOG_AUTHPRIV | priority,
                 months[local.tm_mon], local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec, program,
                 (long)getpid());
    return length < SYSLOG_HEAD_SIZE ? (size_t)length : SYSLOG_HEAD_SIZE - 1;
}
