/* Loaded into a program (LD_PRELOAD), shifts its clock by the milliseconds that the file CHAOS_CLOCK holds,
 * as a binary number. The file is mapped, so the clock can be set while the program runs. Clocks that never
 * go back are left alone. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { MS_PER_SECOND = 1000, NS_PER_MS = 1000000, NS_PER_SECOND = 1000000000, NS_PER_US = 1000 };

static const volatile int32_t *offset_ms; /* NULL: none */

__attribute__((constructor)) static void map_offset(void)
{
    const char *path = getenv("CHAOS_CLOCK");
    const int file = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *map = mmap(NULL, sizeof *offset_ms, PROT_READ, MAP_SHARED, file, 0);
    if (map != MAP_FAILED)
        offset_ms = map;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    const long result = syscall(SYS_clock_gettime, clock, time);
    if (result != 0 || offset_ms == NULL || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
        return (int)result;
    const int64_t ns = time->tv_nsec + (int64_t)*offset_ms % MS_PER_SECOND * NS_PER_MS;
    time->tv_sec += *offset_ms / MS_PER_SECOND + (ns < 0 ? -1 : ns / NS_PER_SECOND);
    time->tv_nsec = (long)((ns + NS_PER_SECOND) % NS_PER_SECOND);
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / NS_PER_US};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}
