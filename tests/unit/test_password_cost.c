#include "password/password_cost.h"

#include "fixture.h"

#define D22 "aaaaaaaaaaaaaaaaaaaaaa"
#define D43 D22 "aaaaaaaaaaaaaaaaaaaaa"
#define D53 D43 "aaaaaaaaaa"
#define D86 D43 D43

static const struct {
    const char *hash;
    const char *setting;
    double work;
    double memory;
} readable[] = {
    {"$y$j9T$salt$" D43, "$y$j9T$", 4096 * 32, 16 << 20},
    {"$y$j75$salt$" D43, "$y$j75$", 1024 * 8, 1 << 20},
    {"$y$/9T$salt$" D43, "$y$/9T$", 4096 * 32, 16 << 20},
    /* p of 4, shared among threads, and not; t of 3 */
    {"$y$j9T.0$salt$" D43, "$y$j9T.0$", 4096 * 32, 16 << 20},
    {"$y$/9T.0$salt$" D43, "$y$/9T.0$", 4096 * 32 * 4, 16 << 20},
    {"$y$j9T/0$salt$" D43, "$y$j9T/0$", 4096 * 32 * 4, 16 << 20},
    {"$y$j9T000$salt$" D43, "$y$j9T000$", 4096 * 32 * 4, 16 << 20},
    /* r of 48, 49 and 561: of one digit, of two, of three */
    {"$y$j9j$salt$" D43, "$y$j9j$", 4096 * 48, 4096 * 48 * 128},
    {"$y$j9k.$salt$" D43, "$y$j9k.$", 4096 * 49, 4096 * 49 * 128},
    {"$y$j9s..$salt$" D43, "$y$j9s..$", 4096 * 561, 4096.0 * 561 * 128},
    {"$gy$j9T$salt$" D43, "$gy$j9T$", 4096 * 32, 16 << 20},
    {"$7$CU..../....salt$" D43, "$7$CU..../....", 16384 * 32, 64 << 20},
    {"$7$CU....0....salt$" D43, "$7$CU....0....", 16384 * 64, 64 << 20},
    {"$7$C.0.../....salt$" D43, "$7$C.0.../....", 16384 * 128, 256 << 20},
    {"$2a$04$" D53, "$2a$04$", 16, 4096},
    {"$2b$10$" D53, "$2b$10$", 1024, 4096},
    {"$2y$31$" D53, "$2y$31$", 2147483648.0, 4096},
    {"$6$rounds=1000$salt$" D86, "$6$rounds=1000$", 1000, 0},
    {"$6$salt$" D86, "$6$", 5000, 0},
    {"$6$rounds=999999999$salt$" D86, "$6$rounds=999999999$", 999999999, 0},
    {"$5$salt$" D43, "$5$", 5000, 0},
    {"$5$rounds=123456$salt$" D43, "$5$rounds=123456$", 123456, 0},
    {"$1$salt$" D22, "$1$", 1, 0},
    {"$sha1$4294967295$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "$sha1$4294967295$", 4294967296, 0},
    {"$sha1$0$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "$sha1$0$", 1, 0},
    {"$md5,rounds=904$salt$$" D22, "$md5,rounds=904$", 5000, 0},
    {"$md5$salt$$" D22, "$md5$", 4096, 0},
    {"_J9..saltaaaaaaaaaaa", "_J9..", 725, 0},
    {"_....saltaaaaaaaaaaa", "_....", 1, 0},
    {"_zzzzsaltaaaaaaaaaaa", "_zzzz", 16777215, 0},
    {"aaaaaaaaaaaaa", "", 1, 0},
};

static const struct password_method *method_of(const char *hash)
{
    const char *why = NULL;
    const struct password_method *method = password_method_of(text_of(hash), true, &why);
    assert_non_null(method);
    return method;
}

static void test_cost_is_read_from_each_method(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(readable); i++) {
        struct password_cost cost;
        const char *hash = readable[i].hash;
        check_row(password_cost_read(method_of(hash), text_of(hash), &cost), "not read", i, hash);
        check_row(text_is(cost.setting, readable[i].setting), "setting", i, hash);
        check_row(cost.work == readable[i].work, "work", i, hash);
        check_row(cost.memory == readable[i].memory, "memory", i, hash);
    }
}

static void test_huge_parameters_do_not_overflow(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "$y$jzzzzzz$salt$" D43,        "$y$j9zzzzzzzzzzzzzzzzzzzz$salt$" D43,
        "$y$jxzzzzzz$salt$" D43,       "$gy$zzzzzzzzzzzz$salt$" D43,
        "$7$zzzzzzzzzzzsalt$" D43,     "$y$jgzzzzzzIzzzzzzzzzzzzzzzzzz$salt$" D43,
        "$y$zzzzzzj9T$salt$" D43,      "$7$yzzzzzzzzzzsalt$" D43,
        "$7$uzzzzzzzzzzzzzzsalt$" D43,
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct password_cost cost;
        const bool read = password_cost_read(method_of(rows[i]), text_of(rows[i]), &cost);
        check_row(!read || cost.work >= 1e6, "work", i, rows[i]);
    }
}

static void test_malformed_parameters_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "$y$$salt$" D43,
        "$y$j$salt$" D43,
        "$y$j9$salt$" D43,
        "$y$j9k$salt$" D43,
        "$y$j9T.$salt$" D43,
        "$y$j9T/$salt$" D43,
        "$y$j-T$salt$" D43,
        "$7$$" D43,
        "$7$CU....$" D43,
        "$7$C$" D43,
        "$2b$03$" D53,
        "$2b$32$" D53,
        "$2b$xx$" D53,
        "$6$rounds=999$salt$" D86,
        "$6$rounds=1000000000$salt$" D86,
        "$6$rounds=$salt$" D86,
        "$5$rounds=1e9$salt$" D43,
        "$sha1$x$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "$md5,rounds=0$salt$" D22,
        "$md5,rounds=x$salt$" D22,
        "$md5x$" D22,
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct password_cost cost;
        const bool read = password_cost_read(method_of(rows[i]), text_of(rows[i]), &cost);
        const enum password_result result =
            password_verify(NULL, method_of(rows[i]), text_of(rows[i]), text_of("secret"));
        check_row(!read, "read", i, rows[i]);
        check_row(result == PASSWORD_UNUSABLE, "computed", i, rows[i]);
    }
}

static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static char *put_digits(char *to, unsigned *seed, int count, int below)
{
    while (count-- > 0)
        *to++ = digits[rand_r(seed) % below];
    return to;
}

/* Often good, and often nearly so. */
static void make_yescrypt(char *to, unsigned *seed)
{
    static const char flavours[] = "./jjj0ik";
    to = stpcpy(to, rand_r(seed) % 2 == 0 ? "$y$" : "$gy$");
    *to++ = flavours[rand_r(seed) % 8];
    to = put_digits(to, seed, 2, 6);
    if (rand_r(seed) % 2 == 0) {
        to = put_digits(to, seed, 1, 20);
        to = put_digits(to, seed, rand_r(seed) % 5, 8);
    }
    to = put_digits(to, seed, rand_r(seed) % 20 == 0 ? 1 : 0, 64);
    *to++ = '$';
    to = put_digits(to, seed, rand_r(seed) % 10 == 0 ? 80 + rand_r(seed) % 10 : rand_r(seed) % 12, 64);
    if (to[-1] != '$' && rand_r(seed) % 2 == 0)
        *(to - 1) = digits[rand_r(seed) % 4];
    if (rand_r(seed) % 40 == 0)
        *to++ = '-';
    strcpy(to, "$" D43);
}

static void make_scrypt(char *to, unsigned *seed)
{
    to = put_digits(stpcpy(to, "$7$"), seed, 1, 5);
    for (int i = 0; i < 2; i++) {
        to = stpcpy(put_digits(to, seed, 1, 4), "....");
        if (rand_r(seed) % 30 == 0)
            to[-1] = digits[rand_r(seed) % 64];
    }
    to = put_digits(to, seed, rand_r(seed) % 4 == 0 ? 270 + rand_r(seed) % 20 : rand_r(seed) % 6, 64);
    if (rand_r(seed) % 30 == 0)
        to[-1] = ';';
    strcpy(to, "$" D43);
}

/* This is exact for the methods that map memory, so that a failure of crypt(3) means that memory ran out. */
static void test_readable_hashes_are_those_that_crypt_computes(void **state)
{
    (void)state;
    enum { HASHES = 6000 };
    static const double most_work = 5000;
    unsigned seed = 1;
    size_t computed = 0;
    size_t refused = 0;
    for (size_t i = 0; i < HASHES; i++) {
        char hash[512];
        const char *why = NULL;
        struct password_cost cost;
        (rand_r(&seed) % 3 == 0 ? make_scrypt : make_yescrypt)(hash, &seed);
        const struct password_method *method = password_method_of(text_of(hash), false, &why);
        if (method == NULL)
            continue;
        const bool read = password_cost_read(method, text_of(hash), &cost);
        if (read && cost.work > most_work)
            continue;
        const enum password_result result = password_verify(NULL, method, text_of(hash), text_of("secret"));
        check_row(result == (read ? PASSWORD_MISMATCH : PASSWORD_UNUSABLE), read ? "read" : "not read", i,
                  hash);
        computed += read ? 1 : 0;
        refused += read ? 0 : 1;
    }
    assert_true(computed > HASHES / 10 && refused > HASHES / 10);
}

/* For settings that libxcrypt writes. */
static void test_work_grows_with_the_count(void **state)
{
    (void)state;
    for (size_t i = 0; i < PASSWORD_SCALES; i++) {
        const struct password_scale *scale = &password_scales[i];
        const struct password_method *method = password_method_named(text_of(scale->method));
        assert_non_null(method);
        assert_ptr_equal(password_scale_of(method), scale);
        check_row(method->legacy == (scale->advice == NULL), "legacy", i, scale->method);
        double before = 0;
        for (size_t j = 0; j < PASSWORD_COUNTS && (j == 0 || scale->counts[j] > 0); j++) {
            struct password_cost cost;
            char *setting = password_scale_setting(scale, scale->counts[j]);
            assert_non_null(setting);
            check_row(password_cost_read(method, text_of(setting), &cost), "not read", i, setting);
            check_row(cost.work > before, "work", i, setting);
            before = cost.work;
            free(setting);
        }
    }
}

/* Or more than the default, for methods with a poor default. */
static void test_default_costs_are_advised(void **state)
{
    (void)state;
    for (size_t i = 0; i < PASSWORD_SCALES; i++) {
        const struct password_scale *scale = &password_scales[i];
        if (scale->advice == NULL)
            continue;
        struct password_cost cost;
        char *setting = password_scale_setting(scale, 0);
        assert_non_null(setting);
        assert_true(
            password_cost_read(password_method_named(text_of(scale->method)), text_of(setting), &cost));
        check_row(strcmp(scale->method, "bcrypt") == 0 ? cost.work < scale->advised
                                                       : cost.work == scale->advised,
                  "default", i, setting);
        free(setting);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cost_is_read_from_each_method),
        cmocka_unit_test(test_huge_parameters_do_not_overflow),
        cmocka_unit_test(test_malformed_parameters_are_refused),
        cmocka_unit_test(test_work_grows_with_the_count),
        cmocka_unit_test(test_default_costs_are_advised),
        cmocka_unit_test(test_readable_hashes_are_those_that_crypt_computes),
    };
    return cmocka_run_group_tests_name("password_cost", tests, NULL, NULL);
}
