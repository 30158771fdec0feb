#include "process/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

/* What is not allowed fails as on a kernel that does not have it, ENOSYS. Not by ending the process: an
 * update of the C library that tries a newer call first would be an outage, and it falls back to the older
 * one on this error only. Nor with EPERM, which it takes for an answer. Not in silence either: the kernel's
 * audit log has each call that was refused. */
#define REFUSED SCMP_ACT_ERRNO(ENOSYS)

static const int allowed[] = {
    /* memory; mmap and mprotect are below */
    SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mremap), SCMP_SYS(munmap),
    /* threads; clone3, whose flags cannot be seen, is not here, so that the C library takes clone */
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(get_robust_list), SCMP_SYS(gettid),
    SCMP_SYS(rseq), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(set_robust_list),
    /* signals */
    SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    /* time and chance */
    SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(getrandom),
    SCMP_SYS(gettimeofday), SCMP_SYS(nanosleep), SCMP_SYS(time),
    /* connections */
    SCMP_SYS(accept4), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_wait), SCMP_SYS(eventfd2), SCMP_SYS(getpeername), SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
    SCMP_SYS(setsockopt), SCMP_SYS(shutdown),
    /* syslog, which may have to be connected to again, and look-ups of the configuration's user and group */
    SCMP_SYS(connect), SCMP_SYS(sendmsg), SCMP_SYS(sendto),
    /* files; openat is below */
    SCMP_SYS(close), SCMP_SYS(fcntl), SCMP_SYS(fstat), SCMP_SYS(lseek), SCMP_SYS(lstat), SCMP_SYS(newfstatat),
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(stat), SCMP_SYS(statx), SCMP_SYS(write), SCMP_SYS(writev),
    /* the state, which a reload may open anew, and the socket of -l, which is removed in the end */
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(fallocate), SCMP_SYS(fchmod),
    SCMP_SYS(fchown), SCMP_SYS(fdatasync), SCMP_SYS(flock), SCMP_SYS(fstatfs), SCMP_SYS(fsync),
    SCMP_SYS(ftruncate), SCMP_SYS(msync), SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(pwritev),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    /* who and where it is */
    SCMP_SYS(getegid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getgroups), SCMP_SYS(getpid),
    SCMP_SYS(getuid), SCMP_SYS(sysinfo), SCMP_SYS(uname)};

/* What follows is allowed where the bits of the mask in one argument have this value. */
struct condition {
    int call;
    unsigned argument;
    uint64_t mask;
    uint64_t value;
};

#define INT UINT32_MAX
enum { HOW = O_ACCMODE | O_CREAT | O_TRUNC };

static const struct condition conditions[] = {
    /* No memory is made executable: what somebody wrote into it cannot be run. */
    {SCMP_SYS(mmap), 2, PROT_EXEC, 0},
    {SCMP_SYS(mprotect), 2, PROT_EXEC, 0},
    /* A thread, and not a process. */
    {SCMP_SYS(clone), 0, CLONE_VM | CLONE_THREAD, CLONE_VM | CLONE_THREAD},
    /* Files are read; the log is appended to; those of the state are made, and opened as LMDB does it. None
     * is emptied. */
    {SCMP_SYS(openat), 2, HOW, O_RDONLY},
    {SCMP_SYS(openat), 2, O_ACCMODE | O_TRUNC | O_APPEND, O_WRONLY | O_APPEND},
    {SCMP_SYS(openat), 2, O_ACCMODE | O_TRUNC, O_RDWR},
    {SCMP_SYS(openat), 2, HOW | O_EXCL, O_WRONLY | O_CREAT | O_EXCL},
    {SCMP_SYS(openat), 2, HOW | O_DSYNC, O_WRONLY | O_DSYNC},
    /* When a kept connection has ended libfcgi tries to accept another, on the descriptor that it was not
     * given: so it is not in the audit log each time. */
    {SCMP_SYS(accept), 0, INT, UINT32_MAX},
    /* No network: syslog's socket, and those of look-ups. */
    {SCMP_SYS(socket), 0, INT, AF_UNIX},
    /* The threads that verify passwords step back. */
    {SCMP_SYS(setpriority), 0, INT, PRIO_PROCESS},
    /* Limits are read and not set. */
    {SCMP_SYS(prlimit64), 2, UINT64_MAX, 0},
};

static bool fail(const struct config *config, int error, struct report *report)
{
    report_problem(report, SEVERITY_ERROR, config->file, 0,
                   "the kernel refuses the sandbox: %s; 'sandbox = no' does without it", strerror(error));
    return false;
}

static int allow_if(scmp_filter_ctx filter, const struct condition *condition)
{
    const struct scmp_arg_cmp comparison = {.arg = condition->argument,
                                            .op = SCMP_CMP_MASKED_EQ,
                                            .datum_a = condition->mask,
                                            .datum_b = condition->value};
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, condition->call, 1, &comparison);
}

/* 0, or a negative errno, as libseccomp has it. */
static int allow_all(scmp_filter_ctx filter)
{
    /* Signals to itself only: abort() sends one. */
    const struct condition own_signals = {SCMP_SYS(tgkill), 0, INT, (uint64_t)getpid()};
    int result = allow_if(filter, &own_signals);
    for (size_t i = 0; result == 0 && i < sizeof conditions / sizeof *conditions; i++)
        result = allow_if(filter, &conditions[i]);
    for (size_t i = 0; result == 0 && i < sizeof allowed / sizeof *allowed; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    return result;
}

/* What this kernel does not know is done without. */
static void set_attributes(scmp_filter_ctx filter)
{
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree of the calls, not a list */
    /* Kernels before 5.16 slow a process with a filter down, for the sake of programs that run foreign code.
     */
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
}

bool sandbox_enter(const struct config *config, struct report *report)
{
    if (HAS_SANITIZER || !config->sandbox)
        return true;
    scmp_filter_ctx filter = seccomp_init(REFUSED);
    if (filter == NULL)
        return fail(config, ENOMEM, report);
    set_attributes(filter);
    int result = allow_all(filter);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    return result == 0 || fail(config, -result, report);
}
