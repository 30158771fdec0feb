#include "process/file_access.h"

#include "fixture.h"

#include <glob.h>

/* The replaced access() refuses this path: root, who may run the test, is never refused. */
static struct {
    const char *path; /* with everything below it; NULL: nothing */
    int mode;
    int error;
} refused;

int access(const char *path, int mode)
{
    const size_t length = refused.path != NULL ? strlen(refused.path) : 0;
    if (length == 0 || strncmp(path, refused.path, length) != 0 || (mode & refused.mode) == 0)
        return 0;
    if (path[length] != '\0' && path[length] != '/')
        return 0;
    errno = refused.error;
    return -1;
}

gid_t getegid(void)
{
    return 980;
}

/* The result of the replaced fchown(), its arguments, and whether the log had its name by then. */
static int change_of_owner;
static struct identity new_owner;
static bool was_named = true;

int fchown(int descriptor, uid_t owner, gid_t group)
{
    (void)descriptor;
    new_owner = (struct identity){owner, group};
    was_named = faccessat(AT_FDCWD, "token.log", F_OK, 0) == 0;
    errno = EPERM;
    return change_of_owner;
}

static struct config config_with(char *group, char *log)
{
    return (struct config){.file = "etc/token.conf",
                           .accounts = "etc/accounts",
                           .keys = "etc/keys.jwks",
                           .state = "etc/state",
                           .log = log,
                           .user = "token",
                           .group = group};
}

#define BEHIND_CLOSED(path)                                                                                  \
    "error: " path ": user token may not enter its folder; run: chgrp web 'etc' && chmod g+x 'etc'\n"

static const struct {
    const char *path;
    int mode;
    int error;
    char *group;
    const char *problem;
} denials[] = {
    {NULL, 0, 0, NULL, ""},
    {"etc/keys.jwks", R_OK, EACCES, NULL,
     "error: etc/keys.jwks: user token may not read it; run: chgrp 980 'etc/keys.jwks' && chmod g+r "
     "'etc/keys.jwks'\n"},
    {"etc/keys.jwks", R_OK, EACCES, "web",
     "error: etc/keys.jwks: user token may not read it; run: chgrp web 'etc/keys.jwks' && chmod g+r "
     "'etc/keys.jwks'\n"},
    {"etc/accounts", R_OK, EACCES, "web",
     "error: etc/accounts: user token may not read it; run: chgrp web 'etc/accounts' && chmod g+r "
     "'etc/accounts'\n"},
    {"etc/token.conf", R_OK, EACCES, "web",
     "error: etc/token.conf: user token may not read it; run: chgrp web 'etc/token.conf' && chmod g+r "
     "'etc/token.conf'\n"},
    {"etc/state", W_OK, EACCES, "web",
     "error: etc/state: user token may not write it; run: chown -R token 'etc/state'\n"},
    {"log/token.log", W_OK, EACCES, "web",
     "error: log/token.log: user token may not write it; run: chown -R token 'log/token.log'\n"},
    {"etc", R_OK | W_OK | X_OK, EACCES, "web",
     BEHIND_CLOSED("etc/token.conf") BEHIND_CLOSED("etc/accounts") BEHIND_CLOSED("etc/keys.jwks")
         BEHIND_CLOSED("etc/state")},
    /* The code that loads it reports it better. */
    {"etc/accounts", R_OK, ENOENT, "web", ""},
    {"etc/accounts", R_OK, EIO, "web", ""},
};

static void test_denied_files_are_reported(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(denials); i++) {
        struct collected collected;
        const struct config config = config_with(denials[i].group, "log/token.log");
        refused.path = denials[i].path;
        refused.mode = denials[i].mode;
        refused.error = denials[i].error;
        const bool good = file_access_check(&config, collect(&collected));
        check_row(strcmp(collected.text, denials[i].problem) == 0, collected.text, i, "text");
        check_row(good == (denials[i].problem[0] == '\0'), "good", i, "text");
    }
}

static void test_log_that_is_no_file_is_not_created(void **state)
{
    (void)state;
    struct collected collected;
    static char *const names[] = {"stderr", "syslog"};
    for (size_t i = 0; i < ROWS(names); i++) {
        const struct config config = config_with("web", names[i]);
        const struct identity owner = {geteuid(), getegid()};
        refused.path = names[i];
        refused.mode = W_OK;
        refused.error = EACCES;
        assert_true(file_access_check(&config, collect(&collected)));
        file_access_create_log(&config, &owner);
        struct stat status;
        assert_int_not_equal(stat(names[i], &status), 0);
    }
    refused.path = NULL;
}

static size_t files_named(const char *pattern)
{
    glob_t found;
    const size_t count = glob(pattern, GLOB_PERIOD, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return count;
}

static void test_missing_log_is_created(void **state)
{
    (void)state;
    struct stat status;
    const struct config config = config_with(NULL, "token.log");
    const struct identity owner = {IDENTITY_NO_USER, IDENTITY_NO_GROUP};
    const mode_t mask = umask(0077);
    file_access_create_log(&config, &owner);
    umask(mask);
    assert_false(was_named);
    assert_int_equal(stat("token.log", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_size, 0);

    /* An existing file is unchanged. */
    write_text("token.log", "a line\n");
    file_access_create_log(&config, &owner);
    char text[16];
    assert_string_equal(read_text("token.log", text, sizeof text), "a line\n");

    /* A link is not followed. */
    assert_int_equal(unlink("token.log"), 0);
    assert_int_equal(symlink("elsewhere", "token.log"), 0);
    file_access_create_log(&config, &owner);
    assert_int_not_equal(stat("elsewhere", &status), 0);
    assert_int_equal(unlink("token.log"), 0);
    assert_int_equal(files_named("*token.log*"), 0);

    umask(0);
    file_access_create_log(&config, &owner);
    umask(mask);
    assert_int_equal(stat("token.log", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(unlink("token.log"), 0);
}

static void test_log_gets_its_owner_before_its_name(void **state)
{
    (void)state;
    const struct config config = config_with(NULL, "token.log");
    const struct identity owner = {65534, 65533};
    file_access_create_log(&config, &owner);
    assert_int_equal(new_owner.user, 65534);
    assert_int_equal(new_owner.group, 65533);
    assert_int_equal(unlink("token.log"), 0);
}

static void test_log_without_its_owner_is_not_created(void **state)
{
    (void)state;
    const struct config config = config_with(NULL, "token.log");
    const struct identity owner = {65534, 65534};
    change_of_owner = -1;
    file_access_create_log(&config, &owner);
    change_of_owner = 0;
    assert_int_equal(files_named("*token.log*"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_denied_files_are_reported),
        cmocka_unit_test(test_log_that_is_no_file_is_not_created),
        cmocka_unit_test(test_missing_log_is_created),
        cmocka_unit_test(test_log_gets_its_owner_before_its_name),
        cmocka_unit_test(test_log_without_its_owner_is_not_created),
    };
    return cmocka_run_group_tests_name("file_access", tests, enter_folder, leave_folder);
}
