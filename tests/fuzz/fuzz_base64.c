/* base64 and base64url: what decodes, encodes to the same text again; what was encoded, decodes. */
#include "base/base64.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/* Decodes into a block of the room that the header asks for. */
static bool decode(bool (*decoder)(const char *, size_t, unsigned char *, size_t *), struct text text,
                   unsigned char **out, size_t *size)
{
    *size = 0;
    *out = malloc(text.length / 4 * 3 + 3);
    REQUIRE(*out != NULL);
    return decoder(text.data, text.length, *out, size);
}

static void check_url(struct text text)
{
    unsigned char *bytes;
    size_t size;
    if (decode(base64url_decode, text, &bytes, &size)) {
        char *again = malloc(BASE64URL_LENGTH(size) + 1);
        REQUIRE(size <= text.length);
        REQUIRE(base64url_encode(bytes, size, again) == text.length);
        REQUIRE(text_is(text, again));
        free(again);
    }
    free(bytes);
}

static void check_padded(struct text text)
{
    unsigned char *bytes;
    size_t size;
    if (decode(base64_decode, text, &bytes, &size)) {
        char *again = fuzz_base64((struct text){(const char *)bytes, size});
        const struct text unpadded = {again, strcspn(again, "=")};
        REQUIRE(size <= text.length);
        REQUIRE(text_is(text, again) || text_equal(text, unpadded));
        free(again);
    }
    free(bytes);
}

static void check_round(struct text text)
{
    char *encoded = malloc(BASE64URL_LENGTH(text.length) + 1);
    const size_t length = base64url_encode((const unsigned char *)text.data, text.length, encoded);
    unsigned char *bytes;
    size_t size;
    REQUIRE(length == BASE64URL_LENGTH(text.length) && encoded[length] == '\0');
    REQUIRE(decode(base64url_decode, (struct text){encoded, length}, &bytes, &size));
    REQUIRE(text_equal((struct text){(const char *)bytes, size}, text));
    free(bytes);
    free(encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct text text = fuzz_text(data, size);
    check_url(text);
    check_padded(text);
    check_round(text);
    return 0;
}
