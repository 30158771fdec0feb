#include "sync/message.h"

#include "fixture.h"

#include "base/secret.h"

static const unsigned char pepper[PEPPER_SIZE] = {1, 2, 3};
static const unsigned char other_pepper[PEPPER_SIZE] = {1, 2, 4};
static const char issuer[] = "https://api.example.com";
static const unsigned char instance[OUTBOX_INSTANCE_SIZE] = "0123456789abcdef";

struct sealed {
    unsigned char bytes[SYNC_SEALED_MAX];
    size_t size;
};

static struct sync_session session_of(const unsigned char secret_pepper[PEPPER_SIZE], const char *name)
{
    struct sync_secret secret;
    struct sync_session session;
    sync_secret_derive(secret_pepper, text_of(issuer), &secret);
    assert_true(sync_session_start(&session, &secret, name));
    return session;
}

static struct sync_opener opener_of(const unsigned char secret_pepper[PEPPER_SIZE])
{
    struct sync_opener opener = {.next = 0};
    sync_secret_derive(secret_pepper, text_of(issuer), &opener.secret);
    return opener;
}

static struct sealed seal_text(struct sync_session *session, const char *text)
{
    struct sync_message message;
    struct sealed sealed;
    sync_message_begin(&message, SYNC_FAILURES, instance, 42);
    assert_true(sync_message_add(&message, text, strlen(text)));
    sealed.size = sync_message_seal(&message, session, 1790000000000, sealed.bytes);
    return sealed;
}

static enum sync_opened open_sealed(const struct sealed *sealed, struct sync_message *message)
{
    struct sync_origin origin;
    struct sync_opener opener = opener_of(pepper);
    /* A block of its very size, so that AddressSanitizer sees a read beyond it. */
    unsigned char *copy = malloc(sealed->size > 0 ? sealed->size : 1);
    assert_non_null(copy);
    memcpy(copy, sealed->bytes, sealed->size);
    const enum sync_opened opened = sync_message_open(&opener, copy, sealed->size, message, &origin);
    free(copy);
    return opened;
}

static void test_a_message_is_opened_as_it_was_sealed(void **state)
{
    (void)state;
    struct sync_session session = session_of(pepper, "one");
    struct sync_opener opener = opener_of(pepper);
    for (size_t count = 0; count < 500; count = count * 2 + 1) {
        struct sync_message written;
        struct sync_message message;
        struct sync_origin origin;
        struct sealed sealed;
        const unsigned char *bytes;
        size_t size;
        char entry[64];
        sync_message_begin(&written, SYNC_REVOCATIONS, instance, 7);
        for (size_t i = 0; i < count; i++) {
            const int length = snprintf(entry, sizeof entry, "%0*zu", (int)(i % 40) + 1, i);
            assert_true(sync_message_add(&written, entry, (size_t)length));
        }
        sealed.size = sync_message_seal(&written, &session, 1790000000123, sealed.bytes);
        assert_true(sealed.size <= sizeof sealed.bytes);
        assert_int_equal(sync_message_open(&opener, sealed.bytes, sealed.size, &message, &origin),
                         SYNC_OPENED);
        assert_true(text_is(origin.name, "one"));
        assert_memory_equal(origin.session, session.id, SYNC_SESSION_SIZE);
        assert_int_equal(message.kind, SYNC_REVOCATIONS);
        assert_memory_equal(message.instance, instance, sizeof instance);
        assert_true(message.first == 7 && message.sent_ms == 1790000000123 && message.count == count);
        for (size_t i = 0; i < count; i++) {
            const int length = snprintf(entry, sizeof entry, "%0*zu", (int)(i % 40) + 1, i);
            assert_true(sync_message_next(&message, &bytes, &size));
            assert_int_equal(size, length);
            assert_memory_equal(bytes, entry, size);
        }
        assert_false(sync_message_next(&message, &bytes, &size));
    }
}

static void test_a_message_has_a_capacity(void **state)
{
    (void)state;
    static const unsigned char bytes[OUTBOX_CHUNK_MAX];
    struct sync_session session = session_of(pepper, "one");
    struct sync_message message;
    struct sealed sealed;
    size_t count = 0;
    sync_message_begin(&message, SYNC_FAILURES, instance, 1);
    while (sync_message_add(&message, bytes, count % sizeof bytes))
        count += 100;
    sealed.size = sync_message_seal(&message, &session, 1, sealed.bytes);
    assert_in_range(sealed.size, SYNC_BODY_MAX - OUTBOX_CHUNK_MAX, SYNC_SEALED_MAX);
    assert_int_equal(open_sealed(&sealed, &message), SYNC_OPENED);
    assert_int_equal(message.count, count / 100);
}

/* What is sealed does not show, neither the bytes nor that two messages are the same. */
static void test_a_sealed_message_shows_nothing(void **state)
{
    (void)state;
    struct sync_session session = session_of(pepper, "one");
    const struct sealed one = seal_text(&session, "a-client-id-that-is-a-secret");
    const struct sealed two = seal_text(&session, "a-client-id-that-is-a-secret");
    const struct sealed longer = seal_text(&session, "a-client-id-that-is-a-secret-too");
    assert_null(memmem(one.bytes, one.size, "client", 6));
    assert_null(memmem(one.bytes, one.size, "0123456789abcdef", 16));
    assert_int_equal(one.size, two.size);
    assert_int_equal(one.size, longer.size);
    const size_t head = one.size - 128 - 16;
    assert_memory_not_equal(one.bytes + head, two.bytes + head, 16);
}

/* Every bit counts: a message that was changed anywhere, or cut, or made longer, is not opened. */
static void test_a_changed_message_is_not_opened(void **state)
{
    (void)state;
    struct sync_session session = session_of(pepper, "one");
    const struct sealed sealed = seal_text(&session, "text");
    struct sync_message message;
    assert_int_equal(open_sealed(&sealed, &message), SYNC_OPENED);
    for (size_t i = 0; i < sealed.size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct sealed changed = sealed;
            changed.bytes[i] ^= (unsigned char)(1 << bit);
            assert_int_not_equal(open_sealed(&changed, &message), SYNC_OPENED);
        }
    }
    for (size_t size = 0; size < sealed.size; size++) {
        struct sealed cut = sealed;
        cut.size = size;
        assert_int_not_equal(open_sealed(&cut, &message), SYNC_OPENED);
    }
    struct sealed extended = sealed;
    for (size_t i = 0; i < 200; i++) {
        extended.bytes[extended.size++] = 0;
        assert_int_not_equal(open_sealed(&extended, &message), SYNC_OPENED);
    }
}

static void test_foreign_messages_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct {
            const char *data;
            size_t length;
        } bytes;
        enum sync_opened opened;
    } rows[] = {
        {"empty", BYTES(""), SYNC_FOREIGN},
        {"text", BYTES("hello, world"), SYNC_FOREIGN},
        {"JSON", BYTES("{\"event\":\"of another program\"}"), SYNC_FOREIGN},
        {"magic alone", BYTES("TS"), SYNC_FOREIGN},
        {"no name", BYTES("TS\1"), SYNC_FOREIGN},
        {"a later version", BYTES("TS\2\3one"), SYNC_OTHER_VERSION},
        {"version 0", BYTES("TS\0\3one"), SYNC_OTHER_VERSION},
        {"name beyond the end", BYTES("TS\1\100one"), SYNC_FOREIGN},
        {"a name that is too long", BYTES("TS\1\377one"), SYNC_FOREIGN},
        {"nothing behind the name", BYTES("TS\1\3one"), SYNC_FOREIGN},
    };
    for (size_t row = 0; row < ROWS(rows); row++) {
        struct sync_message message;
        struct sealed sealed = {.size = rows[row].bytes.length};
        memcpy(sealed.bytes, rows[row].bytes.data, sealed.size);
        check_row(open_sealed(&sealed, &message) == rows[row].opened, "opened", row, rows[row].name);
    }
}

static void test_another_pepper_is_told_by_name(void **state)
{
    (void)state;
    struct sync_session session = session_of(other_pepper, "machine-2");
    struct sealed sealed = seal_text(&session, "text");
    struct sync_opener opener = opener_of(pepper);
    struct sync_message message;
    struct sync_origin origin;
    assert_int_equal(sync_message_open(&opener, sealed.bytes, sealed.size, &message, &origin),
                     SYNC_OTHER_PEPPER);
    assert_true(text_is(origin.name, "machine-2"));
    /* Who changes the name does not make it another machine's. */
    struct sync_session good = session_of(pepper, "machine-3");
    sealed = seal_text(&good, "text");
    sealed.bytes[12] = '4';
    assert_int_equal(sync_message_open(&opener, sealed.bytes, sealed.size, &message, &origin),
                     SYNC_OTHER_PEPPER);
}

static void test_messages_of_another_issuer_are_of_another_key(void **state)
{
    (void)state;
    struct sync_session session = session_of(pepper, "one");
    const struct sealed sealed = seal_text(&session, "text");
    struct sync_opener opener = {.next = 0};
    struct sync_message message;
    struct sync_origin origin;
    sync_secret_derive(pepper, text_of("https://api.example.org"), &opener.secret);
    assert_int_equal(sync_message_open(&opener, sealed.bytes, sealed.size, &message, &origin),
                     SYNC_OTHER_PEPPER);
}

/* The time is subtracted from others. */
static void test_a_time_that_no_clock_has_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t sent_ms;
        enum sync_opened opened;
    } rows[] = {
        {"1970", 0, SYNC_OPENED},
        {"before", -1, SYNC_FORGED},
        {"the last one", INT64_MAX, SYNC_FORGED},
        {"the first one", INT64_MIN, SYNC_FORGED},
    };
    for (size_t row = 0; row < ROWS(rows); row++) {
        struct sync_session session = session_of(pepper, "one");
        struct sync_message message;
        struct sealed sealed;
        sync_message_begin(&message, SYNC_FAILURES, instance, 1);
        sealed.size = sync_message_seal(&message, &session, rows[row].sent_ms, sealed.bytes);
        check_row(open_sealed(&sealed, &message) == rows[row].opened, "opened", row, rows[row].name);
    }
}

/* A session seals no two messages under one nonce, and no two sessions have the same key. */
static void test_no_nonce_is_used_twice(void **state)
{
    (void)state;
    struct sync_session one = session_of(pepper, "one");
    struct sync_session again = session_of(pepper, "one");
    assert_memory_not_equal(one.id, again.id, sizeof one.id);
    const struct sealed first = seal_text(&one, "text");
    const struct sealed second = seal_text(&one, "text");
    const struct sealed third = seal_text(&again, "text");
    const size_t counter_at = 4 + 3 + 8 + SYNC_SESSION_SIZE;
    assert_memory_not_equal(first.bytes + counter_at, second.bytes + counter_at, 8);
    assert_memory_equal(first.bytes + counter_at, third.bytes + counter_at, 8);
    assert_memory_not_equal(first.bytes + counter_at + 8, third.bytes + counter_at + 8, 16);
}

/* More sessions than there are known ones, in turns. */
static void test_messages_of_many_sessions_are_opened(void **state)
{
    (void)state;
    enum { SESSIONS = 3 * SYNC_KNOWN_SESSIONS };
    struct sync_session sessions[SESSIONS];
    struct sync_opener opener = opener_of(pepper);
    struct sync_message message;
    struct sync_origin origin;
    for (size_t i = 0; i < SESSIONS; i++)
        sessions[i] = session_of(pepper, "one");
    for (size_t i = 0; i < (size_t)4 * SESSIONS; i++) {
        const struct sealed sealed = seal_text(&sessions[i * 7 % SESSIONS], "text");
        assert_int_equal(sync_message_open(&opener, sealed.bytes, sealed.size, &message, &origin),
                         SYNC_OPENED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_is_opened_as_it_was_sealed),
        cmocka_unit_test(test_a_message_has_a_capacity),
        cmocka_unit_test(test_a_sealed_message_shows_nothing),
        cmocka_unit_test(test_a_changed_message_is_not_opened),
        cmocka_unit_test(test_foreign_messages_are_told_apart),
        cmocka_unit_test(test_another_pepper_is_told_by_name),
        cmocka_unit_test(test_messages_of_another_issuer_are_of_another_key),
        cmocka_unit_test(test_a_time_that_no_clock_has_is_refused),
        cmocka_unit_test(test_no_nonce_is_used_twice),
        cmocka_unit_test(test_messages_of_many_sessions_are_opened),
    };
    return cmocka_run_group_tests_name("sync_message", tests, NULL, NULL);
}
