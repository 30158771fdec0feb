#include "process/privilege.h"

#include "fixture.h"

#include <grp.h>
#include <pwd.h>

#include "process/dump.h"

/* --- A system of one process, in the place of the real one --- */

enum call { NONE, INITGROUPS, SETGROUPS, SETRESGID, SETRESUID, GETRESUID, GETRESGID, DUMP_FORBID };

static struct system {
    uid_t user[3]; /* real, effective, saved */
    gid_t group[3];
    gid_t more;         /* the one supplementary group; 0: none */
    const char *groups; /* the argument of initgroups() */
    enum call failing;
    enum call lying;       /* this call reports success and does nothing */
    bool returns_to_root;  /* the process can become root again */
    bool keeps_saved_user; /* setresuid() does not change the saved user */
    bool is_undumpable;
    int changes;
} machine;

enum { TOKEN_USER = 990, TOKEN_GROUP = 980, WEB_GROUP = 33, MORE_GROUP = 44 };

static int does(enum call call)
{
    if (machine.failing == call) {
        errno = EPERM;
        return -1;
    }
    return machine.lying == call ? 1 : 0;
}

uid_t geteuid(void)
{
    return machine.user[1];
}

gid_t getegid(void)
{
    return machine.group[1];
}

int group_member(gid_t group)
{
    return machine.more != 0 && machine.more == group;
}

int initgroups(const char *user, gid_t group)
{
    (void)group;
    if (does(INITGROUPS) != 0)
        return -1;
    machine.groups = user;
    machine.more = MORE_GROUP;
    return 0;
}

int setgroups(size_t count, const gid_t *groups)
{
    if (does(SETGROUPS) != 0)
        return -1;
    assert_int_equal(count, 1);
    machine.more = groups[0];
    return 0;
}

int setresgid(gid_t real, gid_t effective, gid_t saved)
{
    if (machine.user[1] != 0 && !machine.returns_to_root) {
        errno = EPERM;
        return -1;
    }
    const int result = does(SETRESGID);
    if (result == 0) {
        machine.group[0] = real;
        machine.group[1] = effective;
        machine.group[2] = saved;
        machine.changes++;
    }
    return result < 0 ? -1 : 0;
}

int setresuid(uid_t real, uid_t effective, uid_t saved)
{
    if (machine.user[1] != 0 && !machine.returns_to_root) {
        errno = EPERM;
        return -1;
    }
    const int result = does(SETRESUID);
    if (result == 0) {
        machine.user[0] = real;
        machine.user[1] = effective;
        machine.user[2] = machine.keeps_saved_user ? machine.user[2] : saved;
        machine.is_undumpable = false;
        machine.changes++;
    }
    return result < 0 ? -1 : 0;
}

int getresuid(uid_t *real, uid_t *effective, uid_t *saved)
{
    *real = machine.user[0];
    *effective = machine.user[1];
    *saved = machine.user[2];
    return does(GETRESUID);
}

int getresgid(gid_t *real, gid_t *effective, gid_t *saved)
{
    *real = machine.group[0];
    *effective = machine.group[1];
    *saved = machine.group[2];
    return does(GETRESGID);
}

bool dump_forbid(void)
{
    machine.is_undumpable = does(DUMP_FORBID) == 0;
    return machine.is_undumpable;
}

struct passwd *getpwnam(const char *name)
{
    static struct passwd token = {.pw_uid = TOKEN_USER, .pw_gid = TOKEN_GROUP};
    static struct passwd root = {.pw_uid = 0, .pw_gid = 0};
    if (strcmp(name, "token") == 0)
        return &token;
    return strcmp(name, "root") == 0 ? &root : NULL;
}

struct group *getgrnam(const char *name)
{
    static struct group web = {.gr_gid = WEB_GROUP};
    return strcmp(name, "web") == 0 ? &web : NULL;
}

/* --- The tests --- */

static struct config config_of(char *user, char *group)
{
    return (struct config){.file = "token.conf",
                           .accounts = "accounts",
                           .keys = "keys.jwks",
                           .state = "state",
                           .log = "stderr",
                           .user = user,
                           .group = group};
}

static void test_process_becomes_the_user(void **state)
{
    (void)state;
    static const struct {
        char *user;
        char *group;
        uid_t expected_user;
        gid_t expected_group;
        gid_t more;
    } rows[] = {
        {NULL, NULL, 0, 0, 0},
        {"token", NULL, TOKEN_USER, TOKEN_GROUP, MORE_GROUP},
        {"token", "web", TOKEN_USER, WEB_GROUP, MORE_GROUP},
        {NULL, "web", 0, WEB_GROUP, WEB_GROUP},
        {"root", NULL, 0, 0, MORE_GROUP},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected collected;
        const struct config config = config_of(rows[i].user, rows[i].group);
        machine = (struct system){.lying = NONE};
        check_row(privilege_become(&config, collect(&collected)), collected.text, i, "become");
        for (int j = 0; j < 3; j++) {
            check_row(machine.user[j] == rows[i].expected_user, "user", i, "become");
            check_row(machine.group[j] == rows[i].expected_group, "group", i, "become");
        }
        check_row(machine.more == rows[i].more, "more groups", i, "become");
        check_row(machine.is_undumpable == (machine.changes > 0), "dumps", i, "become");
        check_row(machine.groups == rows[i].user, "whose groups", i, "become");
    }
}

static void test_every_failing_call_is_an_error(void **state)
{
    (void)state;
    static const struct {
        struct system system;
        const char *why;
    } rows[] = {
        {{.failing = INITGROUPS}, "cannot switch to it: Operation not permitted"},
        {{.failing = SETRESGID}, "cannot switch to it: Operation not permitted"},
        {{.failing = SETRESUID}, "cannot switch to it: Operation not permitted"},
        {{.lying = SETRESGID}, "could go back to root"},
        {{.lying = SETRESUID}, "could go back to root"},
        {{.failing = GETRESUID}, "could go back to root"},
        {{.failing = GETRESGID}, "could go back to root"},
        {{.keeps_saved_user = true}, "could go back to root"},
        {{.returns_to_root = true}, "could go back to root"},
        {{.failing = DUMP_FORBID}, "core dumps cannot be forbidden: Operation not permitted"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected collected;
        const struct config config = config_of("token", NULL);
        machine = rows[i].system;
        check_row(!privilege_become(&config, collect(&collected)), "become", i, rows[i].why);
        check_row(strstr(collected.text, "error: token.conf: user token: ") == collected.text, collected.text,
                  i, rows[i].why);
        check_row(strstr(collected.text, rows[i].why) != NULL, collected.text, i, rows[i].why);
    }
    struct collected collected;
    const struct config group = config_of(NULL, "web");
    machine = (struct system){.failing = SETGROUPS};
    assert_false(privilege_become(&group, collect(&collected)));
    assert_string_equal(collected.text,
                        "error: token.conf: group web: cannot switch to it: Operation not permitted\n");
}

static void test_removed_user_is_an_error(void **state)
{
    (void)state;
    struct collected collected;
    const struct config user = config_of("nobody-knows", NULL);
    const struct config group = config_of("token", "nobody-knows");
    machine = (struct system){.lying = NONE};
    assert_false(privilege_become(&user, collect(&collected)));
    assert_string_equal(collected.text,
                        "error: token.conf: user nobody-knows: the user or group no longer exists\n");
    assert_false(privilege_become(&group, collect(&collected)));
    assert_int_equal(collected.diagnostics.errors, 1);
    assert_int_equal(machine.changes, 0);
}

static void test_without_root_nothing_changes(void **state)
{
    (void)state;
    struct collected collected;
    const struct config config = config_of("token", "web");
    machine = (struct system){.user = {7, 7, 7}, .group = {8, 8, 8}};
    assert_true(privilege_become(&config, collect(&collected)));
    assert_true(privilege_drop(&config, collect(&collected)));
    assert_int_equal(machine.changes, 0);
    assert_string_equal(collected.text, "");
}

static void test_owner_of_new_sockets(void **state)
{
    (void)state;
    static const struct {
        char *user;
        char *group;
        struct system system;
        struct identity expected;
    } rows[] = {
        {NULL, NULL, {.lying = NONE}, {IDENTITY_NO_USER, IDENTITY_NO_GROUP}},
        {"token", NULL, {.lying = NONE}, {TOKEN_USER, TOKEN_GROUP}},
        {"token", "web", {.lying = NONE}, {TOKEN_USER, WEB_GROUP}},
        {NULL, "web", {.lying = NONE}, {0, WEB_GROUP}},
        {"token", "web", {.user = {7, 7, 7}}, {IDENTITY_NO_USER, IDENTITY_NO_GROUP}},
        {"token", "web", {.user = {7, 7, 7}, .more = WEB_GROUP}, {IDENTITY_NO_USER, WEB_GROUP}},
        {"token", NULL, {.user = {7, 7, 7}}, {IDENTITY_NO_USER, IDENTITY_NO_GROUP}},
        {"nobody-knows", NULL, {.lying = NONE}, {IDENTITY_NO_USER, IDENTITY_NO_GROUP}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct config config = config_of(rows[i].user, rows[i].group);
        machine = rows[i].system;
        const struct identity owner = privilege_owner(&config);
        check_row(owner.user == rows[i].expected.user, "user", i, "owner");
        check_row(owner.group == rows[i].expected.group, "group", i, "owner");
    }
}

#define AS_ROOT "running as root"
#define AS_USER "user = token has no effect"
#define IN_GROUP "group = web has no effect"

static void test_warnings_about_the_user(void **state)
{
    (void)state;
    static const struct {
        char *user;
        char *group;
        struct system system;
        const char *said[2];
    } rows[] = {
        {NULL, NULL, {.user = {0, 0, 0}}, {AS_ROOT}},
        {NULL, "web", {.group = {0, WEB_GROUP, 0}}, {AS_ROOT}},
        {NULL, "web", {.user = {0, 0, 0}}, {AS_ROOT, IN_GROUP}},
        {NULL, NULL, {.user = {7, 7, 7}}, {NULL}},
        {"root", NULL, {.user = {0, 0, 0}}, {AS_ROOT}},
        {"token", NULL, {.user = {7, 7, 7}, .group = {7, 7, 7}}, {AS_USER}},
        {"token", NULL, {.user = {0, 0, 0}}, {AS_USER}},
        {"token", "web", {.user = {7, 7, 7}, .group = {7, 7, 7}}, {AS_USER, IN_GROUP}},
        {"token", NULL, {.user = {0, TOKEN_USER, 0}, .group = {7, 7, 7}}, {NULL}},
        {"token", "web", {.user = {0, TOKEN_USER, 0}, .more = WEB_GROUP}, {NULL}},
        {"token", "web", {.user = {0, TOKEN_USER, 0}, .group = {0, WEB_GROUP, 0}}, {NULL}},
        {"token", "web", {.user = {0, TOKEN_USER, 0}}, {IN_GROUP}},
        {"nobody-knows", NULL, {.user = {7, 7, 7}}, {NULL}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected collected;
        const struct config config = config_of(rows[i].user, rows[i].group);
        size_t expected = 0;
        machine = rows[i].system;
        privilege_warn(&config, collect(&collected));
        for (size_t j = 0; j < 2 && rows[i].said[j] != NULL; j++) {
            check_row(strstr(collected.text, rows[i].said[j]) != NULL, collected.text, i, rows[i].said[j]);
            expected++;
        }
        check_row(collected.diagnostics.warnings == expected, collected.text, i, "count");
        check_row(collected.diagnostics.errors == 0, collected.text, i, "errors");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process_becomes_the_user),
        cmocka_unit_test(test_every_failing_call_is_an_error),
        cmocka_unit_test(test_without_root_nothing_changes),
        cmocka_unit_test(test_removed_user_is_an_error),
        cmocka_unit_test(test_owner_of_new_sockets),
        cmocka_unit_test(test_warnings_about_the_user),
    };
    return cmocka_run_group_tests_name("privilege", tests, enter_folder, leave_folder);
}
