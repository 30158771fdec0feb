#include "base/cidr.h"

#include "fixture.h"

static const char *in_hex(const struct address *address, char out[33])
{
    for (size_t i = 0; i < sizeof address->bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", address->bytes[i]);
    return out;
}

static void test_addresses_are_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *hex; /* NULL: no address */
    } rows[] = {
        {"192.0.2.1", "00000000000000000000ffffc0000201"},
        {"::ffff:192.0.2.1", "00000000000000000000ffffc0000201"},
        {"::FFFF:c000:201", "00000000000000000000ffffc0000201"},
        {"2001:db8::1", "20010db8000000000000000000000001"},
        {"::", "00000000000000000000000000000000"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffffffffffffffffffffffffffffffff"},
        {"", NULL},
        {"192.0.2", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2.01", NULL},
        {"192.0.2.1 ", NULL},
        {" 192.0.2.1", NULL},
        {"0xc0.0.2.1", NULL},
        {"192.0.2.1:80", NULL},
        {"2001:db8::1::", NULL},
        {"[2001:db8::1]", NULL},
        {"fe80::1%eth0", NULL},
        {"2001:db8", NULL},
        {"example.com", NULL},
        {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct address address;
        char hex[33];
        const bool good = address_parse(rows[i].text, strlen(rows[i].text), &address);
        check_row(good == (rows[i].hex != NULL), "accepted", i, rows[i].text);
        check_row(!good || strcmp(in_hex(&address, hex), rows[i].hex) == 0, "bytes", i, rows[i].text);
    }
    struct address address;
    assert_true(address_parse("192.0.2.1,junk", 9, &address));
    assert_false(address_parse("192.0.2.1\0junk", 14, &address));
}

/* The forms of REMOTE_ADDR that web servers write. */
static void test_every_form_of_remote_addr_is_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *address; /* NULL: none */
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"2001:DB8::1", "2001:db8::1"},
        {"fe80::77%lo", "fe80::77"},
        {"fe80::77%12", "fe80::77"},
        {"fe80::1234:5678:9abc:def0%enx0123456789ab", "fe80::1234:5678:9abc:def0"},
        {"fe80:0000:0000:0000:1234:5678:9abc:def0%averyverylongname", "fe80::1234:5678:9abc:def0"},
        {"2001:db8::1%eth0", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1]:443", "2001:db8::1"},
        {"[fe80::1%eth0]:443", "fe80::1"},
        {"192.0.2.1:5678", "192.0.2.1"},
        {"fe80::77%", NULL},
        {"fe80::77%\n", "fe80::77"}, /* the zone is ignored */
        {"%lo", NULL},
        {"192.0.2.1%lo", NULL},
        {"192.0.2.1:", NULL},
        {"192.0.2.1:http", NULL},
        {"192.0.2.1:65536", NULL},
        {"192.0.2.1:80:80", NULL},
        {"[2001:db8::1", NULL},
        {"[2001:db8::1]443", NULL},
        {"[2001:db8::1]:", NULL},
        {"[]", NULL},
        {"[", NULL},
        {"]", NULL},
        {":", NULL},
        {"", NULL},
        {"unix:", NULL},
        {"unix:/run/x.sock", NULL},
        {"localhost", NULL},
        {"-", NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct address address;
        char text[NETWORK_TEXT_SIZE] = "";
        const bool good = address_parse_remote(rows[i].text, strlen(rows[i].text), &address);
        check_row(good == (rows[i].address != NULL), "accepted", i, rows[i].text);
        if (good)
            address_format(&address, text);
        check_row(!good || strcmp(text, rows[i].address) == 0, text, i, rows[i].text);
    }
}

static void test_networks_are_parsed_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        unsigned prefix;
    } rows[] = {
        {"192.0.2.0/24", true, 120},
        {"192.0.2.1", true, 128},
        {"192.0.2.1/32", true, 128},
        {"0.0.0.0/0", true, 96},
        {"::ffff:192.0.2.0/120", true, 120},
        {"2001:db8::/32", true, 32},
        {"2001:db8::1", true, 128},
        {"::/0", true, 0},
        {"128.0.0.0/1", true, 97},
        {"fe80::/64", true, 64},
        {"fe80::1%eth0", false, 0}, /* a zone that nothing would compare */
        {"192.0.2.1:80", false, 0},
        {"192.0.2.1/24", false, 0},
        {"192.0.2.0/33", false, 0},
        {"192.0.2.0/-1", false, 0},
        {"192.0.2.0/", false, 0},
        {"192.0.2.0/ 24", false, 0},
        {"192.0.2.0/24/24", false, 0},
        {"192.0.2.0/255.255.255.0", false, 0},
        {"192.0.2.0/99999999999999999999", false, 0},
        {"0.0.0.1/0", false, 0},
        {"2001:db8::1/127", false, 0},
        {"2001:db8::/129", false, 0},
        {"/24", false, 0},
        {"/", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct network network;
        const bool good = network_parse(rows[i].text, strlen(rows[i].text), &network);
        check_row(good == rows[i].good, "accepted", i, rows[i].text);
        check_row(!good || network.prefix == rows[i].prefix, "prefix", i, rows[i].text);
    }
}

static void test_network_contains_its_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *network;
        const char *address;
        bool inside;
    } rows[] = {
        {"192.0.2.0/24", "192.0.2.0", true},
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.0/24", "192.0.1.255", false},
        {"192.0.2.0/24", "::ffff:192.0.2.7", true},
        {"192.0.2.0/24", "::192.0.2.7", false},
        {"::ffff:192.0.2.0/120", "192.0.2.7", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.128/25", "192.0.2.129", true},
        {"192.0.2.4/30", "192.0.2.7", true},
        {"192.0.2.4/30", "192.0.2.8", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.0", false},
        {"0.0.0.0/0", "255.255.255.255", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "192.0.2.1", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1", "2001:db8::2", false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct network network;
        struct address address;
        check_row(network_parse(rows[i].network, strlen(rows[i].network), &network), "network", i,
                  rows[i].network);
        check_row(address_parse(rows[i].address, strlen(rows[i].address), &address), "address", i,
                  rows[i].address);
        check_row(network_contains(&network, &address) == rows[i].inside, rows[i].address, i,
                  rows[i].network);
    }
}

static void test_network_around_an_address(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        unsigned prefix;
        bool ipv4;
        const char *network;
    } rows[] = {
        {"192.0.2.77", 120, true, "192.0.2.0/24"},
        {"192.0.2.77", 128, true, "192.0.2.77"},
        {"192.0.2.77", 97, true, "128.0.0.0/1"},
        {"192.0.2.77", 96, true, "0.0.0.0/0"},
        {"192.0.2.77", 90, true, "::ffc0:0:0/90"},
        {"2001:db8:1:2:3:4:5:6", 48, false, "2001:db8:1::/48"},
        {"2001:db8:1:2:3:4:5:6", 128, false, "2001:db8:1:2:3:4:5:6"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 127, false,
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"},
        {"ffff::", 0, false, "::/0"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct address address;
        char text[NETWORK_TEXT_SIZE];
        assert_true(address_parse(rows[i].address, strlen(rows[i].address), &address));
        const struct network network = network_around(&address, rows[i].prefix);
        network_format(&network, text);
        check_row(strcmp(text, rows[i].network) == 0, text, i, rows[i].address);
        check_row(network_contains(&network, &address), "contains", i, rows[i].address);
        check_row(address_is_ipv4(&address) == rows[i].ipv4, "IPv4", i, rows[i].address);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_parsed),
        cmocka_unit_test(test_every_form_of_remote_addr_is_parsed),
        cmocka_unit_test(test_networks_are_parsed_strictly),
        cmocka_unit_test(test_network_contains_its_addresses),
        cmocka_unit_test(test_network_around_an_address),
    };
    return cmocka_run_group_tests_name("cidr", tests, NULL, NULL);
}
