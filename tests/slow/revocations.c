/* revocations FOLDER COUNT: revokes COUNT tokens in batches, then looks up as many that are revoked as are
 * not, and prints "bytes per entry, µs per lookup of a token that is not revoked, µs of one that is", in CPU
 * time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "base/clock.h"
#include "token/revocation_filter.h"

enum { BATCH = 20000, LOOKUPS = 300000, JTI_BYTES = 16, JTI_SIZE = BASE64URL_LENGTH(JTI_BYTES) + 1 };

/* Returns the `number`th jti, as random as the program's (SplitMix64). */
static struct text jti_of(uint64_t number, char out[JTI_SIZE])
{
    uint64_t words[JTI_BYTES / sizeof(uint64_t)];
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        uint64_t z = (2 * number + i + 1) * 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        words[i] = z ^ z >> 31;
    }
    return (struct text){out, base64url_encode((const unsigned char *)words, sizeof words, out)};
}

static bool fill(const char *folder, uint64_t count, struct diagnostics *diagnostics)
{
    static struct revocation_entry entries[BATCH];
    struct database *db = database_open(folder, &revocation_file, diagnostics);
    int error = db != NULL ? 0 : -1;
    for (uint64_t number = 0; error == 0 && number < count; number += BATCH) {
        for (size_t i = 0; i < BATCH; i++) {
            char jti[JTI_SIZE];
            revocation_key_of(jti_of(number + i, jti), &entries[i].key);
            entries[i].expires = CLOCK_NEVER;
        }
        error = revocation_table_add(db, entries, BATCH, false, 0);
    }
    database_close(db);
    return error == 0;
}

/* Looks up LOOKUPS tokens from `first` to `first` + `range`, all of which are revoked or are not. Returns µs,
 * or a negative number. */
static double measure(struct revocations *revocations, struct log *log, uint64_t first, uint64_t range,
                      bool expected)
{
    const double start = clock_thread_ms();
    for (uint64_t i = 0; i < LOOKUPS; i++) {
        char jti[JTI_SIZE];
        bool is_revoked;
        if (!revocations_find(revocations, log, jti_of(first + i * 7919 % range, jti), &is_revoked) ||
            is_revoked != expected)
            return -1;
    }
    return (clock_thread_ms() - start) * 1000 / LOOKUPS;
}

int main(int argc, char **argv)
{
    struct diagnostics diagnostics = {.on_message = diagnostics_to_stream, .context = stderr};
    const uint64_t count = argc == 3 ? strtoull(argv[2], NULL, 10) / BATCH * BATCH : 0;
    struct log *log = log_open("stderr", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    struct revocations *revocations = argc == 3 ? revocations_new(argv[1]) : NULL;
    char path[4096];
    struct stat status;
    if (count == 0 || log == NULL || revocations == NULL || !fill(argv[1], count, &diagnostics) ||
        !revocations_open(revocations, &diagnostics))
        return EXIT_FAILURE;
    snprintf(path, sizeof path, "%s/revoked.mdb", argv[1]);
    if (stat(path, &status) != 0)
        return EXIT_FAILURE;
    for (uint64_t i = 0; i < count / 10000 + 2; i++)
        revocations_maintain(revocations, log);
    const double absent = measure(revocations, log, count, count, false);
    const double present = measure(revocations, log, 0, count, true);
    printf("%.1f %.2f %.2f\n", (double)status.st_size / (double)count, absent, present);
    revocations_release(revocations);
    log_release(log);
    return absent >= 0 && present >= 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
