#include "config/sync_address.h"

#include "fixture.h"

static const struct {
    const char *list;
    const char *read; /* "SENTINEL|PATH or HOST PORT|…"; NULL: it has a fault */
} rows[] = {
    {"unix:/run/redis.sock", "|/run/redis.sock"},
    {"redis.example.com:6379", "|redis.example.com 6379"},
    {"192.0.2.1:1", "|192.0.2.1 1"},
    {"[2001:db8::1]:65535", "|2001:db8::1 65535"},
    {"  a:1   unix:/b  c:3 ", "|a 1|/b|c 3"},
    {"sentinel:m@a:26379", "m|a 26379"},
    {"sentinel:my-master@a:1 b:2 [::1]:3", "my-master|a 1|b 2|::1 3"},
    {"", NULL},
    {"   ", NULL},
    {"redis", NULL},
    {"redis:", NULL},
    {":6379", NULL},
    {"redis:0", NULL},
    {"redis:65536", NULL},
    {"redis:+1", NULL},
    {"redis:1x", NULL},
    {"2001:db8::1:6379", NULL},
    {"[2001:db8::1]", NULL},
    {"[2001:db8::1]6379", NULL},
    {"[2001:db8::1:6379", NULL},
    {"[]:6379", NULL},
    {"unix:", NULL},
    {"unix:redis.sock", NULL},
    {"redis:1 nonsense", NULL},
    {"sentinel:", NULL},
    {"sentinel:m", NULL},
    {"sentinel:m@", NULL},
    {"sentinel:@a:1", NULL},
    {"sentinel:m@a", NULL},
    {"sentinel:m@unix:/a", NULL},
    {"sentinel:m@a:1 unix:/a", NULL},
    {"sentinel:m@a:1 sentinel:n@b:2", NULL},
    {"a:1 sentinel:m@b:2", NULL},
    {"redis\x01:1", NULL},
    {"r\xc3\xa9"
     "dis:1",
     NULL},
};

static const char *read_list(struct text list)
{
    static char text[512];
    struct sync_address address;
    const struct text sentinel = sync_addresses_sentinel(list);
    size_t length = (size_t)snprintf(text, sizeof text, "%.*s", (int)sentinel.length,
                                     sentinel.data != NULL ? sentinel.data : "");
    while (sync_address_next(&list, &address)) {
        const struct text place = address.path.data != NULL ? address.path : address.host;
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "|%.*s", (int)place.length, place.data);
        if (address.host.data != NULL)
            length += (size_t)snprintf(text + length, sizeof text - length, " %ld", address.port);
    }
    return text;
}

static void test_lists_of_addresses_are_read(void **state)
{
    (void)state;
    for (size_t row = 0; row < ROWS(rows); row++) {
        const struct text list = text_of(rows[row].list);
        const char *fault = sync_addresses_fault(list);
        check_row((fault == NULL) == (rows[row].read != NULL), fault != NULL ? fault : "no fault", row,
                  rows[row].list);
        if (fault == NULL)
            check_row(strcmp(read_list(list), rows[row].read) == 0, read_list(list), row, rows[row].list);
    }
}

static void test_the_path_of_a_socket_has_a_length(void **state)
{
    (void)state;
    char list[256] = "unix:/";
    memset(list + 6, 'x', 107);
    assert_non_null(sync_addresses_fault(text_of(list)));
    list[5 + 107] = '\0';
    assert_null(sync_addresses_fault(text_of(list)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_of_addresses_are_read),
        cmocka_unit_test(test_the_path_of_a_socket_has_a_length),
    };
    return cmocka_run_group_tests_name("sync_address", tests, NULL, NULL);
}
