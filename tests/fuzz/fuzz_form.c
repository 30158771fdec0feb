/* A form's body: the values lie in it, and put into a form again they are the same. */
#include "http/form.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "fuzz.h"

enum { NAMES = 4 };

static const char *const names[NAMES] = {"grant_type", "client_id", "client_secret", "scope"};

static void check_values(struct text body, const struct text values[NAMES])
{
    size_t total = 0;
    for (size_t i = 0; i < NAMES; i++) {
        REQUIRE(values[i].data == NULL || values[i].length > 0);
        REQUIRE(values[i].data == NULL || fuzz_is_inside(values[i], body));
        total += values[i].length;
    }
    REQUIRE(total <= body.length);
}

static void check_round(const struct text values[NAMES])
{
    struct buffer form = {0};
    for (size_t i = 0; i < NAMES; i++) {
        char *encoded = fuzz_percent_encode(values[i]);
        buffer_print(&form, "%s=%s&", names[i], encoded);
        free(encoded);
    }
    struct text again[NAMES];
    size_t duplicate;
    REQUIRE(form_parse(form.data, form.length, names, NAMES, again, &duplicate) == FORM_GOOD);
    for (size_t i = 0; i < NAMES; i++) {
        REQUIRE((values[i].data == NULL) == (again[i].data == NULL));
        REQUIRE(text_equal(values[i], again[i]));
    }
    buffer_free(&form);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct text query = fuzz_text(data, size);
    char *copy = fuzz_copy(query);
    const struct text body = {copy, size};
    struct text values[NAMES];
    size_t duplicate = NAMES + 1;
    const enum form_result result = form_parse(copy, size, names, NAMES, values, &duplicate);

    REQUIRE(result != FORM_DUPLICATE || duplicate < NAMES);
    if (result != FORM_MALFORMED) {
        size_t given = 0;
        check_values(body, values);
        for (size_t i = 0; i < NAMES; i++)
            given += values[i].data != NULL;
        REQUIRE(form_query_has(query, names, NAMES) == (given > 0));
        check_round(values);
    }
    form_query_has(query, names, NAMES);
    free(copy);
    return 0;
}
