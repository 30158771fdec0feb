#include "http/basic_auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/secret.h"

/* Returns the token68 after "Basic ", in any case and after any number of spaces; absent for another
 * scheme. */
static struct text token_after_scheme(struct text authorization)
{
    static const char scheme[] = "Basic";
    const size_t length = sizeof scheme - 1;
    const struct text absent = {NULL, 0};
    if (authorization.length < length || strncasecmp(authorization.data, scheme, length) != 0)
        return absent;
    struct text token = {authorization.data + length, authorization.length - length};
    if (token.length > 0 && token.data[0] != ' ')
        return absent;
    while (token.length > 0 && token.data[0] == ' ') {
        token.data++;
        token.length--;
    }
    while (token.length > 0 && token.data[token.length - 1] == ' ')
        token.length--;
    return token;
}

/* Writes `part` in UTF-8 to `*to`, and moves `*to` to the end of it. */
static struct text append_utf8(struct text part, char **to)
{
    struct text result = {*to, part.length};
    if (text_is_utf8(part))
        memmove(*to, part.data, part.length);
    else
        result.length = text_latin1_to_utf8(part, *to);
    *to += result.length;
    return result;
}

/* Form-decodes `part` into `scratch`, which holds part.length bytes. */
static bool form_decode(struct text part, char *scratch, struct text *decoded)
{
    decoded->data = scratch;
    return text_percent_decode(part, true, scratch, &decoded->length);
}

/* `buffer` consists of the decoded header, scratch memory of the same size, and memory for two decodings
 * of at most twice that size. */
static void read_decodings(struct basic_auth *basic, struct text raw_id, struct text raw_secret)
{
    const size_t decoded_size = basic->size / 6;
    char *scratch = basic->buffer + decoded_size;
    char *to = scratch + decoded_size;
    struct credentials *decoding = basic->decodings;

    struct text client_id;
    struct text client_secret;
    if (form_decode(raw_id, scratch, &client_id) &&
        form_decode(raw_secret, scratch + raw_id.length, &client_secret)) {
        decoding->client_id = append_utf8(client_id, &to);
        decoding->client_secret = append_utf8(client_secret, &to);
        if (text_equal(client_id, raw_id) && text_equal(client_secret, raw_secret)) {
            basic->count = 1;
            return;
        }
        decoding++;
    }
    decoding->client_id = append_utf8(raw_id, &to);
    decoding->client_secret = append_utf8(raw_secret, &to);
    basic->count = (size_t)(decoding - basic->decodings) + 1;
}

enum basic_auth_result basic_auth_parse(struct text authorization, struct basic_auth *basic)
{
    *basic = (struct basic_auth){.count = 0};
    const struct text token = token_after_scheme(authorization);
    if (token.data == NULL)
        return BASIC_AUTH_ABSENT;

    const size_t decoded_size = token.length / 4 * 3 + 3;
    basic->size = decoded_size * 6;
    basic->buffer = malloc(basic->size);
    if (basic->buffer == NULL)
        return BASIC_AUTH_NO_MEMORY;

    size_t length = 0;
    if (!base64_decode(token.data, token.length, (unsigned char *)basic->buffer, &length))
        return BASIC_AUTH_MALFORMED;
    struct text secret = {basic->buffer, length};
    const struct text client_id = text_split(&secret, ':');
    if (secret.data == NULL)
        return BASIC_AUTH_MALFORMED;
    read_decodings(basic, client_id, secret);
    return BASIC_AUTH_GOOD;
}

void basic_auth_clear(struct basic_auth *basic)
{
    secret_free(basic->buffer, basic->size);
    *basic = (struct basic_auth){.count = 0};
}
