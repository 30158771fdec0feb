/* What of a verifier's memory makes room for what: all its keys fall into one set, where there are few
 * places.
 */
#include "password/verifier.h"

#include "fixture.h"

#include <crypt.h>
#include <stdatomic.h>

#include "base/hmac.h"
#include "verdict_fixture.h"

static atomic_int hashes;

/* These three in the place of the libraries' own. */
char *crypt_rn(const char *phrase, const char *setting, void *data, int size)
{
    hashes++;
    snprintf(data, (size_t)size, "%s", strcmp(phrase, "secret") == 0 ? setting : "*0");
    return data;
}

void hmac_prepare(struct hmac *hmac, const void *key, size_t size)
{
    (void)hmac;
    (void)key;
    (void)size;
}

/* The first word chooses the set; FNV-1a in the second one tells the keys apart. */
void hmac_compute(const struct hmac *hmac, const struct text *pieces, size_t count,
                  unsigned char out[HMAC_SIZE])
{
    (void)hmac;
    uint64_t words[HMAC_SIZE / sizeof(uint64_t)] = {0, UINT64_C(0xcbf29ce484222325)};
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < pieces[i].length; j++)
            words[1] = (words[1] ^ (unsigned char)pieces[i].data[j]) * UINT64_C(0x100000001b3);
    }
    memcpy(out, words, HMAC_SIZE);
}

static enum password_result ask(struct verifier *verifier, const char *id, const char *secret)
{
    static const char hash[] =
        "$6$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const char *why = NULL;
    struct verification verification = {
        .client_id = text_of(id),
        .method = password_method_of(text_of(hash), false, &why),
        .hash = text_of(hash),
        .secret = text_of(secret),
    };
    return await_result(verifier, NULL, &verification);
}

/* Neither for the name of the client nor for other names. */
static void test_failed_attempts_do_not_evict_proven_credentials(void **state)
{
    (void)state;
    enum { ATTEMPTS = 100 };
    static const char *const ids[] = {"client", "nobody"};
    static const struct verifier_limits limits = {.concurrency = 1, .queue = 1, .cache_ttl = 3600};
    for (size_t row = 0; row < ROWS(ids); row++) {
        struct verifier *verifier = verifier_new(&limits);
        assert_non_null(verifier);
        hashes = 0;
        assert_int_equal(ask(verifier, "client", "secret"), PASSWORD_MATCH);
        for (int i = 0; i < ATTEMPTS; i++) {
            char attempt[16];
            snprintf(attempt, sizeof attempt, "guess %d", i);
            check_row(ask(verifier, ids[row], attempt) == PASSWORD_MISMATCH, attempt, row, ids[row]);
        }
        check_row(ask(verifier, "client", "secret") == PASSWORD_MATCH, "proven", row, ids[row]);
        check_row(hashes == 1 + ATTEMPTS, "the proven was forgotten", row, ids[row]);
        /* They were too many: the first of them is forgotten. */
        check_row(ask(verifier, ids[row], "guess 0") == PASSWORD_MISMATCH, "again", row, ids[row]);
        check_row(hashes == 1 + ATTEMPTS + 1, "all attempts had capacity", row, ids[row]);
        verifier_release(verifier);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_attempts_do_not_evict_proven_credentials)};
    return cmocka_run_group_tests_name("verifier_memory", tests, NULL, NULL);
}
