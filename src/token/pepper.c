#include "token/pepper.h"

#include <errno.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/secret.h"
#include "token/keyset_file.h"

static const char member[] = "pepper";
static const char label[] = "token.fcgi pepper";

static bool decode_pepper(struct json_object *value, unsigned char pepper[PEPPER_SIZE])
{
    unsigned char decoded[BASE64URL_LENGTH(PEPPER_SIZE) / 4 * 3 + 3];
    size_t size = 0;
    const bool good =
        json_object_is_type(value, json_type_string) &&
        json_object_get_string_len(value) == BASE64URL_LENGTH(PEPPER_SIZE) &&
        base64url_decode(json_object_get_string(value), BASE64URL_LENGTH(PEPPER_SIZE), decoded, &size) &&
        size == PEPPER_SIZE;
    if (good)
        memcpy(pepper, decoded, PEPPER_SIZE);
    secret_wipe(decoded, sizeof decoded);
    return good;
}

bool pepper_is_well_formed(struct json_object *document)
{
    unsigned char pepper[PEPPER_SIZE];
    struct json_object *value;
    const bool good = !json_object_object_get_ex(document, member, &value) || decode_pepper(value, pepper);
    secret_wipe(pepper, sizeof pepper);
    return good;
}

/* Returns NULL if there is none. */
static struct json_object *find_oldest_key(struct json_object *document)
{
    struct json_object *keys = json_object_object_get(document, "keys");
    for (size_t i = keys != NULL ? json_object_array_length(keys) : 0; i-- > 0;) {
        struct json_object *jwk = json_object_array_get_idx(keys, i);
        if (jwk_has_secret(jwk) && !keyset_file_is_next(jwk))
            return jwk;
    }
    return NULL;
}

bool pepper_read(struct json_object *document, unsigned char pepper[PEPPER_SIZE])
{
    struct json_object *value;
    if (json_object_object_get_ex(document, member, &value))
        return decode_pepper(value, pepper);
    return jwk_derive(find_oldest_key(document), label, pepper);
}

static bool set_member(struct json_object *document, const unsigned char pepper[PEPPER_SIZE])
{
    char text[BASE64URL_LENGTH(PEPPER_SIZE) + 1];
    base64url_encode(pepper, PEPPER_SIZE, text);
    const bool good = json_add_string(document, member, text);
    secret_wipe(text, sizeof text);
    return good;
}

bool pepper_keep(struct json_object *document, bool *added)
{
    unsigned char pepper[PEPPER_SIZE];
    *added = !json_object_object_get_ex(document, member, NULL);
    if (!*added)
        return true;
    /* If the oldest key is malformed, no process loads the set, so no pepper is in use. */
    const bool good =
        (pepper_read(document, pepper) || (errno == EINVAL && secret_random(pepper, sizeof pepper))) &&
        set_member(document, pepper);
    secret_wipe(pepper, sizeof pepper);
    return good;
}

bool pepper_disown(struct json_object *document, struct json_object *jwk)
{
    unsigned char pepper[PEPPER_SIZE];
    unsigned char derived[PEPPER_SIZE];
    bool good = pepper_read(document, pepper);
    if (!jwk_derive(jwk, label, derived))
        good = good && errno == EINVAL; /* EINVAL: nothing can have been derived from it */
    else if (good && secret_equal(pepper, derived, sizeof pepper))
        good = secret_random(pepper, sizeof pepper) && set_member(document, pepper);
    secret_wipe(pepper, sizeof pepper);
    secret_wipe(derived, sizeof derived);
    return good;
}
