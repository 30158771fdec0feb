/* What the fuzz targets share. A target takes any bytes and requires that what the headers promise holds for
 * them: libFuzzer makes the bytes (make fuzz), replay.c reads those of the corpus (make check). */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diagnostics.h"
#include "base/text.h"
#include "token/keyset.h"

/* The target, in fuzz_NAME.c. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program, as a crash does, where the promise is broken. */
#define REQUIRE(promise) fuzz_require((promise), #promise, __FILE__, __LINE__)
void fuzz_require(bool kept, const char *promise, const char *file, int line);

/* The bytes as they came. */
struct text fuzz_text(const uint8_t *data, size_t size);

/* A copy in a block of its very size, so that AddressSanitizer sees a step beyond it. Never NULL; the caller
 * frees. */
char *fuzz_copy(struct text text);

/* Whether `part` lies in `whole`. */
bool fuzz_is_inside(struct text part, struct text whole);

bool fuzz_holds(struct text text, const char *needle);

/* Every byte as %XX, and base64 with padding. Never NULL; the caller frees. */
char *fuzz_percent_encode(struct text text);
char *fuzz_base64(struct text text);

/* Puts `content` into the one file that a target has, mode 0600, in memory, and returns its path. */
const char *fuzz_file(struct text content);

/* The set of the keys in `json`, which is the same in every call: it is loaded by the first one. */
const struct keyset *fuzz_keyset(const char *json);

/* A report that requires of every problem that it is one line of printable text. */
struct diagnostics fuzz_report(void);

#endif
