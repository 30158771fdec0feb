/* What application/x-www-form-urlencoded bodies mean: one row for each rule. */
#include "http/form.h"

#include "fixture.h"

static const char *const names[] = {"a", "b"};

/* NULL stands for an absent value. */
static bool is_value(struct text value, const char *expected)
{
    return expected == NULL ? value.data == NULL : text_is(value, expected);
}

static void test_bodies_are_decoded_or_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *expectation;
        const char *body;
        enum form_result result;
        const char *a;
        const char *b;
    } rows[] = {
        {"an empty body has no parameter", "", FORM_GOOD, NULL, NULL},
        {"parameters in any order", "b=2&a=1", FORM_GOOD, "1", "2"},
        {"an empty parameter counts as absent", "a=&b=2", FORM_GOOD, NULL, "2"},
        {"a name without '=' counts as absent", "a&b=2", FORM_GOOD, NULL, "2"},
        {"an empty parameter and a value are not two", "a=&a=1", FORM_GOOD, "1", NULL},
        {"empty pairs are ignored", "&&a=1&", FORM_GOOD, "1", NULL},
        {"unknown parameters are ignored and may repeat", "x=1&x=2&a=1", FORM_GOOD, "1", NULL},
        {"names are compared with their case", "A=1", FORM_GOOD, NULL, NULL},
        {"a '=' in a value is part of it", "a=1=2", FORM_GOOD, "1=2", NULL},
        {"'+' is a space", "a=1+2", FORM_GOOD, "1 2", NULL},
        {"%2B is '+', %26 is '&'", "a=1%2B2%263", FORM_GOOD, "1+2&3", NULL},
        {"hexadecimal digits have either case", "a=%c3%A9", FORM_GOOD, "\xc3\xa9", NULL},
        {"names are decoded too", "%61=1", FORM_GOOD, "1", NULL},
        {"a known parameter given twice is an error", "a=1&b=2&a=1", FORM_DUPLICATE, NULL, NULL},
        {"so is one that is encoded the second time", "a=1&%61=2", FORM_DUPLICATE, NULL, NULL},
        {"'%' without two digits is an error", "a=%4", FORM_MALFORMED, NULL, NULL},
        {"'%' with another character is an error", "a=%4g", FORM_MALFORMED, NULL, NULL},
        {"also in an unknown parameter", "a=1&x=%", FORM_MALFORMED, NULL, NULL},
        {"also after a duplicate", "a=1&a=2&%=", FORM_MALFORMED, NULL, NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char body[64];
        struct text values[ROWS(names)];
        size_t duplicate;
        snprintf(body, sizeof body, "%s", rows[i].body);
        const enum form_result result =
            form_parse(body, strlen(body), names, ROWS(names), values, &duplicate);
        check_row(result == rows[i].result, rows[i].expectation, i, rows[i].body);
        check_row(result != FORM_DUPLICATE || duplicate == 0, rows[i].expectation, i, rows[i].body);
        if (result == FORM_GOOD)
            check_row(is_value(values[0], rows[i].a) && is_value(values[1], rows[i].b), rows[i].expectation,
                      i, rows[i].body);
    }
}

static void test_parameter_may_repeat_as_often_as_it_is_listed(void **state)
{
    (void)state;
    static const char *const repeated[] = {"a", "b", "b", "b", "c"};
    static const struct {
        const char *body;
        enum form_result result;
        size_t duplicate;
        const char *values[ROWS(repeated)];
    } rows[] = {
        {"b=1", FORM_GOOD, 5, {NULL, "1"}},
        {"b=1&c=4&b=2&a=0&b=&b=3", FORM_GOOD, 5, {"0", "1", "2", "3", "4"}},
        {"b=1&b=1&b=1&b=1", FORM_DUPLICATE, 1, {NULL}},
        {"c=1&c=1&b=1&b=1&b=1&b=1", FORM_DUPLICATE, 4, {NULL}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char body[64];
        struct text values[ROWS(repeated)];
        size_t duplicate;
        snprintf(body, sizeof body, "%s", rows[i].body);
        check_row(form_parse(body, strlen(body), repeated, ROWS(repeated), values, &duplicate) ==
                      rows[i].result,
                  "result", i, rows[i].body);
        check_row(duplicate == rows[i].duplicate, "duplicate", i, rows[i].body);
        for (size_t j = 0; rows[i].result == FORM_GOOD && j < ROWS(repeated); j++)
            check_row(is_value(values[j], rows[i].values[j]), repeated[j], i, rows[i].body);
    }
}

static void test_parameters_in_the_url_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *expectation;
        const char *query;
        bool has;
    } rows[] = {
        {"no query", NULL, false},
        {"a known parameter", "x=1&a=1", true},
        {"an encoded name", "%61=1", true},
        {"an empty value does not count", "a=", false},
        {"nor does an unknown parameter", "x=a", false},
        {"a malformed name is taken literally", "%6=1&a%=2", false},
        {"a malformed value is a value", "b=%", true},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        check_row(form_query_has(text_of(rows[i].query), names, ROWS(names)) == rows[i].has,
                  rows[i].expectation, i, rows[i].query);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies_are_decoded_or_malformed),
        cmocka_unit_test(test_parameter_may_repeat_as_often_as_it_is_listed),
        cmocka_unit_test(test_parameters_in_the_url_are_found),
    };
    return cmocka_run_group_tests_name("form", tests, NULL, NULL);
}
