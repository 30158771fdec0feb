#include "token/private_claim.h"

#include <string.h>

#include "base/json.h"

static const char prefix[] = "claim.";

/* The claims of this program's tokens, those that RFC 7519 and others register and that resource servers act
 * on, and the members that introspection adds. */
static const char *const reserved[] = {
    "iss",          "sub",
    "aud",          "exp",
    "nbf",          "iat",
    "jti",          "scope",
    "client_id",    "cnf",
    "act",          "azp",
    "may_act",      "nonce",
    "auth_time",    "acr",
    "amr",          "sid",
    "events",       "txn",
    "sub_id",       "vc",
    "vp",           "active",
    "token_type",   "at_hash",
    "c_hash",       "authorization_details",
    "_claim_names", "_claim_sources",
};

bool private_claim_split(struct text attribute, struct text *name, struct text *value)
{
    const size_t length = sizeof prefix - 1;
    if (attribute.length < length || memcmp(attribute.data, prefix, length) != 0)
        return false;
    *value = (struct text){attribute.data + length, attribute.length - length};
    *name = text_split(value, '=');
    return true;
}

static bool is_reserved(struct text name)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (text_is(name, reserved[i]))
            return true;
    }
    return false;
}

static bool is_name(struct text name)
{
    for (size_t i = 0; i < name.length; i++) {
        if (name.data[i] <= ' ' || name.data[i] > '~' || strchr("\"\\%,", name.data[i]) != NULL)
            return false;
    }
    return name.length > 0;
}

const char *private_claim_fault(struct text name, struct text value)
{
    char decoded[PRIVATE_CLAIM_LONGEST];
    size_t length;
    if (name.length + value.length > sizeof decoded)
        return "claim. is too long: at most 512 bytes of NAME=VALUE";
    if (!is_name(name) || value.length == 0)
        return "claim. must be a name in ASCII, '=' and a value: claim.tenant=acme";
    if (is_reserved(name))
        return "claim. names a claim that the program sets, or that has a meaning of its own in tokens; name "
               "another: claim.tenant=acme";
    if (memchr(value.data, ',', value.length) != NULL || !text_percent_decode_strict(value, decoded, &length))
        return "claim. has a malformed value: a space, a comma and a '%' are written %20, %2C and %25, and "
               "no "
               "control character may be in it";
    return NULL;
}

/* Removes the next claim from `*list`. False: there are no more. */
static bool next_claim(struct text *list, struct text *name, struct text *value)
{
    while (list->data != NULL) {
        if (private_claim_split(text_split(list, ' '), name, value))
            return true;
    }
    return false;
}

bool private_claims_have(struct text attributes, struct text name)
{
    struct text other;
    struct text value;
    while (next_claim(&attributes, &other, &value)) {
        if (text_equal(other, name))
            return true;
    }
    return false;
}

bool private_claims_add(struct json_object *claims, struct text attributes)
{
    struct text name;
    struct text value;
    while (next_claim(&attributes, &name, &value)) {
        char key[PRIVATE_CLAIM_LONGEST + 1];
        char decoded[PRIVATE_CLAIM_LONGEST];
        struct text plain = {decoded, 0};
        if (name.length + value.length > sizeof decoded ||
            !text_percent_decode(value, false, decoded, &plain.length))
            continue;
        memcpy(key, name.data, name.length);
        key[name.length] = '\0';
        if (!json_add_member(claims, key, plain))
            return false;
    }
    return true;
}
