#include "fuzz.h"

#include <nettle/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void fuzz_require(bool kept, const char *promise, const char *file, int line)
{
    if (kept)
        return;
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, promise);
    abort();
}

struct text fuzz_text(const uint8_t *data, size_t size)
{
    return (struct text){(const char *)data, size};
}

char *fuzz_copy(struct text text)
{
    char *copy = malloc(text.length);
    REQUIRE(copy != NULL);
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    return copy;
}

bool fuzz_is_inside(struct text part, struct text whole)
{
    return part.data >= whole.data && part.length <= whole.length &&
           (size_t)(part.data - whole.data) <= whole.length - part.length;
}

bool fuzz_holds(struct text text, const char *needle)
{
    return text.length > 0 && memmem(text.data, text.length, needle, strlen(needle)) != NULL;
}

char *fuzz_percent_encode(struct text text)
{
    char *encoded = malloc(text.length * 3 + 1);
    REQUIRE(encoded != NULL);
    encoded[0] = '\0';
    for (size_t i = 0; i < text.length; i++)
        snprintf(encoded + i * 3, 4, "%%%02x", (unsigned char)text.data[i]);
    return encoded;
}

char *fuzz_base64(struct text text)
{
    const size_t length = BASE64_ENCODE_RAW_LENGTH(text.length);
    char *encoded = malloc(length + 1);
    REQUIRE(encoded != NULL);
    base64_encode_raw(encoded, text.length, (const uint8_t *)text.data);
    encoded[length] = '\0';
    return encoded;
}

const char *fuzz_file(struct text content)
{
    static int descriptor = -1;
    static char path[64];
    if (descriptor < 0) {
        descriptor = memfd_create("fuzz", MFD_CLOEXEC);
        REQUIRE(fchmod(descriptor, 0600) == 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    }
    REQUIRE(ftruncate(descriptor, 0) == 0);
    REQUIRE(pwrite(descriptor, content.data, content.length, 0) == (ssize_t)content.length);
    return path;
}

static void require_sentence(void *context, enum severity severity, const char *message)
{
    (void)context;
    (void)severity;
    REQUIRE(message[0] != '\0');
    REQUIRE(!text_has_control(text_of(message)));
    REQUIRE(text_is_utf8(text_of(message)));
}

struct diagnostics fuzz_report(void)
{
    return (struct diagnostics){.on_message = require_sentence};
}

const struct keyset *fuzz_keyset(const char *json)
{
    static struct keyset *keyset;
    if (keyset == NULL) {
        struct diagnostics diagnostics = fuzz_report();
        keyset = keyset_load(fuzz_file(text_of(json)), &diagnostics);
        REQUIRE(keyset != NULL);
    }
    return keyset;
}
