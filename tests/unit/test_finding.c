/* Tests what is kept of findings, and of a process that makes them. */
#include "fixture.h"

#include <signal.h>

#include "doctor/finding.h"

static struct findings *new_findings(void)
{
    struct findings *findings = calloc(1, sizeof *findings);
    assert_non_null(findings);
    return findings;
}

static void test_every_name_is_there(void **state)
{
    (void)state;
    for (int step = 0; step < FINDING_STEPS; step++)
        assert_non_null(finding_step_name((enum finding_step)step));
    for (int weight = 0; weight < FINDING_WEIGHTS; weight++)
        assert_non_null(finding_weight_name((enum finding_weight)weight));
}

static void test_the_same_text_is_kept_once(void **state)
{
    (void)state;
    struct findings *findings = new_findings();
    findings_add(findings, STEP_KEYS, FINDING_ERROR, "%s", "a\x1b\n");
    findings_add(findings, STEP_FILES, FINDING_NOTE, "a??");
    assert_int_equal(findings->count, 1);
    assert_string_equal(findings->list[0].text, "a??");
    assert_true(findings_are_bad(findings, STEP_KEYS));
    assert_false(findings_are_bad(findings, STEP_FILES));
    free(findings);
}

static void test_a_step_has_a_limit(void **state)
{
    (void)state;
    struct findings *findings = new_findings();
    for (int step = 0; step < FINDING_STEPS; step++) {
        for (int i = 0; i < 2 * FINDINGS_OF_STEP; i++)
            findings_add(findings, (enum finding_step)step, FINDING_WARNING, "%d of %d", i, step);
        assert_int_equal(findings->of_step[step], 2 * FINDINGS_OF_STEP);
    }
    assert_int_equal(findings->count, FINDING_STEPS * FINDINGS_OF_STEP);
    assert_int_equal(findings->of_weight[FINDING_WARNING], 2 * FINDING_STEPS * FINDINGS_OF_STEP);
    free(findings);
}

static void test_diagnostics_become_findings(void **state)
{
    (void)state;
    struct findings *findings = new_findings();
    struct finding_sink sink = {findings, STEP_STATE};
    struct diagnostics diagnostics = findings_diagnostics(&sink, 7);
    assert_int_equal(diagnostics.user, 7);
    diagnostics_add(&diagnostics, SEVERITY_ERROR, "f", 3, "one");
    diagnostics_add(&diagnostics, SEVERITY_WARNING, "f", 0, "two");
    assert_int_equal(findings->count, 2);
    assert_string_equal(findings->list[0].text, "f:3: one");
    assert_int_equal(findings->list[0].weight, FINDING_ERROR);
    assert_int_equal(findings->list[1].weight, FINDING_WARNING);
    assert_int_equal(findings->list[1].step, STEP_STATE);
    free(findings);
}

/* --- A process of its own --- */

/* More than a pipe holds. */
static void find_much(void *context, struct findings *findings)
{
    for (int step = 0; step < FINDING_STEPS; step++) {
        for (int i = 0; i < FINDINGS_OF_STEP; i++)
            findings_add(findings, (enum finding_step)step, FINDING_NOTE, "%s %d %d", (const char *)context,
                         step, i);
    }
}

static void find_and_die(void *context, struct findings *findings)
{
    (void)context;
    findings_add(findings, STEP_KEYS, FINDING_GOOD, "lost");
    raise(SIGKILL);
}

static void test_findings_of_a_child(void **state)
{
    (void)state;
    char text[] = "found";
    char last[64];
    /* Valgrind looks for leaks in the child, too. */
    static struct findings *findings;
    findings = new_findings();
    findings_of_child(findings, STEP_TLS, find_much, text);
    assert_int_equal(findings->count, FINDING_STEPS * FINDINGS_OF_STEP);
    snprintf(last, sizeof last, "found %d %d", FINDING_STEPS - 1, FINDINGS_OF_STEP - 1);
    assert_string_equal(findings->list[findings->count - 1].text, last);
    assert_int_equal(findings->of_weight[FINDING_ERROR], 0);
    free(findings);
}

static void test_a_child_that_is_killed(void **state)
{
    (void)state;
    struct findings *findings = new_findings();
    findings_of_child(findings, STEP_TLS, find_and_die, NULL);
    assert_int_equal(findings->count, 1);
    assert_int_equal(findings->list[0].step, STEP_TLS);
    assert_int_equal(findings->list[0].weight, FINDING_ERROR);
    assert_non_null(strstr(findings->list[0].text, "was ended by signal 9"));
    free(findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_name_is_there), cmocka_unit_test(test_the_same_text_is_kept_once),
        cmocka_unit_test(test_a_step_has_a_limit),  cmocka_unit_test(test_diagnostics_become_findings),
        cmocka_unit_test(test_findings_of_a_child), cmocka_unit_test(test_a_child_that_is_killed),
    };
    return cmocka_run_group_tests_name("finding", tests, NULL, NULL);
}
