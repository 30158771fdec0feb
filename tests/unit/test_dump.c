#include "process/dump.h"

#include "fixture.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Runs in a child process, because the change is permanent. */
static void test_dumps_are_forbidden(void **state)
{
    (void)state;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {1, 1};
        const bool good = dump_forbid() && getrlimit(RLIMIT_CORE, &limit) == 0;
        _exit(good && limit.rlim_max == 0 && limit.rlim_cur == 0 && prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dumps_are_forbidden)};
    return cmocka_run_group_tests_name("dump", tests, NULL, NULL);
}
