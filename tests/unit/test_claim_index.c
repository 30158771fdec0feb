#include "token/claim_index.h"

#include "fixture.h"

#include "base/json_read.h"

static const struct {
    const char *claims;
    const char *subject; /* NULL: absent, or no string */
    bool is_there;       /* `sub`, whatever it is */
    bool is_date;        /* `exp` is one, or absent */
    double expires;      /* -7: absent */
} index_rows[] = {
    {"{\"sub\":\"a\",\"exp\":5}", "a", true, true, 5},
    {"{}", NULL, false, true, -7},
    {"{\"exp\":5.5,\"s\\u0075b\":\"b\"}", "b", true, true, 5.5},
    {"{\"sub\":null,\"exp\":null}", NULL, true, false, -7},
    {"{\"sub\":1,\"exp\":\"5\"}", NULL, true, false, -7},
    {"{\"su\":\"a\",\"subs\":\"a\",\"SUB\":\"a\",\"\":\"a\",\"expo\":1}", NULL, false, true, -7},
    {"{\"x\":{\"sub\":\"a\",\"exp\":1}}", NULL, false, true, -7},
    {"{\"exp\":9007199254740992}", NULL, false, true, 9007199254740992.0},
    {"{\"exp\":-9007199254740992}", NULL, false, true, -9007199254740992.0},
};

/* One index for all objects: nothing of the last one is left. */
static void test_claims_are_found(void **state)
{
    (void)state;
    struct claim_index index;
    memset(&index, 0xff, sizeof index);
    for (size_t i = 0; i < ROWS(index_rows); i++) {
        const char *claims = index_rows[i].claims;
        struct json_object *object = json_read(text_of(claims), NULL);
        struct json_object *value;
        double expires = -7;
        check_row(object != NULL, "JSON", i, claims);
        claim_index_fill(&index, object);
        check_row(text_is(claim_index_text(&index, CLAIM_SUB), index_rows[i].subject), "sub", i, claims);
        check_row(claim_index_get(&index, CLAIM_SUB, &value) == index_rows[i].is_there, "there", i, claims);
        check_row(claim_index_date(&index, CLAIM_EXP, &expires) == index_rows[i].is_date, "date", i, claims);
        check_row(expires == index_rows[i].expires || !index_rows[i].is_date, "exp", i, claims);
        check_row(!claim_index_get(&index, CLAIM_ISS, &value), "iss", i, claims);
        json_object_put(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
