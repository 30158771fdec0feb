#include "throttle/throttle_key.h"

#include "fixture.h"

static const struct address *address_of(const char *text, struct address *address)
{
    if (text == NULL)
        return NULL;
    assert_true(address_parse(text, strlen(text), address));
    return address;
}

static void test_sources_have_their_networks(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        const char *of_source;
        const char *netblock;
    } rows[] = {
        {"192.0.2.77", "192.0.2.77", "192.0.2.0/24"},
        {"::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0/24"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"},
        {"::1", "::/64", "::/48"},
        {"fe80::77", "fe80::77", "fe80::/48"},
        {"febf:1:2:3:4:5:6:7", "febf:1:2:3:4:5:6:7", "febf:1:2::/48"},
        {"fec0::77", "fec0::/64", "fec0::/48"},
        {"64:ff9b::192.0.2.77", "64:ff9b::c000:24d", "64:ff9b::c000:200/120"},
        {"64:ff9b:1::1", "64:ff9b:1::/64", "64:ff9b:1::/48"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct address address;
        const struct address *source = address_of(rows[i].source, &address);
        struct throttle_key key = throttle_key_of(THROTTLE_PAIR, source, text_of("client"));
        char text[NETWORK_TEXT_SIZE];
        struct network network = throttle_key_network(&key);
        network_format(&network, text);
        check_row(strcmp(text, rows[i].of_source) == 0, text, i, rows[i].source);
        check_row(text_is(throttle_key_client_id(&key), "client"), "client_id", i, rows[i].source);
        check_row(throttle_key_level(&key) == THROTTLE_PAIR, "level", i, rows[i].source);
        check_row(!throttle_key_is_unknown(&key), "unknown", i, rows[i].source);
        key = throttle_key_above(&key, THROTTLE_NETBLOCK);
        network = throttle_key_network(&key);
        network_format(&network, text);
        check_row(strcmp(text, rows[i].netblock) == 0, text, i, rows[i].source);
        check_row(throttle_key_client_id(&key).data == NULL, "client_id", i, rows[i].source);
        check_row(throttle_key_level(&key) == THROTTLE_NETBLOCK, "level", i, rows[i].source);
    }
    const struct throttle_key key = throttle_key_of(THROTTLE_SOURCE, NULL, text_of(NULL));
    assert_true(throttle_key_is_unknown(&key));
}

/* Different client_ids have different keys, however long they are and whatever their prefix. */
static void test_client_ids_have_different_keys(void **state)
{
    (void)state;
    char names[4][400];
    static const size_t lengths[] = {127, 128, 129, 399};
    struct throttle_key keys[6];
    struct address address;
    const struct address *source = address_of("192.0.2.1", &address);
    for (size_t i = 0; i < 4; i++) {
        memset(names[i], 'x', lengths[i]);
        const struct text name = {names[i], lengths[i]};
        keys[i] = throttle_key_of(THROTTLE_PAIR, source, name);
        assert_true(keys[i].size <= sizeof keys[i].bytes);
        assert_true(throttle_key_is_cut(&keys[i]) == (lengths[i] > 128));
        const struct text kept = throttle_key_client_id(&keys[i]);
        assert_int_equal(kept.length, lengths[i] > 128 ? 112 : lengths[i]);
        assert_memory_equal(kept.data, names[i], kept.length);
    }
    names[3][398] = 'y';
    keys[4] = throttle_key_of(THROTTLE_PAIR, source, (struct text){names[3], 399});
    /* A client_id that equals the truncated form of another. */
    keys[5] = throttle_key_of(THROTTLE_PAIR, source,
                              (struct text){(const char *)keys[3].bytes + THROTTLE_HEAD_SIZE, 128});
    for (size_t i = 0; i < ROWS(keys); i++) {
        for (size_t j = 0; j < i; j++)
            assert_true(keys[i].size != keys[j].size ||
                        memcmp(keys[i].bytes, keys[j].bytes, keys[i].size) != 0);
    }
}

static void test_only_keys_are_read(void **state)
{
    (void)state;
    struct throttle_key key = throttle_key_of(THROTTLE_PAIR, NULL, text_of("a"));
    struct throttle_key read;
    unsigned char longer[200] = {0};
    assert_true(throttle_key_read(key.bytes, key.size, &read));
    assert_int_equal(read.size, key.size);
    assert_memory_equal(read.bytes, key.bytes, key.size);
    assert_false(throttle_key_read(key.bytes, 0, &read));
    assert_false(throttle_key_read(key.bytes, THROTTLE_HEAD_SIZE - 1, &read));
    assert_false(throttle_key_read(longer, sizeof longer, &read));
    key.bytes[THROTTLE_HEAD_SIZE - 1] = 77;
    assert_false(throttle_key_read(key.bytes, key.size, &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources_have_their_networks),
        cmocka_unit_test(test_client_ids_have_different_keys),
        cmocka_unit_test(test_only_keys_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
