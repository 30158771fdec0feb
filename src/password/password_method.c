#include <stdint.h>
#include <string.h>

#include "password/password.h"

/* libxcrypt's CRYPT_MAX_PASSPHRASE_SIZE counts the NUL. */
#define LONGEST 511

/* The form of a hash: prefix, fields between '$', and the digest at its end in crypt's base64. */
struct form {
    struct password_method method;
    size_t digest;     /* characters after the last '$', or after the prefix if there are no fields */
    size_t fields_min; /* fields between prefix and digest, each ended by '$' */
    size_t fields_max;
};

static const struct form forms[] = {
    {{"yescrypt", "$y$", false, LONGEST}, 43, 2, 2},    {{"gost-yescrypt", "$gy$", false, LONGEST}, 43, 2, 2},
    {{"scrypt", "$7$", false, LONGEST}, 43, 1, 1},      {{"bcrypt", "$2a$", false, 72}, 53, 1, 1},
    {{"bcrypt", "$2b$", false, 72}, 53, 1, 1},          {{"bcrypt", "$2y$", false, 72}, 53, 1, 1},
    {{"sha512crypt", "$6$", false, LONGEST}, 86, 1, 2}, {{"sha256crypt", "$5$", false, LONGEST}, 43, 1, 2},
    {{"md5crypt", "$1$", true, LONGEST}, 22, 1, 1},     {{"sha1crypt", "$sha1$", true, LONGEST}, 28, 2, 2},
    {{"sunmd5", "$md5", true, LONGEST}, 22, 1, 3},      {{"bsdicrypt", "_", true, LONGEST}, 19, 0, 0},
    {{"descrypt", "", true, LONGEST}, 13, 0, 0},
};

/* Hashes that occur in files, but that crypt(3) does not compute or that are unsafe. Each has a message of
 * its own because the remedy depends on the kind. */
static const struct {
    const char *prefix;
    const char *why;
} foreign[] = {
    {"$apr1$",
     "the hash is htpasswd's own $apr1$, which crypt(3) does not know; set a new secret with htpasswd -B "
     "or tokenctl passwd"},
    {"$2x$", "the hash is the faulty $2x$ variant of bcrypt; set a new secret with tokenctl passwd"},
    {"$3$",
     "the hash is the NT hash $3$, which is as good as plain text; set a new secret with tokenctl passwd"},
    {"$pbkdf2", "the hash is PBKDF2, which crypt(3) does not know; set a new secret with tokenctl passwd"},
    {"$argon2", "the hash is Argon2, which crypt(3) does not know; set a new secret with tokenctl passwd"},
    {"{", "the hash has an LDAP scheme such as {SHA}, which crypt(3) does not know; set a new secret with "
          "htpasswd "
          "-B or tokenctl passwd"},
};

static const char not_allowed[] =
    "the hash is of a legacy method; set a new secret with tokenctl passwd, or set "
    "allow_legacy_hashes = yes";
static const char malformed[] = "the hash is cut short or malformed; set a new secret with tokenctl passwd";
static const char plain[] = "this is no hash of a known method (plain text?); hash it with tokenctl passwd";
static const char empty[] = "there is no hash; set a secret with tokenctl passwd";

/* Faster here than strlen() and memcmp(): most prefixes differ in the second character. */
static bool has_method_prefix(struct text text, const char *prefix)
{
    size_t i = 0;
    while (i < text.length && prefix[i] != '\0' && text.data[i] == prefix[i])
        i++;
    return prefix[i] == '\0';
}

/* `allowed` has one bit per character: ./0123456789A-Za-z. */
static bool is_digest(struct text text)
{
    static const uint64_t allowed[4] = {0x03ffc00000000000, 0x07fffffe07fffffe};
    uint64_t good = 1;
    for (size_t i = 0; i < text.length; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        good &= allowed[c / 64] >> c % 64;
    }
    return good == 1;
}

/* A field consists of printable characters, except those that crypt(5) forbids. */
static bool is_field(struct text text)
{
    for (size_t i = 0; i < text.length; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '!' || c == '*' || c == '\\')
            return false;
    }
    return true;
}

static bool has_form(struct text hash, const struct form *form)
{
    const size_t prefix = strlen(form->method.prefix);
    struct text rest = {hash.data + prefix, hash.length - prefix};
    struct text part = text_split(&rest, '$');
    size_t fields = 0;
    for (; rest.data != NULL; part = text_split(&rest, '$')) {
        if (!is_field(part))
            return false;
        fields++;
    }
    return fields >= form->fields_min && fields <= form->fields_max && part.length == form->digest &&
           is_digest(part);
}

const struct password_method *password_method_of(struct text hash, bool allow_legacy, const char **why)
{
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (has_method_prefix(hash, foreign[i].prefix)) {
            *why = foreign[i].why;
            return NULL;
        }
    }
    *why = hash.length == 0 ? empty : hash.data[0] == '$' ? malformed : plain;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const struct form *form = &forms[i];
        if (!has_method_prefix(hash, form->method.prefix) || !has_form(hash, form))
            continue;
        *why = form->method.legacy && !allow_legacy ? not_allowed : NULL;
        return *why == NULL ? &form->method : NULL;
    }
    return NULL;
}

const struct password_method *password_method_of_parsed(struct text hash)
{
    size_t i = 0;
    while (!has_method_prefix(hash, forms[i].method.prefix)) /* the last prefix is empty and always matches */
        i++;
    return &forms[i].method;
}

const struct password_method *password_method_named(struct text name)
{
    const struct password_method *method = NULL;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const struct password_method *one = &forms[i].method;
        if (text_is(name, one->name) && (method == NULL || strcmp(one->prefix, "$2b$") == 0))
            method = one;
    }
    return method;
}
