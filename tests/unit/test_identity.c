#include "base/identity.h"

#include "fixture.h"

#include <grp.h>
#include <pwd.h>

/* The result of the replaced look-ups: an entry, or none and this errno. */
static int answer_errno;
static bool is_found;

struct passwd *getpwnam(const char *name)
{
    static struct passwd entry = {.pw_uid = 990, .pw_gid = 980};
    assert_string_equal(name, "token");
    errno = answer_errno;
    return is_found ? &entry : NULL;
}

struct group *getgrnam(const char *name)
{
    static struct group entry = {.gr_gid = 33};
    assert_string_equal(name, "token");
    errno = answer_errno;
    return is_found ? &entry : NULL;
}

static void test_existing_name_is_found(void **state)
{
    (void)state;
    struct identity found = {0, 0};
    gid_t group = 0;
    is_found = true;
    answer_errno = ENOENT; /* left over from a source that was searched before the right one */
    assert_true(identity_find_user("token", &found));
    assert_int_equal(found.user, 990);
    assert_int_equal(found.group, 980);
    assert_true(identity_find_group("token", &group));
    assert_int_equal(group, 33);
}

static void test_missing_name_is_no_failure(void **state)
{
    (void)state;
    static const struct {
        int answered;
        int expected;
    } rows[] = {
        {0, 0},     {ENOENT, 0}, {ESRCH, 0},       {EBADF, 0},
        {EPERM, 0}, {EIO, EIO},  {ENOMEM, ENOMEM}, {EMFILE, EMFILE},
    };
    is_found = false;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct identity found;
        gid_t group;
        answer_errno = rows[i].answered;
        check_row(!identity_find_user("token", &found) && errno == rows[i].expected, strerror(errno), i,
                  "user");
        check_row(!identity_find_group("token", &group) && errno == rows[i].expected, strerror(errno), i,
                  "group");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_existing_name_is_found),
        cmocka_unit_test(test_missing_name_is_no_failure),
    };
    return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
