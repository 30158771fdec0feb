#include "process/sandbox_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* A forbidden call fails with ENOSYS, as on a kernel that does not have it. It does not end the process:
 * an update of the C library that tries a newer call first would be an outage, and the library falls back
 * to the older call on this error only. EPERM would not do, because the library takes it for an answer.
 * The kernel's audit log has each refused call. */
#define REFUSED SCMP_ACT_ERRNO(ENOSYS)

/* libseccomp ignores calls that an architecture does not have. On 32-bit processors the C library uses the
 * variants whose names end in 32, 64 or time64. Where socketcall() exists, libseccomp allows the calls of
 * sockets in both ways. */
static const int allowed[] = {
    /* memory; mmap, mmap2 and mprotect are below */
    SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mremap), SCMP_SYS(munmap),
    /* threads; clone3 is not here, because a filter cannot see its flags; the C library falls back to
     * clone */
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(futex_time64), SCMP_SYS(get_robust_list),
    SCMP_SYS(gettid), SCMP_SYS(rseq), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield),
    SCMP_SYS(set_robust_list),
    /* signals */
    SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait), SCMP_SYS(rt_sigtimedwait_time64), SCMP_SYS(sigreturn),
    /* time and random numbers */
    SCMP_SYS(clock_getres), SCMP_SYS(clock_getres_time64), SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_nanosleep_time64), SCMP_SYS(getrandom), SCMP_SYS(gettimeofday),
    SCMP_SYS(nanosleep), SCMP_SYS(time),
    /* connections */
    SCMP_SYS(accept4), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_wait), SCMP_SYS(eventfd2), SCMP_SYS(getpeername), SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(ppoll_time64), SCMP_SYS(recv),
    SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(setsockopt), SCMP_SYS(shutdown),
    /* reconnecting to syslog, and looking up the configuration's user and group */
    SCMP_SYS(connect), SCMP_SYS(send), SCMP_SYS(sendmsg), SCMP_SYS(sendto),
    /* files; openat is below */
    SCMP_SYS(_llseek), SCMP_SYS(close), SCMP_SYS(fcntl), SCMP_SYS(fcntl64), SCMP_SYS(fstat),
    SCMP_SYS(fstat64), SCMP_SYS(fstatat64), SCMP_SYS(lseek), SCMP_SYS(lstat), SCMP_SYS(lstat64),
    SCMP_SYS(newfstatat), SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(stat), SCMP_SYS(stat64), SCMP_SYS(statx),
    SCMP_SYS(write), SCMP_SYS(writev),
    /* the throttle database, which a reload may open again, and the socket of -l, which is removed at the
     * end */
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(fallocate), SCMP_SYS(fchmod),
    SCMP_SYS(fchown), SCMP_SYS(fchown32), SCMP_SYS(fdatasync), SCMP_SYS(flock), SCMP_SYS(fstatfs),
    SCMP_SYS(fstatfs64), SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(ftruncate64), SCMP_SYS(msync),
    SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
    /* identity of the process and the machine */
    SCMP_SYS(getegid), SCMP_SYS(getegid32), SCMP_SYS(geteuid), SCMP_SYS(geteuid32), SCMP_SYS(getgid),
    SCMP_SYS(getgid32), SCMP_SYS(getgroups), SCMP_SYS(getgroups32), SCMP_SYS(getpid), SCMP_SYS(getuid),
    SCMP_SYS(getuid32), SCMP_SYS(uname),
    /* sysconf(_SC_PHYS_PAGES) of older C libraries */
    SCMP_SYS(sysinfo)};

/* Architectures on which a system call takes its arguments in another way. */
static bool is_any(uint32_t architecture)
{
    (void)architecture;
    return true;
}

static bool is_s390(uint32_t architecture)
{
    return architecture == SCMP_ARCH_S390X || architecture == SCMP_ARCH_S390;
}

static bool is_not_s390(uint32_t architecture)
{
    return !is_s390(architecture);
}

/* There mmap() takes a pointer to its arguments, which a filter cannot follow. i386 also has mmap2. */
static bool mmap_has_plain_arguments(uint32_t architecture)
{
    return !is_s390(architecture) && architecture != SCMP_ARCH_X86;
}

/* A call is allowed if one argument has `value` in the bits of `mask`. */
struct condition {
    int call;
    unsigned argument;
    uint64_t mask;
    uint64_t value;
    bool (*applies)(uint32_t architecture);
};

#define INT UINT32_MAX
enum { OPEN_MODE = O_ACCMODE | O_CREAT | O_TRUNC };

static const struct condition conditions[] = {
    /* No memory becomes executable, so injected code cannot run. */
    {SCMP_SYS(mmap), 2, PROT_EXEC, 0, mmap_has_plain_arguments},
    {SCMP_SYS(mmap2), 2, PROT_EXEC, 0, is_any},
    {SCMP_SYS(mprotect), 2, PROT_EXEC, 0, is_any},
    /* The only mmap() of s390x, whose arguments a filter cannot see: there a file could be mapped as code. */
    {SCMP_SYS(mmap), 0, 0, 0, is_s390},
    /* Only threads can be created, no processes. */
    {SCMP_SYS(clone), 0, CLONE_VM | CLONE_THREAD, CLONE_VM | CLONE_THREAD, is_not_s390},
    {SCMP_SYS(clone), 1, CLONE_VM | CLONE_THREAD, CLONE_VM | CLONE_THREAD, is_s390},
    /* Files are read, the log is appended to, and the files of the throttle database are opened, read and
     * written as LMDB does it. No file is truncated. */
    {SCMP_SYS(openat), 2, OPEN_MODE, O_RDONLY, is_any},
    {SCMP_SYS(openat), 2, O_ACCMODE | O_TRUNC | O_APPEND, O_WRONLY | O_APPEND, is_any},
    {SCMP_SYS(openat), 2, O_ACCMODE | O_TRUNC, O_RDWR, is_any},
    {SCMP_SYS(openat), 2, OPEN_MODE | O_EXCL, O_WRONLY | O_CREAT | O_EXCL, is_any},
    {SCMP_SYS(openat), 2, OPEN_MODE | O_DSYNC, O_WRONLY | O_DSYNC, is_any},
    /* The only rename call on newer architectures, without its flags. */
    {SCMP_SYS(renameat2), 4, INT, 0, is_any},
    /* No network: only Unix sockets, for syslog and for look-ups of users. But socketcall() hides the kind
     * of socket. */
    {SCMP_SYS(socket), 0, INT, AF_UNIX, is_any},
    /* The threads that verify passwords lower their priority. */
    {SCMP_SYS(setpriority), 0, INT, PRIO_PROCESS, is_any},
    /* Limits are read, not set. */
    {SCMP_SYS(prlimit64), 2, UINT64_MAX, 0, is_any},
};

/* What a client on a network needs beside that: Internet sockets; a netlink socket and several messages at a
 * time, by which the C library looks names up; watching files; signals as a descriptor. It may not listen. */
static const int network_allowed[] = {
    SCMP_SYS(inotify_init1), SCMP_SYS(inotify_add_watch), SCMP_SYS(signalfd4), SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg),      SCMP_SYS(recvmmsg_time64),   SCMP_SYS(bind)};

static const struct condition network_conditions[] = {
    {SCMP_SYS(socket), 0, INT, AF_INET, is_any},
    {SCMP_SYS(socket), 0, INT, AF_INET6, is_any},
    {SCMP_SYS(socket), 0, INT, AF_NETLINK, is_any},
    /* How many bytes a datagram has. */
    {SCMP_SYS(ioctl), 1, INT, FIONREAD, is_any},
};

static int add_condition(scmp_filter_ctx filter, const struct condition *condition)
{
    const struct scmp_arg_cmp comparison = {.arg = condition->argument,
                                            .op = SCMP_CMP_MASKED_EQ,
                                            .datum_a = condition->mask,
                                            .datum_b = condition->value};
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, condition->call, condition->mask != 0, &comparison);
}

static int add_network_rules(scmp_filter_ctx filter)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof network_conditions / sizeof *network_conditions; i++)
        result = add_condition(filter, &network_conditions[i]);
    for (size_t i = 0; result == 0 && i < sizeof network_allowed / sizeof *network_allowed; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, network_allowed[i], 0);
    return result;
}

static int add_rules(scmp_filter_ctx filter, uint32_t architecture)
{
    /* Signals only to itself: abort() sends one. */
    const struct condition own_signals = {SCMP_SYS(tgkill), 0, INT, (uint64_t)getpid(), is_any};
    int result = add_condition(filter, &own_signals);
    for (size_t i = 0; result == 0 && i < sizeof conditions / sizeof *conditions; i++) {
        if (conditions[i].applies(architecture))
            result = add_condition(filter, &conditions[i]);
    }
    for (size_t i = 0; result == 0 && i < sizeof allowed / sizeof *allowed; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    return result;
}

/* Attributes that this kernel does not know are not essential. */
static void set_filter_attributes(scmp_filter_ctx filter)
{
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree of the calls instead of a list */
    /* Kernels before 5.16 slow down a process with a filter, because it might run foreign code. */
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
}

/* The native architecture is removed first, because all architectures of a filter must have the same byte
 * order. */
static int set_architecture(scmp_filter_ctx filter, uint32_t architecture)
{
    if (architecture == seccomp_arch_native())
        return 0;
    const int removed = seccomp_arch_remove(filter, SCMP_ARCH_NATIVE);
    return removed == 0 ? seccomp_arch_add(filter, architecture) : removed;
}

int sandbox_filter_new(uint32_t architecture, enum sandbox_rules rules, scmp_filter_ctx *filter)
{
    if (architecture == SCMP_ARCH_NATIVE)
        architecture = seccomp_arch_native();
    *filter = seccomp_init(REFUSED);
    if (*filter == NULL)
        return -ENOMEM;
    set_filter_attributes(*filter);
    int result = set_architecture(*filter, architecture);
    if (result == 0)
        result = add_rules(*filter, architecture);
    if (result == 0 && rules == SANDBOX_NETWORK)
        result = add_network_rules(*filter);
    if (result == 0)
        return 0;
    seccomp_release(*filter);
    *filter = NULL;
    return result;
}
