/* How the filter treats system calls on other architectures than this machine's. The program for each is
 * built here, and run on calls as the kernel would. */
#include "process/sandbox_rules.h"

#include "fixture.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { MOST_INSTRUCTIONS = 4096, ARGUMENTS = 6 };

struct program {
    struct sock_filter code[MOST_INSTRUCTIONS];
    size_t length;
};

static const struct processor {
    const char *name;
    uint32_t token;
} processors[] = {
    {"x86_64", SCMP_ARCH_X86_64}, {"i386", SCMP_ARCH_X86},        {"armhf", SCMP_ARCH_ARM},
    {"arm64", SCMP_ARCH_AARCH64}, {"riscv64", SCMP_ARCH_RISCV64}, {"ppc64el", SCMP_ARCH_PPC64LE},
    {"s390x", SCMP_ARCH_S390X},
};

static struct program programs[ROWS(processors)];

static int make_programs(void **state)
{
    for (size_t i = 0; i < ROWS(processors); i++) {
        scmp_filter_ctx filter = NULL;
        const int file = memfd_create("filter", MFD_CLOEXEC);
        assert_int_equal(sandbox_filter_new(processors[i].token, SANDBOX_RESPONDER, &filter), 0);
        assert_int_equal(seccomp_export_bpf(filter, file), 0);
        const ssize_t size = pread(file, programs[i].code, sizeof programs[i].code, 0);
        assert_in_range(size, 1, sizeof programs[i].code - 1);
        programs[i].length = (size_t)size / sizeof *programs[i].code;
        close(file);
        seccomp_release(filter);
    }
    return enter_folder(state);
}

/* A filter for an architecture of the other byte order is in that order. */
static uint16_t code_of(const struct sock_filter *instruction, bool swapped)
{
    return swapped ? __builtin_bswap16(instruction->code) : instruction->code;
}

static uint32_t value_of(const struct sock_filter *instruction, bool swapped)
{
    return swapped ? __builtin_bswap32(instruction->k) : instruction->k;
}

/* Returns the 32 bits at `offset` of struct seccomp_data, in the architecture's byte order. */
static uint32_t load(const struct seccomp_data *data, uint32_t offset, bool big_endian)
{
    if (offset == offsetof(struct seccomp_data, nr))
        return (uint32_t)data->nr;
    if (offset == offsetof(struct seccomp_data, arch))
        return data->arch;
    assert_in_range(offset, offsetof(struct seccomp_data, args), sizeof *data - sizeof(uint32_t));
    const uint32_t at = offset - (uint32_t)offsetof(struct seccomp_data, args);
    const bool is_upper = (at % 8 != 0) != big_endian;
    return (uint32_t)(data->args[at / 8] >> (is_upper ? 32 : 0));
}

static bool jumps(uint16_t code, uint32_t accumulator, uint32_t value)
{
    switch (BPF_OP(code)) {
    case BPF_JEQ:
        return accumulator == value;
    case BPF_JGT:
        return accumulator > value;
    case BPF_JGE:
        return accumulator >= value;
    default:
        assert_int_equal(BPF_OP(code), BPF_JSET);
        return (accumulator & value) != 0;
    }
}

/* bpf(4), as far as libseccomp uses it. */
static uint32_t run(const struct program *program, const struct seccomp_data *data, bool big_endian)
{
    uint32_t accumulator = 0;
    for (size_t at = 0; at < program->length; at++) {
        const struct sock_filter *instruction = &program->code[at];
        const uint16_t code = code_of(instruction, big_endian);
        const uint32_t value = value_of(instruction, big_endian);
        if (BPF_CLASS(code) == BPF_RET)
            return value;
        if (BPF_CLASS(code) == BPF_LD)
            accumulator = load(data, value, big_endian);
        else if (BPF_CLASS(code) == BPF_ALU)
            accumulator &= value;
        else if (BPF_OP(code) == BPF_JA)
            at += value;
        else
            at += jumps(code, accumulator, value) ? instruction->jt : instruction->jf;
    }
    fail();
    return 0;
}

static bool allows(size_t processor, const char *call, const uint64_t arguments[ARGUMENTS])
{
    const uint32_t token = processors[processor].token;
    struct seccomp_data data = {.nr = seccomp_syscall_resolve_name_arch(token, call), .arch = token};
    check_row(data.nr >= 0, "no such call", processor, call);
    memcpy(data.args, arguments, sizeof data.args);
    const uint32_t action = run(&programs[processor], &data, token == SCMP_ARCH_S390X);
    check_row(action == SECCOMP_RET_ALLOW || action == (SECCOMP_RET_ERRNO | ENOSYS), "another action",
              processor, call);
    return action == SECCOMP_RET_ALLOW;
}

/* The architectures that a row applies to. */
enum { X86_64 = 1, I386 = 2, ARMHF = 4, ARM64 = 8, RISCV64 = 16, PPC64EL = 32, S390X = 64 };
enum { EACH = 127, BITS_32 = I386 | ARMHF, NEW = ARM64 | RISCV64 };
/* Where libseccomp cannot distinguish the two ways to call sockets, the rows of socketcall apply. */
enum { DIRECT = EACH & ~(I386 | PPC64EL | S390X) };
#define THREAD                                                                                               \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS)
#define READ_WRITE (PROT_READ | PROT_WRITE)
enum {
    SOCKETCALL_SOCKET = 1,
    SOCKETCALL_BIND = 2,
    SOCKETCALL_LISTEN = 4,
    SOCKETCALL_SENDTO = 11,
    SOCKETCALL_ACCEPT4 = 18
};

static const struct {
    const char *call;
    unsigned on;
    bool allowed;
    uint64_t arguments[ARGUMENTS];
} rows[] = {
    /* The calls that the C library makes on each. */
    {"mmap", EACH & ~(BITS_32 | S390X), true, {0, 4096, READ_WRITE}},
    {"mmap", EACH & ~(BITS_32 | S390X), false, {0, 4096, PROT_READ | PROT_EXEC}},
    {"mmap", S390X, true, {0}},
    {"mmap2", BITS_32, true, {0, 4096, READ_WRITE}},
    {"mmap2", BITS_32, false, {0, 4096, PROT_READ | PROT_EXEC}},
    {"mmap", I386, false, {0, 4096, READ_WRITE}},
    {"mprotect", EACH, true, {0, 4096, PROT_READ}},
    {"mprotect", EACH, false, {0, 4096, PROT_READ | PROT_EXEC}},
    {"clone", EACH & ~S390X, true, {THREAD, 4096}},
    {"clone", EACH & ~S390X, false, {SIGCHLD, THREAD}},
    {"clone", S390X, true, {4096, THREAD}},
    {"clone", S390X, false, {THREAD, SIGCHLD}},
    {"clone3", EACH, false, {0}},
    {"fcntl", EACH, true, {0}},
    {"fcntl64", BITS_32, true, {0}},
    {"fstat", EACH, true, {0}},
    {"fstat64", BITS_32, true, {0}},
    {"stat64", BITS_32, true, {0}},
    {"fstatat64", BITS_32, true, {0}},
    {"newfstatat", EACH & ~BITS_32, true, {0}},
    {"statx", EACH, true, {0}},
    {"_llseek", BITS_32, true, {0}},
    {"ftruncate64", BITS_32, true, {0}},
    {"fstatfs64", BITS_32, true, {0}},
    {"fchown32", BITS_32, true, {0}},
    {"geteuid32", BITS_32, true, {0}},
    {"getuid32", BITS_32, true, {0}},
    {"clock_gettime64", BITS_32, true, {0}},
    {"clock_nanosleep_time64", BITS_32, true, {0}},
    {"futex", EACH, true, {0}},
    {"futex_time64", BITS_32, true, {0}},
    {"ppoll_time64", BITS_32, true, {0}},
    {"rt_sigtimedwait_time64", BITS_32, true, {0}},
    {"sigreturn", BITS_32 | S390X, true, {0}},
    {"rt_sigreturn", EACH, true, {0}},
    {"epoll_pwait", EACH, true, {0}},
    {"epoll_wait", EACH & ~NEW, true, {0}},
    {"poll", EACH & ~NEW, true, {0}},
    {"ppoll", EACH, true, {0}},
    {"getrandom", EACH, true, {0}},
    {"rseq", EACH, true, {0}},
    {"set_robust_list", EACH, true, {0}},
    {"exit_group", EACH, true, {0}},
    {"recv", ARMHF, true, {0}},
    {"send", ARMHF, true, {0}},
    {"recvfrom", DIRECT, true, {0}},
    {"sendmsg", DIRECT, true, {0}},
    {"accept4", DIRECT, true, {0}},
    {"renameat", EACH & ~RISCV64, true, {0}},
    {"renameat2", EACH, true, {0, 0, 0, 0, 0}},
    {"renameat2", EACH, false, {0, 0, 0, 0, 2}},
    {"prlimit64", EACH, true, {0, 7, 0}},
    {"prlimit64", EACH, false, {0, 7, 4096}},
    {"prlimit64", EACH & ~BITS_32, false, {0, 7, (uint64_t)1 << 32}},
    {"setpriority", EACH, true, {0, 1}},
    {"setpriority", EACH, false, {2, 1}},
    {"tgkill", EACH, false, {1, 1, SIGTERM}},
    /* Files */
    {"openat", EACH, true, {0, 0, O_RDONLY | O_CLOEXEC}},
    {"openat", EACH, true, {0, 0, O_RDWR | O_CREAT}},
    {"openat", EACH, true, {0, 0, O_RDWR | O_CLOEXEC}},
    {"openat", EACH, true, {0, 0, O_WRONLY | O_APPEND | O_CREAT}},
    {"openat", EACH, false, {0, 0, O_WRONLY}},
    {"openat", EACH, false, {0, 0, O_RDWR | O_TRUNC}},
    {"openat", EACH, false, {0, 0, O_RDONLY | O_TRUNC}},
    {"openat", EACH, false, {0, 0, O_RDONLY | O_CREAT}},
    {"openat", EACH, false, {0, 0, O_WRONLY | O_APPEND | O_TRUNC}},
    {"openat", EACH, false, {0, 0, O_RDWR | O_CREAT | O_TRUNC}},
    {"openat", EACH, false, {0, 0, O_WRONLY | O_CREAT}},
    {"openat", EACH, true, {0, 0, O_WRONLY | O_CREAT | O_EXCL}},
    {"openat", EACH, false, {0, 0, O_WRONLY | O_CREAT | O_EXCL | O_TRUNC}},
    {"openat", EACH, true, {0, 0, O_WRONLY | O_DSYNC}},
    {"openat", EACH, false, {0, 0, O_WRONLY | O_DSYNC | O_CREAT}},
    {"openat", EACH, false, {0, 0, O_WRONLY | O_DSYNC | O_TRUNC}},
    {"open", EACH & ~NEW, false, {0}},
    /* Sockets */
    {"socket", DIRECT, true, {AF_UNIX, SOCK_DGRAM}},
    {"socket", DIRECT, false, {AF_INET, SOCK_STREAM}},
    {"socketcall", I386 | PPC64EL | S390X, true, {SOCKETCALL_SOCKET}},
    {"socketcall", I386 | PPC64EL | S390X, true, {SOCKETCALL_SENDTO}},
    {"socketcall", I386 | PPC64EL | S390X, true, {SOCKETCALL_ACCEPT4}},
    {"socketcall", I386 | PPC64EL | S390X, false, {SOCKETCALL_BIND}},
    {"socketcall", I386 | PPC64EL | S390X, false, {SOCKETCALL_LISTEN}},
    /* Calls that no part of the program needs. */
    {"execve", EACH, false, {0}},
    {"execveat", EACH, false, {0}},
    {"ptrace", EACH, false, {0}},
    {"fork", EACH & ~NEW, false, {0}},
    {"vfork", EACH & ~NEW, false, {0}},
    {"bind", DIRECT, false, {0}},
    {"listen", DIRECT, false, {0}},
    {"kill", EACH, false, {0}},
    {"setuid", EACH, false, {0}},
    {"setuid32", BITS_32, false, {0}},
    {"prctl", EACH, false, {0}},
    {"mkdirat", EACH, false, {0}},
    {"linkat", EACH, false, {0}},
    {"fchmodat", EACH, false, {0}},
    {"io_uring_setup", EACH, false, {0}},
    {"pkey_mprotect", EACH, false, {0}},
    {"process_vm_readv", EACH, false, {0}},
    {"ipc", I386 | S390X | PPC64EL, false, {0}},
};

static void test_rules_on_each_architecture(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (size_t processor = 0; processor < ROWS(processors); processor++) {
            if ((rows[i].on >> processor & 1) != 0)
                check_row(allows(processor, rows[i].call, rows[i].arguments) == rows[i].allowed,
                          processors[processor].name, i, rows[i].call);
        }
    }
}

/* A call of another architecture is not matched by this one's numbers. */
static void test_call_of_another_architecture_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(processors); i++) {
        const struct seccomp_data data = {.nr = 0, .arch = processors[(i + 1) % ROWS(processors)].token};
        assert_int_not_equal(run(&programs[i], &data, processors[i].token == SCMP_ARCH_S390X),
                             SECCOMP_RET_ALLOW);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules_on_each_architecture),
                                       cmocka_unit_test(test_call_of_another_architecture_is_refused)};
    return cmocka_run_group_tests_name("sandbox rules", tests, make_programs, leave_folder);
}
