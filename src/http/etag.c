#include "http/etag.h"

#include <nettle/sha2.h>
#include <string.h>

void etag_format(struct text body, char out[ETAG_SIZE])
{
    unsigned char digest[ETAG_DIGEST_SIZE];
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, body.length, (const uint8_t *)body.data);
    sha256_digest(&context, sizeof digest, digest);
    out[0] = '"';
    const size_t length = base64url_encode(digest, sizeof digest, out + 1);
    memcpy(out + 1 + length, "\"", sizeof "\"");
}

bool etag_matches(struct text if_none_match, const char *etag)
{
    for (struct text rest = if_none_match; rest.data != NULL;) {
        struct text tag = text_trim(text_split(&rest, ','));
        if (tag.length > 2 && memcmp(tag.data, "W/", 2) == 0)
            tag = (struct text){tag.data + 2, tag.length - 2};
        if (text_is(tag, "*") || text_is(tag, etag))
            return true;
    }
    return false;
}
