#include "account/account.h"

#include <string.h>

#include "base/clock.h"

#define LONGEST_LIFETIME 315360000
/* Each scope is compared with all that follow. */
#define LONGEST_SCOPE ((size_t)8192)

static const char bad_scope[] =
    "scope= must be scopes of RFC 6749 without repeats, separated by commas, at most "
    "8192 bytes of them: scope=read,write";
static const char bad_lifetime[] = "lifetime= must be 0 (never expires) to 315360000 seconds: lifetime=600";
static const char bad_expires[] =
    "expires= must be a date or a time in UTC: expires=2027-01-31 or expires=2027-01-31T12:00:00Z";
static const char bad_from[] =
    "from= must be addresses or networks separated by commas, no bit set behind the prefix: "
    "from=192.0.2.0/24,2001:db8::/32";
static const char bad_introspect[] = "introspect takes no value";
static const char unknown_attribute[] =
    "unknown attribute; known are scope=, lifetime=, expires=, from= and introspect";
static const char repeated_attribute[] = "an attribute is given twice; give it once";

bool account_is_scope(struct text token)
{
    for (size_t i = 0; i < token.length; i++) {
        const unsigned char c = (unsigned char)token.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\')
            return false;
    }
    return token.length > 0;
}

static bool holds(struct text list, struct text token)
{
    while (list.data != NULL) {
        if (text_equal(text_split(&list, ','), token))
            return true;
    }
    return false;
}

static bool parse_scope(struct text value, struct account *account)
{
    account->scope = value;
    if (value.length > LONGEST_SCOPE)
        return false;
    while (value.data != NULL) {
        const struct text token = text_split(&value, ',');
        if (!account_is_scope(token) || holds(value, token))
            return false;
    }
    return true;
}

static bool parse_lifetime(struct text value, struct account *account)
{
    long lifetime = 0;
    if (!text_parse_number(value, 0, LONGEST_LIFETIME, &lifetime))
        return false;
    account->lifetime = lifetime;
    return true;
}

static bool parse_expires(struct text value, struct account *account)
{
    return clock_parse_date(value.data, value.length, &account->expires);
}

static bool parse_from(struct text value, struct account *account)
{
    account->from = value;
    while (value.data != NULL) {
        const struct text item = text_split(&value, ',');
        struct network network;
        if (!network_parse(item.data, item.length, &network))
            return false;
    }
    return true;
}

static bool parse_introspect(struct text value, struct account *account)
{
    account->introspect = true;
    return value.data == NULL;
}

static const struct attribute {
    const char *name;
    bool has_value;
    bool (*parse)(struct text value, struct account *account);
    const char *why;
} attributes[] = {
    {"scope", true, parse_scope, bad_scope},
    {"lifetime", true, parse_lifetime, bad_lifetime},
    {"expires", true, parse_expires, bad_expires},
    {"from", true, parse_from, bad_from},
    {"introspect", false, parse_introspect, bad_introspect},
};
#define ATTRIBUTE_COUNT (sizeof attributes / sizeof attributes[0])

/* NULL: good; `*seen` has a bit for each attribute given before. */
static const char *parse_attribute(struct text value, unsigned *seen, struct account *account)
{
    const struct text name = text_split(&value, '=');
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
        const struct attribute *attribute = &attributes[i];
        if (!text_is(name, attribute->name))
            continue;
        if (*seen & 1u << i)
            return repeated_attribute;
        *seen |= 1u << i;
        if (attribute->has_value && value.data == NULL)
            return attribute->why;
        return attribute->parse(value, account) ? NULL : attribute->why;
    }
    return unknown_attribute;
}

static const char *parse_attributes(struct text text, struct account *account)
{
    unsigned seen = 0;
    while (text.data != NULL) {
        const struct text item = text_split(&text, ' ');
        const char *why = item.length > 0 ? parse_attribute(item, &seen, account) : NULL;
        if (why != NULL)
            return why;
    }
    return NULL;
}

static const struct account empty_account = {.lifetime = -1, .expires = CLOCK_NEVER};

const char *account_attributes_fault(struct text text)
{
    struct account account = empty_account;
    return text_has_control(text) ? "there is a control character in it" : parse_attributes(text, &account);
}

static bool is_blank_character(char c)
{
    return c == ' ' || c == '\t';
}

static struct text trim_blanks(struct text text)
{
    while (text.length > 0 && is_blank_character(text.data[text.length - 1]))
        text.length--;
    while (text.length > 0 && is_blank_character(text.data[0])) {
        text.data++;
        text.length--;
    }
    return text;
}

const char *account_client_id_fault(struct text client_id)
{
    if (client_id.length == 0)
        return "the client_id is empty";
    if (client_id.data[0] == '#')
        return "a client_id must not begin with '#', which begins a comment";
    if (memchr(client_id.data, ':', client_id.length) != NULL)
        return "a client_id must not hold ':', which ends it";
    if (text_is_printable_ascii(client_id))
        return NULL;
    if (text_has_control(client_id))
        return "a client_id must not hold a control character";
    if (!text_is_utf8(client_id))
        return "the client_id is not UTF-8; write it in UTF-8";
    return NULL;
}

const char *account_client_id_advice(struct text client_id)
{
    if (trim_blanks(client_id).length != client_id.length)
        return "there is a blank before or after the client_id, which is a part of it; take it out";
    if (text_mark_length(client_id) > 0)
        return "there is a byte order mark before the client_id, which is a part of it; take it out";
    return NULL;
}

static bool is_blank(struct text line)
{
    for (size_t i = 0; i < line.length; i++) {
        if (!is_blank_character(line.data[i]))
            return false;
    }
    return true;
}

/* As in shadow(5): '!' or '*' in front of a hash, or in its place, locks. */
static void take_hash(struct text hash, struct account *account)
{
    while (hash.length > 0 && (hash.data[0] == '!' || hash.data[0] == '*')) {
        account->locked = true;
        hash.data++;
        hash.length--;
    }
    account->hash = hash;
}

/* A blank around a hash is hard to see, so it is named where it is all that is wrong. */
static const char *hash_fault(struct text hash, bool allow_legacy, const char *why)
{
    const struct text trimmed = trim_blanks(hash);
    const char *unused = NULL;
    if (trimmed.length == hash.length || password_method_of(trimmed, allow_legacy, &unused) == NULL)
        return why;
    return trimmed.data == hash.data
               ? "the hash is cut short or malformed: there is a blank after it; take it out"
               : "no hash of a known method: there is a blank before it; take it out";
}

static const char *parse_rest(struct text line, struct text rest, struct account *account)
{
    account->attributes = rest;
    if (!text_is_printable_ascii(line) && (!text_is_utf8(line) || text_has_control(line)))
        return "there is a control character, or a byte that is not UTF-8, in the line; take it out";
    return parse_attributes(rest, account);
}

/* A line without a usable hash is read to its end all the same: how long it takes would tell it. */
static const char *parse_line(struct text line, bool allow_legacy, struct account *account)
{
    struct text rest = line;
    account->client_id = text_split(&rest, ':');
    if (rest.data == NULL) {
        account->client_id = rest; /* nothing says that it is one: it may be a secret */
        return "there is no ':' behind the client_id; a line is client_id:crypt-hash[:attributes]";
    }
    const char *why = account_client_id_fault(account->client_id);
    if (why != NULL)
        return why;
    take_hash(text_split(&rest, ':'), account);
    const char *why_hash = NULL;
    account->method = password_method_of(account->hash, allow_legacy, &why_hash);
    why = parse_rest(line, rest, account);
    if (account->method == NULL && !account->locked)
        return hash_fault(account->hash, allow_legacy, why_hash);
    return why;
}

enum account_line account_parse(struct text line, bool allow_legacy, struct account *account,
                                const char **why)
{
    *account = empty_account;
    *why = NULL;
    if (line.length > 0 && line.data[line.length - 1] == '\r')
        line.length--;
    if (is_blank(line) || line.data[0] == '#')
        return ACCOUNT_LINE_IGNORED;
    *why = parse_line(line, allow_legacy, account);
    return *why == NULL ? ACCOUNT_LINE_USABLE : ACCOUNT_LINE_UNUSABLE;
}

bool account_admits_source(const struct account *account, const struct address *source)
{
    struct text from = account->from;
    if (from.data == NULL)
        return true;
    while (source != NULL && from.data != NULL) {
        const struct text item = text_split(&from, ',');
        struct network network;
        if (network_parse(item.data, item.length, &network) && network_contains(&network, source))
            return true;
    }
    return false;
}
