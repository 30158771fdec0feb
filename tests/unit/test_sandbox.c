#include "process/sandbox.h"

#include "fixture.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "failing_malloc.h"

/* Each action runs in a child process inside the sandbox. It returns 0 or an errno. */
typedef int action(void);

enum { NOT_ENTERED = 200, TIME_LIMIT = 60 };

static const struct config on = {.file = "token.conf", .sandbox = true};

static int error_of(long result)
{
    return result < 0 ? errno : 0;
}

typedef bool enter_sandbox(const struct config *config, struct diagnostics *diagnostics);

/* Returns the child's status, as waitpid() gives it. */
static int try_in(enter_sandbox *enter, action *act)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct collected collected;
        alarm(TIME_LIMIT);
        if (!enter(&on, collect(&collected)))
            _exit(NOT_ENTERED);
        _exit(act());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int try_in_sandbox(action *act)
{
    return try_in(sandbox_enter, act);
}

/* A build with a sanitizer has no sandbox. valgrind writes and executes memory itself, so it cannot run
 * inside. */
static void skip_without_sandbox(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#endif
    skip_unless_malloc_fails();
}

/* --- Refused --- */

static int execute(void)
{
    char *const arguments[] = {"true", NULL};
    return error_of(execve("/bin/true", arguments, arguments + 1));
}

static int execute_descriptor(void)
{
    return error_of(syscall(SYS_execveat, AT_FDCWD, "/bin/true", NULL, NULL, 0));
}

static int make_process(void)
{
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    return error_of(child);
}

static int make_process_anew(void)
{
    const long child = syscall(SYS_clone3, NULL, 0);
    return error_of(child);
}

static int trace(void)
{
    return error_of(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int read_other_memory(void)
{
    return error_of(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0));
}

static int internet(void)
{
    return error_of(socket(AF_INET, SOCK_STREAM, 0));
}

static int internet_6(void)
{
    return error_of(socket(AF_INET6, SOCK_DGRAM, 0));
}

static int netlink(void)
{
    return error_of(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int listen_anew(void)
{
    return error_of(listen(STDIN_FILENO, 1));
}

static int accept_by_descriptor(void)
{
    return error_of(accept(STDIN_FILENO, NULL, NULL));
}

static int open_to_write(void)
{
    return error_of(open("file", O_WRONLY));
}

static int open_to_empty(void)
{
    return error_of(open("file", O_RDWR | O_CREAT | O_TRUNC, 0600));
}

static int open_to_empty_by_reading(void)
{
    return error_of(open("file", O_RDONLY | O_TRUNC));
}

static int make_file(void)
{
    return error_of(open("new", O_WRONLY | O_CREAT, 0600));
}

static int link_file(void)
{
    return error_of(link("file", "other"));
}

static int make_folder(void)
{
    return error_of(mkdir("folder", 0700));
}

static int change_mode(void)
{
    return error_of(chmod("file", 0777));
}

static int write_and_execute(void)
{
    const void *memory =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? errno : 0;
}

static int execute_what_was_written(void)
{
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return error_of(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

static int end_another(void)
{
    return error_of(kill(getppid(), 0));
}

static int end_another_thread(void)
{
    return error_of(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int become_root(void)
{
    return error_of(syscall(SYS_setresuid, 0, 0, 0));
}

static int raise_limit(void)
{
    const struct rlimit limit = {1, 1};
    return error_of(setrlimit(RLIMIT_CORE, &limit));
}

static int be_dumpable(void)
{
    return error_of(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int ring(void)
{
    return error_of(syscall(SYS_io_uring_setup, 1, NULL));
}

static const struct {
    const char *name;
    action *act;
} refused[] = {
    {"execve", execute},
    {"execveat", execute_descriptor},
    {"fork", make_process},
    {"clone3", make_process_anew},
    {"ptrace", trace},
    {"process_vm_readv", read_other_memory},
    {"socket(AF_INET)", internet},
    {"socket(AF_INET6)", internet_6},
    {"socket(AF_NETLINK)", netlink},
    {"listen", listen_anew},
    {"accept", accept_by_descriptor},
    {"open to write", open_to_write},
    {"open to empty", open_to_empty},
    {"open to read and to empty", open_to_empty_by_reading},
    {"open to make", make_file},
    {"link", link_file},
    {"mkdir", make_folder},
    {"chmod", change_mode},
    {"mmap to write and execute", write_and_execute},
    {"mprotect to execute", execute_what_was_written},
    {"kill", end_another},
    {"tgkill of another", end_another_thread},
    {"setresuid", become_root},
    {"setrlimit", raise_limit},
    {"prctl", be_dumpable},
    {"io_uring_setup", ring},
};

static void test_forbidden_actions_fail(void **state)
{
    (void)state;
    skip_without_sandbox();
    write_text("file", "kept");
    for (size_t i = 0; i < ROWS(refused); i++) {
        const int status = try_in_sandbox(refused[i].act);
        check_row(WIFEXITED(status), "did not end", i, refused[i].name);
        check_row(WEXITSTATUS(status) == ENOSYS, strerror(WEXITSTATUS(status)), i, refused[i].name);
    }
    char text[8];
    assert_string_equal(read_text("file", text, sizeof text), "kept");
    assert_int_not_equal(access("new", F_OK), 0);
}

/* --- Permitted --- */

static int read_file(void)
{
    struct stat status;
    char byte;
    const int file = open("file", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0 || fstat(file, &status) != 0 || stat("file", &status) != 0 || read(file, &byte, 1) != 1)
        return errno;
    return error_of(close(file));
}

static int append_to_log(void)
{
    const int log = open("log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    return log >= 0 && write(log, "a line\n", 7) == 7 ? 0 : errno;
}

static int keep_state(void)
{
    const int data = open("data", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const int meta = open("data", O_WRONLY | O_DSYNC | O_CLOEXEC);
    if (data < 0 || meta < 0 || ftruncate(data, 8192) != 0 || pwrite(meta, "x", 1, 0) != 1)
        return errno;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, data, 0);
    if (map == MAP_FAILED || fcntl(data, F_SETLK, &lock) != 0)
        return errno;
    map[0] = 'y';
    return msync(map, 8192, MS_SYNC) == 0 && fdatasync(data) == 0 ? 0 : errno;
}

/* The calls of base/file_replace.c, and the removal of a socket. */
static int replace_file(void)
{
    const int file = open("one", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return file >= 0 && fchmod(file, 0640) == 0 && fsync(file) == 0 && rename("one", "two") == 0 &&
                   unlink("two") == 0
               ? 0
               : errno;
}

static int talk_to_syslog(void)
{
    const struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/log"};
    const int talker = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (talker < 0)
        return errno;
    return connect(talker, (const struct sockaddr *)&nowhere, sizeof nowhere) != 0 && errno == ENOENT ? 0
                                                                                                      : errno;
}

static void *work(void *unused)
{
    (void)unused;
    enum { MUCH = 32 << 20 };
    char *memory = calloc(1, MUCH);
    static const bool good = true;
    if (memory == NULL || setpriority(PRIO_PROCESS, (id_t)gettid(), 5) != 0)
        return NULL;
    memory[MUCH - 1] = 1;
    free(memory);
    return (void *)&good;
}

static int run_threads(void)
{
    for (int i = 0; i < 8; i++) {
        pthread_t thread;
        void *result = NULL;
        const int error = pthread_create(&thread, NULL, work, NULL);
        if (error != 0)
            return error;
        pthread_join(thread, &result);
        if (result == NULL)
            return ENOMEM;
    }
    return 0;
}

static int wait_a_moment(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    errno = 0;
    if (sigtimedwait(&set, NULL, &moment) >= 0 || errno != EAGAIN)
        return errno;
    return nanosleep(&moment, NULL) == 0 && sched_yield() == 0 ? 0 : errno;
}

static int look_at_limits(void)
{
    struct rlimit limit;
    cpu_set_t cpus;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? 0 : errno;
}

static const struct {
    const char *name;
    action *act;
} permitted[] = {
    {"read a file", read_file},       {"append to the log", append_to_log}, {"keep state", keep_state},
    {"replace a file", replace_file}, {"talk to syslog", talk_to_syslog},   {"run threads", run_threads},
    {"wait", wait_a_moment},          {"look at limits", look_at_limits},
};

static void test_needed_actions_succeed(void **state)
{
    (void)state;
    skip_without_sandbox();
    write_text("file", "kept");
    for (size_t i = 0; i < ROWS(permitted); i++) {
        const int status = try_in_sandbox(permitted[i].act);
        check_row(WIFEXITED(status), "did not end", i, permitted[i].name);
        check_row(WEXITSTATUS(status) == 0, strerror(WEXITSTATUS(status)), i, permitted[i].name);
    }
}

static int crash(void)
{
    abort();
}

/* A failed assertion ends the process as it does outside. */
static void test_failed_assertion_ends_the_process(void **state)
{
    (void)state;
    skip_without_sandbox();
    const int status = try_in_sandbox(crash);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void test_sandbox_can_be_switched_off(void **state)
{
    (void)state;
    struct collected collected;
    const struct config off = {.file = "token.conf", .sandbox = false};
    assert_true(sandbox_enter(&off, collect(&collected)));
    assert_string_equal(collected.text, "");
    assert_int_equal(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}

static int enter_without_memory(void)
{
    struct collected collected;
    struct diagnostics *diagnostics = collect(&collected);
    allocations_left = 0;
    const bool entered = sandbox_enter(&on, diagnostics);
    allocations_left = -1;
    const char *expected = "error: token.conf: the kernel refuses the sandbox: Cannot allocate memory; "
                           "'sandbox = no' does without it\n";
    return !entered && strcmp(collected.text, expected) == 0 ? 0 : 1;
}

static void test_no_memory_is_an_error(void **state)
{
    (void)state;
    skip_without_sandbox();
    assert_int_equal(enter_without_memory(), 0);
    assert_int_equal(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 0);
}

/* A filter that refuses more stands for a C library that makes calls unknown to the sandbox. */
static int enter_with_strange_library(void)
{
    struct collected collected;
    struct diagnostics *diagnostics = collect(&collected);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    const struct scmp_arg_cmp is_getfd = {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = F_GETFD};
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(fcntl), 1, is_getfd) != 0 ||
        seccomp_load(filter) != 0)
        return 2;
    const char *expected =
        "error: token.conf: the sandbox does not fit this system's C library (files: Function not "
        "implemented; the kernel's log names the call): set 'sandbox = no'\n";
    return !sandbox_enter(&on, diagnostics) && strcmp(collected.text, expected) == 0 ? 0 : 1;
}

static void test_unfit_c_library_is_reported(void **state)
{
    (void)state;
    int status = 0;
    skip_without_sandbox();
    const pid_t child = fork();
    if (child == 0)
        _exit(enter_with_strange_library());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* --- With a network --- */

static int look_name_up(void)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    const int error = getaddrinfo("localhost", NULL, &hints, &list);
    if (error == 0)
        freeaddrinfo(list);
    return error;
}

/* Nobody listens on that port. */
static int connect_to_internet(void)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(1), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client < 0)
        return errno;
    const int error = error_of(connect(client, (const struct sockaddr *)&address, sizeof address));
    close(client);
    return error == ECONNREFUSED ? 0 : error;
}

static int watch_files(void)
{
    const int descriptor = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (descriptor < 0)
        return errno;
    const int error = error_of(inotify_add_watch(descriptor, "/", IN_MODIFY));
    close(descriptor);
    return error;
}

static int listen_on_internet(void)
{
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0)
        return errno;
    const int error = error_of(listen(server, 1));
    close(server);
    return error;
}

static int raw_packets(void)
{
    return error_of(socket(AF_PACKET, SOCK_RAW, 0));
}

static void test_a_client_on_a_network_has_one(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        action *act;
        int error;
    } rows[] = {
        {"connect", connect_to_internet, 0},      {"look a name up", look_name_up, 0},
        {"watch files", watch_files, 0},          {"listen", listen_on_internet, ENOSYS},
        {"raw packets", raw_packets, ENOSYS},     {"execute", execute, ENOSYS},
        {"make a process", make_process, ENOSYS}, {"trace", trace, ENOSYS},
        {"empty a file", open_to_empty, ENOSYS},
    };
    skip_without_sandbox();
    look_name_up(); /* loads what the C library needs for it */
    for (size_t row = 0; row < ROWS(rows); row++) {
        const int status = try_in(sandbox_enter_with_network, rows[row].act);
        check_row(WIFEXITED(status) && WEXITSTATUS(status) == rows[row].error, "status", row, rows[row].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_on_a_network_has_one),
        cmocka_unit_test(test_unfit_c_library_is_reported),
        cmocka_unit_test(test_forbidden_actions_fail),
        cmocka_unit_test(test_needed_actions_succeed),
        cmocka_unit_test(test_failed_assertion_ends_the_process),
        cmocka_unit_test(test_sandbox_can_be_switched_off),
        cmocka_unit_test(test_no_memory_is_an_error),
    };
    return cmocka_run_group_tests_name("sandbox", tests, enter_folder, leave_folder);
}
