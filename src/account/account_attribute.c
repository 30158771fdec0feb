#include "account/account_attribute.h"

#include <string.h>

#include "account/scope_set.h"
#include "base/clock.h"
#include "token/private_claim.h"

#define LONGEST_LIFETIME 315360000
#define NOTE_LONGEST 1024

static const char bad_scope[] =
    "scope= must be scopes of RFC 6749 without repeats, separated by commas, at most "
    "8192 bytes of them: scope=read,write";
static const char bad_lifetime[] = "lifetime= must be 0 (never expires) to 315360000 seconds: lifetime=600";
static const char bad_expires[] =
    "expires= must be a date or a time in UTC: expires=2027-01-31 or expires=2027-01-31T12:00:00Z";
static const char bad_from[] =
    "from= must be addresses or networks separated by commas, no bit set after the prefix: "
    "from=192.0.2.0/24,2001:db8::/32";
static const char bad_introspect[] = "introspect takes no value";
static const char bad_audience[] =
    "audience= must be audiences without repeats, separated by commas, at most 8192 bytes of them; a space, "
    "a "
    "comma and a '%' in one are written %20, %2C and %25: audience=https://api.example.com,billing";
static const char bad_type[] = "typ= must be a media type's name: typ=JWT";
static const char bad_not_before[] =
    "not_before= must be a date or a time in UTC: not_before=2027-01-31 or not_before=2027-01-31T12:00:00Z";
static const char bad_note[] = "note= must be text of at most 1024 bytes; a space, a comma and a '%' in it "
                               "are written %20, %2C and %25: "
                               "note=billing%20job";
static const char bad_created[] =
    "created= must be a date or a time in UTC: created=2027-01-31 or created=2027-01-31T12:00:00Z";
static const char unknown_attribute[] =
    "unknown attribute; known are scope=, lifetime=, expires=, from=, audience=, claim.NAME=, typ=, "
    "not_before=, introspect, note= and created=";
static const char repeated_claim[] = "a claim. is given twice; give it once";
static const char too_many_claims[] = "more than 32 claim. attributes; leave some out";
static const char repeated_attribute[] = "an attribute is given twice; give it once";

static bool take_scope(struct text value, struct account *account)
{
    account->scope = value;
    return true;
}

static bool is_scope_attribute(struct text value)
{
    struct scope_set set;
    if (value.length > SCOPE_LIST_LONGEST)
        return false;
    for (struct text rest = value; rest.data != NULL;) {
        if (!account_is_scope(text_split(&rest, ',')))
            return false;
    }
    return scope_set_fill(&set, value);
}

static bool take_lifetime(struct text value, struct account *account)
{
    long lifetime = 0;
    if (!text_parse_number(value, 0, LONGEST_LIFETIME, &lifetime))
        return false;
    account->lifetime = lifetime;
    return true;
}

static bool take_expires(struct text value, struct account *account)
{
    return clock_parse_date(value.data, value.length, &account->expires);
}

static bool take_from(struct text value, struct account *account)
{
    account->from = value;
    return true;
}

static bool is_network_list(struct text value)
{
    while (value.data != NULL) {
        const struct text item = text_split(&value, ',');
        struct network network;
        if (!network_parse(item.data, item.length, &network))
            return false;
    }
    return true;
}

static bool take_introspect(struct text value, struct account *account)
{
    account->introspect = true;
    return value.data == NULL;
}

static bool take_audience(struct text value, struct account *account)
{
    account->audience = value;
    return true;
}

static bool is_audience_list(struct text value)
{
    struct scope_set set;
    if (value.length > SCOPE_LIST_LONGEST)
        return false;
    for (struct text rest = value; rest.data != NULL;) {
        char decoded[SCOPE_LIST_LONGEST];
        size_t length;
        if (!text_percent_decode_strict(text_split(&rest, ','), decoded, &length))
            return false;
    }
    return scope_set_fill(&set, value);
}

static bool take_type(struct text value, struct account *account)
{
    account->type = value;
    return true;
}

static bool take_not_before(struct text value, struct account *account)
{
    return clock_parse_date(value.data, value.length, &account->not_before);
}

static bool take_note(struct text value, struct account *account)
{
    account->note = value;
    return true;
}

static bool is_note(struct text value)
{
    char decoded[NOTE_LONGEST];
    size_t length;
    return value.length <= sizeof decoded && text_percent_decode_strict(value, decoded, &length);
}

static bool take_created(struct text value, struct account *account)
{
    return clock_parse_date(value.data, value.length, &account->created);
}

static const struct attribute {
    const char *name;
    bool has_value;
    bool (*take)(struct text value, struct account *account); /* false: malformed */
    bool (*check)(struct text value); /* checks that are too slow for a lookup; NULL: none */
    const char *why;
} attributes[] = {
    {"scope", true, take_scope, is_scope_attribute, bad_scope},
    {"lifetime", true, take_lifetime, NULL, bad_lifetime},
    {"expires", true, take_expires, NULL, bad_expires},
    {"from", true, take_from, is_network_list, bad_from},
    {"audience", true, take_audience, is_audience_list, bad_audience},
    {"typ", true, take_type, text_is_media_type, bad_type},
    {"not_before", true, take_not_before, NULL, bad_not_before},
    {"note", true, take_note, is_note, bad_note},
    {"created", true, take_created, NULL, bad_created},
    {"introspect", false, take_introspect, NULL, bad_introspect},
};
#define ATTRIBUTE_COUNT (sizeof attributes / sizeof attributes[0])

/* Returns NULL if there is no attribute of that name. */
static const struct attribute *find_attribute(struct text name)
{
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
        if (text_is(name, attributes[i].name))
            return &attributes[i];
    }
    return NULL;
}

/* What a line has so far. */
struct seen {
    unsigned attributes; /* one bit per row of the table */
    size_t claims;
    struct text before; /* the attributes before the current one */
};

/* Returns NULL if the claim is valid. */
static const char *parse_claim(struct text name, struct text value, struct seen *seen)
{
    const char *why = private_claim_fault(name, value);
    if (why != NULL)
        return why;
    if (++seen->claims > PRIVATE_CLAIMS_MAX)
        return too_many_claims;
    return private_claims_have(seen->before, name) ? repeated_claim : NULL;
}

/* Returns NULL if the attribute is valid. */
static const char *parse_attribute(struct text item, struct seen *seen, struct account *account)
{
    struct text value = item;
    const struct attribute *attribute = find_attribute(text_split(&value, '='));
    if (attribute == NULL) {
        struct text name;
        if (!private_claim_split(item, &name, &value))
            return unknown_attribute;
        account->has_claims = true;
        return parse_claim(name, value, seen);
    }
    const unsigned bit = 1U << (attribute - attributes);
    if (seen->attributes & bit)
        return repeated_attribute;
    seen->attributes |= bit;
    const bool good = (!attribute->has_value || value.data != NULL) && attribute->take(value, account) &&
                      (attribute->check == NULL || attribute->check(value));
    return good ? NULL : attribute->why;
}

const char *account_attributes_parse(struct text text, struct account *account)
{
    struct text rest = text;
    struct seen seen = {.before = {text.data, 0}};
    while (rest.data != NULL) {
        const struct text item = text_split(&rest, ' ');
        const char *why = item.length > 0 ? parse_attribute(item, &seen, account) : NULL;
        if (why != NULL)
            return why;
        seen.before.length = (size_t)(item.data + item.length - text.data);
    }
    return NULL;
}

void account_attributes_read(struct text text, struct account *account)
{
    while (text.data != NULL) {
        const struct text item = text_split(&text, ' ');
        struct text name;
        struct text value = item;
        const struct attribute *attribute = find_attribute(text_split(&value, '='));
        if (attribute == NULL)
            account->has_claims |= private_claim_split(item, &name, &value);
        else if (!attribute->has_value || value.data != NULL)
            attribute->take(value, account);
    }
}
