/* An Authorization header, and credentials that are put into one as RFC 6749 §2.3.1 says: there they are
 * again.
 */
#include "http/basic_auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "fuzz.h"

static void check_readings(const struct basic_auth *basic)
{
    const struct text buffer = {basic->buffer, basic->size};
    REQUIRE(basic->count == 1 || basic->count == 2);
    for (size_t i = 0; i < basic->count; i++) {
        const struct credentials *decoding = &basic->decodings[i];
        REQUIRE(fuzz_is_inside(decoding->client_id, buffer));
        REQUIRE(fuzz_is_inside(decoding->client_secret, buffer));
        REQUIRE(text_is_utf8(decoding->client_id) && text_is_utf8(decoding->client_secret));
    }
    if (basic->count == 2)
        REQUIRE(!text_equal(basic->decodings[0].client_id, basic->decodings[1].client_id) ||
                !text_equal(basic->decodings[0].client_secret, basic->decodings[1].client_secret));
    /* Raw, and so up to the first colon. */
    const struct text raw_id = basic->decodings[basic->count - 1].client_id;
    REQUIRE(raw_id.length == 0 || memchr(raw_id.data, ':', raw_id.length) == NULL);
}

static void check_header(struct text header)
{
    char *copy = fuzz_copy(header);
    struct basic_auth basic;
    const enum basic_auth_result result = basic_auth_parse((struct text){copy, header.length}, &basic);
    free(copy);
    REQUIRE(result != BASIC_AUTH_NO_MEMORY);
    if (header.length < 5 || strncasecmp(header.data, "Basic", 5) != 0)
        REQUIRE(result == BASIC_AUTH_ABSENT);
    if (result == BASIC_AUTH_GOOD)
        check_readings(&basic);
    else
        REQUIRE(basic.count == 0);
    basic_auth_clear(&basic);
}

static void check_round(struct text client_id, struct text client_secret)
{
    char *encoded_id = fuzz_percent_encode(client_id);
    char *encoded_secret = fuzz_percent_encode(client_secret);
    struct buffer pair = {0};
    struct buffer header = {0};
    struct basic_auth basic;
    buffer_print(&pair, "%s:%s", encoded_id, encoded_secret);
    char *base64 = fuzz_base64((struct text){pair.data, pair.length});
    buffer_print(&header, "bAsIc  %s ", base64);

    REQUIRE(basic_auth_parse((struct text){header.data, header.length}, &basic) == BASIC_AUTH_GOOD);
    check_readings(&basic);
    if (text_is_utf8(client_id))
        REQUIRE(text_equal(basic.decodings[0].client_id, client_id));
    if (text_is_utf8(client_secret))
        REQUIRE(text_equal(basic.decodings[0].client_secret, client_secret));

    basic_auth_clear(&basic);
    buffer_free(&header);
    buffer_free(&pair);
    free(base64);
    free(encoded_secret);
    free(encoded_id);
}

/* Behind the scheme that a header begins with, raw bytes in place of base64 are easier to find. */
static void check_encoded(struct text pair)
{
    struct buffer header = {0};
    char *base64 = fuzz_base64(pair);
    buffer_print(&header, "Basic %s", base64);
    check_header((struct text){header.data, header.length});
    buffer_free(&header);
    free(base64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text secret = fuzz_text(data, size);
    check_header(secret);
    check_encoded(secret);
    const struct text client_id = text_split(&secret, ':');
    check_round(client_id, secret);
    return 0;
}
