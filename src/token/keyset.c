#include "token/keyset.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_read.h"
#include "base/secret.h"
#include "token/keyset_file.h"
#include "token/pepper.h"

enum { PLACE_SIZE = 160 };

static const char remedy[] = "make one with: tokenctl key rotate";

/* A key of the file while it is parsed. `place` is for messages: `keys[2] (kid "x")`. */
struct entry {
    struct json_object *jwk;
    const char *path;
    struct diagnostics *diagnostics;
    char place[PLACE_SIZE];
};

/* Adds an error and returns false. */
__attribute__((format(printf, 2, 3))) static bool refuse(const struct entry *entry, const char *format, ...)
{
    char reason[JWK_FAULT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    diagnostics_add(entry->diagnostics, SEVERITY_ERROR, entry->path, 0,
                    "%s: %s; mend or remove this key; where none is left to sign, %s", entry->place, reason,
                    remedy);
    return false;
}

static void name_place(struct entry *entry, size_t index)
{
    struct json_object *kid = NULL;
    if (json_object_is_type(entry->jwk, json_type_object) &&
        json_object_object_get_ex(entry->jwk, "kid", &kid) && json_object_is_type(kid, json_type_string))
        snprintf(entry->place, sizeof entry->place, "keys[%zu] (kid \"%.100s\")", index,
                 json_object_get_string(kid));
    else
        snprintf(entry->place, sizeof entry->place, "keys[%zu]", index);
}

static bool read_kid(const struct entry *entry, struct signing_key *key)
{
    struct json_object *value;
    if (!json_object_object_get_ex(entry->jwk, "kid", &value)) {
        key->kid = malloc(JWK_THUMBPRINT_SIZE);
        return (key->kid != NULL && jwk_thumbprint(entry->jwk, key->kid)) || refuse(entry, "out of memory");
    }
    const struct text kid = {json_object_get_string(value), (size_t)json_object_get_string_len(value)};
    if (!json_object_is_type(value, json_type_string) || kid.length == 0 || text_has_control(kid))
        return refuse(entry, "\"kid\" is not a string of printable characters");
    key->kid = text_copy(kid);
    return key->kid != NULL || refuse(entry, "out of memory");
}

static bool read_expiry(const struct entry *entry, struct signing_key *key)
{
    struct json_object *value;
    key->expires = CLOCK_NEVER;
    key->retired = json_object_object_get_ex(entry->jwk, "exp", &value);
    if (!key->retired)
        return true;
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
        return refuse(entry, "\"exp\" is not a number of whole seconds since 1970");
    key->expires = json_object_get_int64(value);
    return true;
}

/* Members that keys of other origin may lack are added; what concerns this program alone is left out. */
static bool publish(const struct entry *entry, struct signing_key *key)
{
    if (key->algorithm == JWS_HS256)
        return true;
    key->published = jwk_public(entry->jwk);
    if (key->published == NULL)
        return refuse(entry, "out of memory");
    json_object_object_del(key->published, "iat");
    json_object_object_del(key->published, "exp");
    return (json_add_string(key->published, "alg", jws_algorithm_name(key->algorithm)) &&
            json_add_string(key->published, "use", "sig") &&
            json_add_string(key->published, "kid", key->kid)) ||
           refuse(entry, "out of memory");
}

static bool read_key(const struct entry *entry, struct signing_key *key)
{
    char fault[JWK_FAULT_SIZE];
    struct jwk_key parts;
    if (!jwk_read(entry->jwk, &parts, fault))
        return refuse(entry, "%s", fault);
    key->key = parts.key;
    key->algorithm = parts.algorithm;
    key->can_sign = parts.is_private;
    key->is_next = keyset_file_is_next(entry->jwk);
    key->created = json_object_get_int64(json_object_object_get(entry->jwk, "iat"));
    return read_kid(entry, key) && read_expiry(entry, key) && publish(entry, key);
}

/* Selects the first key that has its private part, is not retired, and is not `next`. */
static void choose_signer(struct keyset *keyset, const struct signing_key *key)
{
    if (keyset->signer == NULL && key->can_sign && !key->retired && !key->is_next)
        keyset->signer = key;
}

/* Continues after a key that is refused, so that all problems are reported at once. */
static void read_keys(struct keyset *keyset, struct json_object *array, const char *path,
                      struct diagnostics *diagnostics)
{
    struct entry entry = {.path = path, .diagnostics = diagnostics};
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        struct signing_key *key = &keyset->keys[i];
        entry.jwk = json_object_array_get_idx(array, i);
        name_place(&entry, i);
        if (!read_key(&entry, key))
            continue;
        if (keyset_find(keyset, text_of(key->kid)) != key)
            refuse(&entry, "another key has the same \"kid\"");
        choose_signer(keyset, key);
    }
}

static struct keyset *keyset_new(size_t count)
{
    struct keyset *keyset = calloc(1, sizeof *keyset);
    if (keyset == NULL)
        return NULL;
    refcount_init(&keyset->holders);
    keyset->keys = calloc(count, sizeof *keyset->keys);
    keyset->count = count;
    if (keyset->keys == NULL) {
        free(keyset);
        return NULL;
    }
    return keyset;
}

static struct keyset *keyset_of(struct json_object *array, const char *path, struct diagnostics *diagnostics)
{
    struct keyset *keyset = keyset_new(json_object_array_length(array));
    if (keyset == NULL)
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "out of memory");
    else
        read_keys(keyset, array, path, diagnostics);
    return keyset;
}

bool keyset_validate(struct json_object *keys, const char *path, struct diagnostics *diagnostics)
{
    const size_t errors = diagnostics->errors;
    keyset_release(keyset_of(keys, path, diagnostics));
    return diagnostics->errors == errors;
}

static struct keyset *keyset_from(struct json_object *document, const char *path,
                                  struct diagnostics *diagnostics)
{
    const size_t errors = diagnostics->errors;
    struct keyset *keyset = keyset_of(json_object_object_get(document, "keys"), path, diagnostics);
    if (diagnostics->errors == errors)
        keyset->seen = token_cache_new();
    if (diagnostics->errors == errors && keyset->signer == NULL)
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0,
                        "no key signs: each has an \"exp\" or a \"next\", or lacks its private part; %s",
                        remedy);
    else if (diagnostics->errors == errors &&
             (keyset->seen == NULL || !pepper_read(document, keyset->pepper)))
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "out of memory");
    return keyset;
}

struct keyset *keyset_load(const char *path, struct diagnostics *diagnostics)
{
    const size_t errors = diagnostics->errors;
    struct file_stamp stamp;
    struct json_object *document = keyset_file_read(path, &stamp, diagnostics);
    if (document == NULL)
        return NULL;
    struct keyset *keyset = keyset_from(document, path, diagnostics);
    json_put_wiped(document);
    if (keyset != NULL)
        keyset->stamp = stamp;
    if (diagnostics->errors == errors)
        return keyset;
    keyset_release(keyset);
    return NULL;
}

struct keyset *keyset_hold(struct keyset *keyset)
{
    refcount_hold(&keyset->holders);
    return keyset;
}

void keyset_release(struct keyset *keyset)
{
    if (keyset == NULL || !refcount_release(&keyset->holders))
        return;
    for (size_t i = 0; i < keyset->count; i++) {
        free(keyset->keys[i].kid);
        json_object_put(keyset->keys[i].published);
        jws_key_release(keyset->keys[i].key);
    }
    free(keyset->keys);
    token_cache_free(keyset->seen);
    secret_free(keyset, sizeof *keyset);
}

const struct signing_key *keyset_find(const struct keyset *keyset, struct text kid)
{
    for (size_t i = 0; i < keyset->count; i++) {
        if (keyset->keys[i].kid != NULL && text_is(kid, keyset->keys[i].kid))
            return &keyset->keys[i];
    }
    return NULL;
}
