/* An Authorization header: what is found in it has the syntax of a token in RFC 6750 §2.1, and each token
 * that has it is found. */
#include "http/bearer_auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "fuzz.h"

static bool is_token_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~+/", c) != NULL);
}

static bool is_token(struct text text)
{
    size_t i = 0;
    while (i < text.length && is_token_character(text.data[i]))
        i++;
    const bool has_characters = i > 0;
    while (i < text.length && text.data[i] == '=')
        i++;
    return has_characters && i == text.length;
}

static void check_header(struct text header)
{
    char *copy = fuzz_copy(header);
    const struct text whole = {copy, header.length};
    struct text token;
    const enum bearer_auth_result result = bearer_auth_parse(whole, &token);
    const bool has_scheme = header.length >= 6 && strncasecmp(header.data, "Bearer", 6) == 0 &&
                            (header.length == 6 || header.data[6] == ' ');
    REQUIRE((result == BEARER_AUTH_ABSENT) == !has_scheme);
    REQUIRE((result == BEARER_AUTH_GOOD) == (token.data != NULL));
    if (result == BEARER_AUTH_GOOD)
        REQUIRE(is_token(token) && fuzz_is_inside(token, whole) &&
                token.data + token.length == copy + header.length);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct text text = fuzz_text(data, size);
    struct buffer header = {0};
    struct text token;
    check_header(text);
    buffer_add(&header, text_of("bEARER  "));
    buffer_add(&header, text);
    const struct text whole = {header.data, header.length};
    check_header(whole);
    if (size > 0 && text.data[0] != ' ')
        REQUIRE((bearer_auth_parse(whole, &token) == BEARER_AUTH_GOOD) == is_token(text));
    buffer_free(&header);
    return 0;
}
