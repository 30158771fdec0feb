#include "base/file_lock.h"
#include "base/file_replace.h"

#include "fixture.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static int error_of_folder; /* errno of fsync() on a folder; 0: none */
static char steps[128];     /* the calls of fsync() and renameat(), in order */
static struct stat synced;  /* the status of the file at its last fsync() */

static void note_step(const char *step)
{
    strncat(steps, step, sizeof steps - strlen(steps) - 1);
}

/* Replaces the C library's function. */
int fsync(int descriptor)
{
    struct stat status;
    assert_int_equal(fstat(descriptor, &status), 0);
    note_step(S_ISDIR(status.st_mode) ? "sync folder;" : "sync file;");
    if (!S_ISDIR(status.st_mode))
        synced = status;
    if (error_of_folder == 0 || !S_ISDIR(status.st_mode))
        return (int)syscall(SYS_fsync, descriptor);
    errno = error_of_folder;
    return -1;
}

static bool close_fails; /* close() of a regular file fails, as on NFS when the disk is full */

/* Replaces the C library's function. */
int close(int descriptor)
{
    struct stat status;
    const bool fails =
        close_fails && fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
    const int result = (int)syscall(SYS_close, descriptor);
    if (!fails)
        return result;
    errno = ENOSPC;
    return -1;
}

/* Replaces the C library's function. */
int renameat(int old_folder, const char *old_path, int new_folder, const char *new_path)
{
    note_step("rename;");
    return (int)syscall(SYS_renameat2, old_folder, old_path, new_folder, new_path, 0);
}

static int error_of_acl; /* errno of fgetxattr(); 0: none */

/* Replaces the C library's function. */
ssize_t fgetxattr(int descriptor, const char *name, void *value, size_t size)
{
    if (error_of_acl == 0)
        return syscall(SYS_fgetxattr, descriptor, name, value, size);
    errno = error_of_acl;
    return -1;
}

static void check_content(const char *path, const char *expected)
{
    char text[256];
    assert_string_equal(read_text(path, text, sizeof text), expected);
}

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static void test_file_is_created_and_replaced(void **state)
{
    (void)state;
    const mode_t mask = umask(077);
    assert_true(file_replace("made", "one", 3, 0640));
    umask(mask);
    check_content("made", "one");
    assert_int_equal(mode_of("made"), 0640);

    assert_int_equal(chmod("made", 0604), 0);
    assert_true(file_replace("made", "two, longer", 11, 0640));
    check_content("made", "two, longer");
    assert_int_equal(mode_of("made"), 0604);

    assert_true(file_replace("made", "", 0, 0640));
    check_content("made", "");
    assert_false(exists(".made.new"));
}

static void test_owner_and_mode_are_kept(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    write_text("owned", "old");
    assert_int_equal(chown("owned", 1234, 5678), 0);
    assert_int_equal(chmod("owned", 0640), 0);
    assert_true(file_replace("owned", "new", 3, 0600));
    struct stat status;
    assert_int_equal(stat("owned", &status), 0);
    assert_int_equal(status.st_uid, 1234);
    assert_int_equal(status.st_gid, 5678);
    assert_int_equal(status.st_mode & 07777, 0640);
}

/* Users may write in the folder, and the file has another owner. Replacing the file would lose the owner. */
static void test_owner_that_cannot_be_kept_is_an_error(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdir("shared", 0777), 0);
    assert_int_equal(chmod("shared", 0777), 0);
    assert_int_equal(chmod(".", 0755), 0);
    write_text("shared/owned", "old");
    const pid_t child = fork();
    if (child == 0) {
        if (setgid(5678) != 0 || setuid(1234) != 0)
            _exit(2);
        _exit(file_replace("shared/owned", "new", 3, 0600) || errno != EPERM);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    check_content("shared/owned", "old");
    assert_false(exists("shared/.owned.new"));
}

/* --- ACLs, as the kernel has them in an attribute --- */

#define ACL "system.posix_acl_access"
#define DEFAULT_ACL "system.posix_acl_default"

/* The version, and of each entry permissions and tag in one, and the id. */
static const uint32_t acl[] = {
    2,       0x60001,    UINT32_MAX, /* user::rw- */
    0x40002, 33,                     /* user:33:r-- */
    0x4,     UINT32_MAX,             /* group::--- */
    0x40010, UINT32_MAX,             /* mask::r-- */
    0x20,    UINT32_MAX,             /* other::--- */
};

static void skip_without_acls(const char *path, const char *name)
{
    if (setxattr(path, name, acl, sizeof acl, 0) == 0)
        return;
    assert_int_equal(errno, ENOTSUP);
    print_message("the file system of $TMPDIR has no ACLs\n");
    skip();
}

static void test_acl_is_kept(void **state)
{
    (void)state;
    unsigned char kept[64];
    write_text("named", "old");
    skip_without_acls("named", ACL);
    assert_int_equal(mode_of("named"), 0640);
    assert_true(file_replace("named", "new", 3, 0600));
    check_content("named", "new");
    assert_int_equal(getxattr("named", ACL, kept, sizeof kept), sizeof acl);
    assert_memory_equal(kept, acl, sizeof acl);
    assert_int_equal(mode_of("named"), 0640);
}

/* The file has no ACL; its folder has a default ACL for new files. */
static void test_default_acl_of_folder_is_removed(void **state)
{
    (void)state;
    unsigned char kept[64];
    assert_int_equal(mkdir("naming", 0700), 0);
    write_bytes("naming/file", "old", 3, 0640);
    skip_without_acls("naming", DEFAULT_ACL);
    assert_true(file_replace("naming/file", "new", 3, 0600));
    check_content("naming/file", "new");
    assert_int_equal(getxattr("naming/file", ACL, kept, sizeof kept), -1);
    assert_int_equal(errno, ENODATA);
    assert_int_equal(mode_of("naming/file"), 0640);
}

static void test_unreadable_acl_is_an_error(void **state)
{
    (void)state;
    static const struct {
        int error;
        bool is_replaced;
    } rows[] = {{ENODATA, true}, {ENOTSUP, true}, {ENOSYS, true}, {EIO, false}, {ERANGE, false}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        write_text("unread", "old");
        error_of_acl = rows[i].error;
        errno = 0;
        const bool good = file_replace("unread", "new", 3, 0600);
        error_of_acl = 0;
        check_row(good == rows[i].is_replaced, "replaced", i, strerror(rows[i].error));
        check_row(good || errno == rows[i].error, "errno", i, strerror(rows[i].error));
        check_content("unread", good ? "new" : "old");
    }
}

static void test_links_are_followed(void **state)
{
    (void)state;
    assert_int_equal(mkdir("real", 0700), 0);
    write_text("real/file", "old");
    assert_int_equal(symlink("real/file", "link"), 0);
    assert_int_equal(symlink("../link", "real/back"), 0);
    assert_int_equal(symlink("real", "folder"), 0);
    assert_int_equal(symlink("real/later", "dangling"), 0);
    assert_int_equal(symlink("round", "round"), 0);

    assert_true(file_replace("real/back", "one", 3, 0600));
    check_content("real/file", "one");
    assert_true(file_replace("folder/file", "two", 3, 0600));
    check_content("real/file", "two");
    assert_true(file_replace("dangling", "three", 5, 0600));
    check_content("real/later", "three");
    struct stat status;
    assert_int_equal(lstat("link", &status), 0);
    assert_true(S_ISLNK(status.st_mode));

    char absolute[PATH_MAX];
    assert_non_null(realpath("link", absolute));
    assert_true(file_replace(absolute, "four", 4, 0600));
    check_content("link", "four");
    assert_false(file_replace("round", "x", 1, 0600));
    assert_int_equal(errno, ELOOP);
}

static void test_leftover_file_is_replaced(void **state)
{
    (void)state;
    write_text("kept", "old");
    write_bytes(".kept.new", "of a killed program", 19, 0400);
    assert_true(file_replace("kept", "new", 3, 0600));
    check_content("kept", "new");
    assert_false(exists(".kept.new"));

    /* A link by the name of the new file is removed, not followed. */
    write_text("victim", "untouched");
    assert_int_equal(symlink("victim", ".kept.new"), 0);
    assert_true(file_replace("kept", "newer", 5, 0600));
    check_content("victim", "untouched");
    check_content("kept", "newer");

    /* An administrator's own NAME.new stays. */
    write_text("kept.new", "by hand");
    assert_true(file_replace("kept", "newest", 6, 0600));
    check_content("kept", "newest");
    check_content("kept.new", "by hand");
}

static void test_failing_close_is_an_error(void **state)
{
    (void)state;
    write_text("closed", "old");
    close_fails = true;
    errno = 0;
    const bool good = file_replace("closed", "new", 3, 0600);
    const int error = errno;
    close_fails = false;
    assert_false(good);
    assert_int_equal(error, ENOSPC);
    check_content("closed", "old");
    assert_false(exists(".closed.new"));
}

/* Returns the number of the next descriptor. */
static int next_descriptor(void)
{
    const int next = dup(STDERR_FILENO);
    close(next);
    return next;
}

static void test_all_descriptors_are_closed(void **state)
{
    (void)state;
    const int next = next_descriptor();
    assert_true(file_replace("leak", "x", 1, 0600));
    assert_int_equal(next_descriptor(), next);
    assert_true(file_replace("leak", "y", 1, 0600));
    assert_int_equal(next_descriptor(), next);
    assert_int_equal(mkdir("no-file", 0700), 0);
    assert_false(file_replace("no-file", "x", 1, 0600));
    assert_false(file_replace("leak/file", "x", 1, 0600));
    assert_false(file_replace("missing/file", "x", 1, 0600));
    struct collected problems;
    assert_int_equal(file_lock("missing/file", collect(&problems)), -1);
    assert_int_equal(next_descriptor(), next);
    close(file_lock("leak", collect(&problems)));
    assert_int_equal(next_descriptor(), next);
}

static void test_refused_write_keeps_the_old_file(void **state)
{
    (void)state;
    static char long_name[NAME_MAX - 1];
    memset(long_name, 'n', sizeof long_name - 1);
    assert_int_equal(mkdir("directory", 0700), 0);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    write_text("five", "12345");
    const struct {
        const char *path;
        int error;
    } rows[] = {
        {"missing/file", ENOENT}, {"directory", EINVAL},  {"pipe", EINVAL},
        {"five/file", ENOTDIR},   {"directory/", ENOENT}, {long_name, ENAMETOOLONG},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        errno = 0;
        check_row(!file_replace(rows[i].path, "x", 1, 0600), "replaced", i, rows[i].path);
        check_row(errno == rows[i].error, strerror(errno), i, rows[i].path);
    }
    assert_false(exists(".directory.new"));
    assert_false(exists(".pipe.new"));
    struct collected problems;
    assert_int_equal(file_lock("missing/file", collect(&problems)), -1);
    assert_int_equal(errno, ENOENT);
}

/* A limit on the size of files stops the write half-way, as a full disk would. */
static void test_full_disk_keeps_the_old_file(void **state)
{
    (void)state;
    static char large[20000];
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    write_text("full", "old");
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit small = {.rlim_cur = 8192, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const bool good = file_replace("full", large, sizeof large, 0600);
    const int error = errno;
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    assert_false(good);
    assert_int_equal(error, EFBIG);
    check_content("full", "old");
    assert_false(exists(".full.new"));
}

/* A file that was renamed before it was on disk may be empty after a power failure. */
static void test_file_is_synced_before_rename(void **state)
{
    (void)state;
    struct stat status;
    steps[0] = '\0';
    assert_true(file_replace("ordered", "new text", 8, 0640));
    assert_string_equal(steps, "sync file;rename;sync folder;");
    assert_int_equal(stat("ordered", &status), 0);
    assert_int_equal(synced.st_ino, status.st_ino);
    assert_int_equal(synced.st_size, 8);
    assert_int_equal(synced.st_mode, status.st_mode);
}

/* Some file systems cannot sync a folder. The new file is in force nevertheless. */
static void test_unsynced_folder_is_no_error(void **state)
{
    (void)state;
    static const int errors[] = {EIO, EINVAL};
    for (size_t i = 0; i < ROWS(errors); i++) {
        write_text("unsynced", "old");
        error_of_folder = errors[i];
        const bool good = file_replace("unsynced", "new", 3, 0600);
        error_of_folder = 0;
        check_content("unsynced", "new");
        check_row(good, "said to have failed", i, strerror(errors[i]));
    }
}

/* Replaces the file for ever, with two contents in turn. */
static void replace_for_ever(void)
{
    static char a[4000];
    static char b[6000];
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* where the test fails */
    memset(a, 'a', sizeof a);
    memset(b, 'b', sizeof b);
    for (;;) {
        if (!file_replace("busy", a, sizeof a, 0600) || !file_replace("busy", b, sizeof b, 0600))
            _exit(1);
    }
}

/* A reader always sees one of the two contents, whole, also after the writer was killed. */
static void test_killed_writer_leaves_a_whole_file(void **state)
{
    (void)state;
    char text[8000];
    assert_true(file_replace("busy", "", 0, 0600));
    for (int round = 0; round < 5; round++) {
        const pid_t writer = fork();
        if (writer == 0)
            replace_for_ever();
        bool seen_a = false;
        bool seen_b = false;
        while (!seen_a || !seen_b) {
            const size_t length = strlen(read_text("busy", text, sizeof text));
            seen_a = seen_a || (length == 4000 && strspn(text, "a") == length);
            seen_b = seen_b || (length == 6000 && strspn(text, "b") == length);
            if (length != 0 && length != 4000 && length != 6000)
                fail_msg("%zu bytes were seen", length);
            assert_int_equal(waitpid(writer, NULL, WNOHANG), 0);
        }
        assert_int_equal(kill(writer, SIGKILL), 0);
        assert_int_equal(waitpid(writer, NULL, 0), writer);
        const size_t length = strlen(read_text("busy", text, sizeof text));
        assert_true(length == 4000 || length == 6000);
    }
    assert_true(file_replace("busy", "mended", 6, 0600));
    check_content("busy", "mended");
    assert_false(exists(".busy.new"));
}

/* Adds one to the number in `path`, `times` times, in a child process. Returns its exit status. */
static int count_up(const char *path, int times)
{
    for (int i = 0; i < times; i++) {
        char text[32];
        struct collected problems;
        const int lock = file_lock(path, collect(&problems));
        if (lock < 0)
            return 1;
        read_text(path, text, sizeof text);
        snprintf(text, sizeof text, "%ld", strtol(text, NULL, 10) + 1);
        if (!file_replace(path, text, strlen(text), 0600))
            return 1;
        close(lock);
    }
    return 0;
}

/* No update of writers that take the lock is lost, whichever name of the file they use. */
static void test_lock_serialises_writers(void **state)
{
    (void)state;
    enum { TIMES = 20 };
    static const char *const paths[] = {"counter/number", "number", "./counter/../number"};
    assert_int_equal(mkdir("counter", 0700), 0);
    write_text("counter/number", "0");
    assert_int_equal(symlink("counter/number", "number"), 0);
    pid_t writers[ROWS(paths)];
    for (size_t i = 0; i < ROWS(paths); i++) {
        writers[i] = fork();
        if (writers[i] == 0)
            _exit(count_up(paths[i], TIMES));
    }
    for (size_t i = 0; i < ROWS(paths); i++) {
        int status;
        assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
        assert_int_equal(status, 0);
    }
    check_content("counter/number", "60");

    /* Nothing is left but the file and the lock file. */
    assert_int_equal(mode_of("counter/.tokenctl.lock"), 0600);
    assert_int_equal(unlink("counter/.tokenctl.lock"), 0);
    assert_int_equal(unlink("counter/number"), 0);
    assert_int_equal(rmdir("counter"), 0);
}

/* Takes the lock, reports that, and holds it until it is killed. */
static void hold_lock(const char *path, int told)
{
    struct collected problems;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* where the test fails */
    if (file_lock(path, collect(&problems)) < 0 || write(told, "", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

/* A process that waits too long gets a warning that names the holder. A killed process holds no lock. */
static void test_waiting_for_a_lock_warns_and_ends(void **state)
{
    (void)state;
    int told[2];
    char byte;
    char expected[64];
    struct collected problems;
    assert_int_equal(mkdir("held", 0700), 0);
    assert_int_equal(pipe(told), 0);
    const pid_t holder = fork();
    if (holder == 0)
        hold_lock("held/file", told[1]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    struct diagnostics *diagnostics = collect(&problems);
    diagnostics->lock_timeout_ms = 50;
    assert_int_equal(file_lock("held/file", diagnostics), -1);
    assert_int_equal(errno, ETIMEDOUT);
    snprintf(expected, sizeof expected, "warning: held/file: process %ld holds the lock", (long)holder);
    assert_memory_equal(problems.text, expected, strlen(expected));
    assert_int_equal(kill(holder, SIGKILL), 0);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
    const int lock = file_lock("held/file", collect(&problems));
    assert_true(lock >= 0);
    assert_string_equal(problems.text, "");
    close(lock);
    close(told[0]);
    close(told[1]);
}

/* Runs in a child process, as a user who may enter the folder and read in it, but not write. */
static int lock_as_stranger(void)
{
    struct collected problems;
    struct diagnostics *diagnostics = collect(&problems);
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 100;
    /* This user cannot open the lock file, so it cannot hold the lock and keep others waiting. */
    if (geteuid() != 0 && open("shared_lock/.tokenctl.lock", O_RDONLY) >= 0 &&
        access("shared_lock", W_OK) != 0)
        return 1;
    return file_lock("shared_lock/file", diagnostics) >= 0 ? 0 : 2;
}

static void test_lock_needs_the_right_to_write(void **state)
{
    (void)state;
    static const struct {
        mode_t folder;
        mode_t lock;
    } rows[] = {{0755, 0600}, {0775, 0660}, {0700, 0600}};
    struct collected problems;
    int status;
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(mkdir("shared_lock", 0700), 0);
        assert_int_equal(chmod("shared_lock", rows[i].folder), 0);
        /* Created by root, the lock file belongs to the folder's owner. */
        if (geteuid() == 0)
            assert_int_equal(chown("shared_lock", 1, 1), 0);
        const int lock = file_lock("shared_lock/file", collect(&problems));
        assert_true(lock >= 0);
        check_row(mode_of("shared_lock/.tokenctl.lock") == rows[i].lock, "mode", i, "");
        struct stat of_folder;
        struct stat of_lock;
        assert_int_equal(stat("shared_lock", &of_folder) + stat("shared_lock/.tokenctl.lock", &of_lock), 0);
        check_row(of_lock.st_uid == of_folder.st_uid && of_lock.st_gid == of_folder.st_gid, "owner", i, "");
        if (geteuid() == 0 && rows[i].folder == 0755) {
            assert_int_equal(chmod(".", 0755), 0);
            const pid_t stranger = fork();
            if (stranger == 0)
                _exit(lock_as_stranger());
            assert_int_equal(waitpid(stranger, &status, 0), stranger);
            assert_int_equal(status, 0);
        }
        close(lock);
        assert_int_equal(unlink("shared_lock/.tokenctl.lock") + rmdir("shared_lock"), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_is_created_and_replaced),
        cmocka_unit_test(test_owner_and_mode_are_kept),
        cmocka_unit_test(test_owner_that_cannot_be_kept_is_an_error),
        cmocka_unit_test(test_links_are_followed),
        cmocka_unit_test(test_acl_is_kept),
        cmocka_unit_test(test_default_acl_of_folder_is_removed),
        cmocka_unit_test(test_unreadable_acl_is_an_error),
        cmocka_unit_test(test_leftover_file_is_replaced),
        cmocka_unit_test(test_refused_write_keeps_the_old_file),
        cmocka_unit_test(test_full_disk_keeps_the_old_file),
        cmocka_unit_test(test_file_is_synced_before_rename),
        cmocka_unit_test(test_unsynced_folder_is_no_error),
        cmocka_unit_test(test_failing_close_is_an_error),
        cmocka_unit_test(test_all_descriptors_are_closed),
        cmocka_unit_test(test_killed_writer_leaves_a_whole_file),
        cmocka_unit_test(test_lock_serialises_writers),
        cmocka_unit_test(test_waiting_for_a_lock_warns_and_ends),
        cmocka_unit_test(test_lock_needs_the_right_to_write),
    };
    return cmocka_run_group_tests_name("file_replace", tests, enter_folder, leave_folder);
}
