#include "password/password_cost.h"

#include <crypt.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

/* Memory of yescrypt and scrypt is N blocks of 128 bytes times their r. */
enum { BLOCK = 128, SMALLEST_LOG2 = 2, LARGEST_LOG2 = 31, LARGEST_BCRYPT_COST = 31 };
/* The product of r and p must be less. */
#define LARGEST_PRODUCT ((uint64_t)1 << 30)
/* In characters. For scrypt the digest counts, too: libxcrypt needs space for the whole hash, '$', a digest
 * and NUL. */
enum { LONGEST_YESCRYPT_SALT = 86, LONGEST_SCRYPT_REST = CRYPT_OUTPUT_SIZE - (3 + 11) - (1 + 43 + 1) };

/* Consumes a digit of the base64 of crypt(5), which has six bits. -1: `from` does not start with one. */
static int consume_digit(struct text *from)
{
    static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *digit = from->length > 0 ? memchr(digits, from->data[0], sizeof digits - 1) : NULL;
    if (digit == NULL)
        return -1;
    from->data++;
    from->length--;
    return (int)(digit - digits);
}

/* Consumes a number of `count` digits, the lowest first. */
static bool consume_digits(struct text *from, unsigned count, uint64_t *number)
{
    *number = 0;
    for (unsigned i = 0; i < count; i++) {
        const int digit = consume_digit(from);
        if (digit < 0)
            return false;
        *number |= (uint64_t)digit << (6 * i);
    }
    return true;
}

/* Consumes a number in yescrypt's encoding, at least `low`. The first digit says how many digits follow; the
 * highest is first. The numbers with n digits start after the largest number with n - 1 digits. */
static bool consume_number(struct text *from, uint64_t low, uint64_t *number)
{
    static const int first_of[] = {0,  48, 56, 60,
                                   62, 63, 64}; /* indexed by the number of digits that follow */
    const int first = consume_digit(from);
    if (first < 0)
        return false;
    *number = low;
    unsigned follow = 0;
    for (; first >= first_of[follow + 1]; follow++)
        *number += (uint64_t)(first_of[follow + 1] - first_of[follow]) << (6 * follow);
    *number += (uint64_t)(first - first_of[follow]) << (6 * follow);
    while (follow-- > 0) {
        const int digit = consume_digit(from);
        if (digit < 0)
            return false;
        *number += (uint64_t)digit << (6 * follow);
    }
    return true;
}

/* False: libxcrypt refuses these parameters. */
static bool set_blocks(struct password_cost *cost, uint64_t log2, uint64_t size, uint64_t parallelism)
{
    if (log2 < SMALLEST_LOG2 || log2 > LARGEST_LOG2 || size < 1 || parallelism < 1 ||
        size * parallelism >= LARGEST_PRODUCT)
        return false;
    cost->work = (double)((uint64_t)1 << log2) * (double)size;
    cost->memory = cost->work * BLOCK;
    cost->maps_memory = true;
    return cost->memory < (double)(SIZE_MAX / 2);
}

/* The salt of yescrypt is base64 of at most 64 whole bytes. */
static bool is_yescrypt_salt(struct text salt)
{
    uint64_t last = 0;
    const size_t left = salt.length % 4;
    if (salt.length > LONGEST_YESCRYPT_SALT || left == 1)
        return false;
    while (salt.length > 0) {
        const int digit = consume_digit(&salt);
        if (digit < 0)
            return false;
        last = (uint64_t)digit;
    }
    /* The highest bits of the last group belong to no byte and must be zero. */
    return left == 0 || last >> (left == 2 ? 2 : 4) == 0;
}

static bool is_base64(struct text text)
{
    while (text.length > 0) {
        if (consume_digit(&text) < 0)
            return false;
    }
    return true;
}

/* "j9T$": flavour, logarithm of N, r; then, optionally, a bit set of the further parameters (p, t …) and the
 * parameters. Refuses those that libxcrypt does not compute: growing (g) and a ROM, for example. */
static bool read_yescrypt(struct text *rest, struct password_cost *cost)
{
    enum { HAS_PARALLELISM = 1, HAS_TIME = 2, HAS_GROWTH = 4, HAS_ROM = 8 };
    enum { SCRYPT = 0, WORM = 1, READ_WRITE = 47 }; /* flavours */
    struct text from = text_split(rest, '$');
    uint64_t flavour;
    uint64_t log2;
    uint64_t size;
    uint64_t has = 0;
    uint64_t parallelism = 1;
    uint64_t time = 0;
    if (!consume_number(&from, 0, &flavour) || !consume_number(&from, 1, &log2) ||
        !consume_number(&from, 1, &size))
        return false;
    if ((from.length > 0 && !consume_number(&from, 1, &has)) ||
        (has & HAS_PARALLELISM && !consume_number(&from, 2, &parallelism)) ||
        (has & HAS_TIME && !consume_number(&from, 1, &time)))
        return false;
    if (from.length > 0 || has & (HAS_GROWTH | HAS_ROM) || !set_blocks(cost, log2, size, parallelism))
        return false;
    cost->work *= (double)(1 + time);
    if (flavour != READ_WRITE)
        cost->work *= (double)parallelism;
    const bool is_known = (flavour == SCRYPT && time == 0) || flavour == WORM ||
                          (flavour == READ_WRITE && ((uint64_t)1 << log2) / parallelism > 3);
    struct text salt = *rest;
    return is_known && (salt.data == NULL || is_yescrypt_salt(text_split(&salt, '$')));
}

/* "CU..../....": logarithm of N, r, p. The salt follows without a separator. */
static bool read_scrypt(struct text *rest, struct password_cost *cost)
{
    uint64_t log2;
    uint64_t size;
    uint64_t parallelism;
    if (!consume_digits(rest, 1, &log2) || !consume_digits(rest, 5, &size) ||
        !consume_digits(rest, 5, &parallelism) || !set_blocks(cost, log2, size, parallelism))
        return false;
    cost->work *= (double)parallelism;
    struct text salt = *rest;
    return rest->length <= LONGEST_SCRYPT_REST && is_base64(text_split(&salt, '$'));
}

/* Consumes a decimal number and the '$' after it. */
static bool read_rounds(struct text *rest, long low, long high, double *work)
{
    long rounds = 0;
    if (!text_parse_number(text_split(rest, '$'), low, high, &rounds))
        return false;
    *work = (double)rounds;
    return true;
}

static bool read_bcrypt(struct text *rest, struct password_cost *cost)
{
    double logarithm;
    if (!read_rounds(rest, 4, LARGEST_BCRYPT_COST, &logarithm))
        return false;
    cost->work = (double)((uint64_t)1 << (unsigned)logarithm);
    cost->memory = 4096;
    return true;
}

static bool consume_word(struct text *rest, const char *word)
{
    const size_t length = strlen(word);
    if (rest->length < length || memcmp(rest->data, word, length) != 0)
        return false;
    rest->data += length;
    rest->length -= length;
    return true;
}

static bool read_sha2(struct text *rest, struct password_cost *cost)
{
    if (consume_word(rest, "rounds="))
        return read_rounds(rest, 1000, 999999999, &cost->work);
    cost->work = 5000;
    return true;
}

static bool read_sha1(struct text *rest, struct password_cost *cost)
{
    const bool read = read_rounds(rest, 0, LONG_MAX, &cost->work);
    cost->work += 1; /* the method computes one HMAC before the rounds */
    return read;
}

/* The format has 32 bits. On a 32-bit processor `long` has only 31 bits; more rounds would take weeks there.
 */
#define MOST_ROUNDS (LONG_MAX < UINT32_MAX ? LONG_MAX : (long)UINT32_MAX)

static bool read_sunmd5(struct text *rest, struct password_cost *cost)
{
    cost->work = 0;
    if (consume_word(rest, ",rounds=") ? !read_rounds(rest, 1, MOST_ROUNDS, &cost->work)
                                       : !consume_word(rest, "$"))
        return false;
    cost->work += 4096;
    return true;
}

static bool read_bsdi(struct text *rest, struct password_cost *cost)
{
    uint64_t rounds;
    if (!consume_digits(rest, 4, &rounds))
        return false;
    cost->work = rounds > 0 ? (double)rounds : 1;
    return true;
}

/* For methods with a single cost. */
static bool read_nothing(struct text *rest, struct password_cost *cost)
{
    (void)rest;
    cost->work = 1;
    return true;
}

/* The advised costs: the defaults of yescrypt, scrypt and the SHA-2 methods, OWASP's minimum for bcrypt. */
const struct password_scale password_scales[PASSWORD_SCALES] = {
    {"yescrypt", "$y$", {4, 5, 6}, 150, 4096 * 32, "cost 5", read_yescrypt},
    {"gost-yescrypt", "$gy$", {4, 5, 6}, 150, 4096 * 32, "cost 5", read_yescrypt},
    {"scrypt", "$7$", {6, 7, 8}, 375, 16384 * 32, "cost 7", read_scrypt},
    {"bcrypt", "$2b$", {4, 6, 8, 10, 12}, 55000, 1024, "cost 10", read_bcrypt},
    {"sha512crypt", "$6$", {1000, 5000, 20000, 100000}, 430, 5000, "5000 rounds", read_sha2},
    {"sha256crypt", "$5$", {1000, 5000, 20000, 100000}, 480, 5000, "5000 rounds", read_sha2},
    {"md5crypt", "$1$", {0}, 200000, 0, NULL, read_nothing},
    {"sha1crypt", "$sha1$", {20000, 200000}, 640, 0, NULL, read_sha1},
    {"sunmd5", "$md5", {32768}, 1600, 0, NULL, read_sunmd5},
    {"bsdicrypt", "_", {725, 7250}, 120, 0, NULL, read_bsdi},
    {"descrypt", "", {0}, 6000, 0, NULL, read_nothing},
};

const struct password_scale *password_scale_of(const struct password_method *method)
{
    for (size_t i = 0; i < PASSWORD_SCALES; i++) {
        if (strcmp(password_scales[i].method, method->name) == 0)
            return &password_scales[i];
    }
    return NULL;
}

char *password_scale_setting(const struct password_scale *scale, unsigned long count)
{
    return crypt_gensalt_ra(scale->prefix, count, NULL, 0);
}

bool password_cost_read(const struct password_method *method, struct text hash, struct password_cost *cost)
{
    const size_t prefix = strlen(method->prefix);
    struct text rest = {hash.data + prefix, hash.length - prefix};
    *cost = (struct password_cost){.work = 0};
    if (!password_scale_of(method)->read(&rest, cost) || rest.data == NULL)
        return false;
    cost->setting = (struct text){hash.data, (size_t)(rest.data - hash.data)};
    return true;
}
