/* The edits of a key set: rotate, add, prune, remove. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_read.h"
#include "token/keyset.h"
#include "token/keyset_file.h"
#include "token/pepper.h"

static struct json_object *keys_in(struct json_object *document)
{
    return json_object_object_get(document, "keys");
}

static bool has_expiry(struct json_object *jwk)
{
    return json_object_object_get_ex(jwk, "exp", NULL);
}

/* The key that signs; keyset.h says which one it is. `jwk` is NULL if no key signs. */
struct signer {
    struct json_object *jwk;
    enum jws_algorithm algorithm;
};

/* False: it cannot be determined which key signs; `diagnostics` has the error. */
static bool find_signer(struct json_object *keys, struct signer *signer, const char *path,
                        struct diagnostics *diagnostics)
{
    *signer = (struct signer){NULL, JWS_HS256};
    const size_t count = keys != NULL ? json_object_array_length(keys) : 0;
    for (size_t i = 0; i < count; i++) {
        char fault[JWK_FAULT_SIZE];
        struct jwk_key key;
        struct json_object *jwk = json_object_array_get_idx(keys, i);
        if (has_expiry(jwk) || keyset_file_is_next(jwk))
            continue;
        if (!jwk_read(jwk, &key, fault)) {
            diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "keys[%zu]: %s; mend or remove this key", i,
                            fault);
            return false;
        }
        jws_key_release(key.key);
        if (key.is_private) {
            *signer = (struct signer){jwk, key.algorithm};
            return true;
        }
    }
    return true;
}

/* Owns `first` from now on. */
static bool put_in_front(struct json_object *document, struct json_object *first)
{
    struct json_object *keys = json_object_new_array();
    struct json_object *old = keys_in(document);
    bool good = keys != NULL && json_object_array_add(keys, first) == 0;
    if (!good)
        json_put_wiped(first);
    const size_t count = old != NULL ? json_object_array_length(old) : 0;
    for (size_t i = 0; good && i < count; i++)
        good = json_object_array_add(keys, json_object_get(json_object_array_get_idx(old, i))) == 0;
    if (good)
        return json_add(document, "keys", keys);
    json_put_wiped(keys);
    return false;
}

/* Returns the index of the key marked `next`, or the number of keys if there is none. */
static size_t find_next(struct json_object *keys)
{
    const size_t count = keys != NULL ? json_object_array_length(keys) : 0;
    size_t i = 0;
    while (i < count && !keyset_file_is_next(json_object_array_get_idx(keys, i)))
        i++;
    return i;
}

/* Moves the key marked `next` from `keys` to `*jwk`, which the caller frees. Sets `*jwk` to NULL if there is
 * none, or if `rotation` has another algorithm. False: `fault` has the reason. */
static bool take_next(struct json_object *keys, struct keyset_rotation *rotation, struct json_object **jwk,
                      char fault[JWK_FAULT_SIZE])
{
    const size_t place = find_next(keys);
    struct json_object *next = keys != NULL ? json_object_array_get_idx(keys, place) : NULL;
    struct jwk_key key;
    *jwk = NULL;
    if (next == NULL)
        return true;
    if (!jwk_read(next, &key, fault))
        return false;
    jws_key_release(key.key);
    if (!key.is_private || (rotation->has_algorithm && rotation->algorithm != key.algorithm))
        return true;
    *jwk = json_object_get(next);
    rotation->is_new = false;
    rotation->made = key.algorithm;
    json_object_array_del_idx(keys, place, 1);
    json_object_object_del(*jwk, "next");
    return true;
}

/* The caller frees the key. NULL: `fault` has the reason. */
static struct json_object *make_jwk(const struct signer *signer, struct keyset_rotation *rotation,
                                    char fault[JWK_FAULT_SIZE])
{
    rotation->is_new = true;
    rotation->made = rotation->has_algorithm ? rotation->algorithm : signer->algorithm;
    return jwk_generate(rotation->made, rotation->now, fault);
}

/* Returns the `kid` of the key; if it has none, its thumbprint, written to `thumbprint`. NULL if that fails.
 */
static const char *kid_of(struct json_object *jwk, char thumbprint[JWK_THUMBPRINT_SIZE])
{
    struct json_object *own = json_object_object_get(jwk, "kid");
    if (own != NULL)
        return json_object_get_string(own);
    return json_object_is_type(jwk, json_type_object) && jwk_thumbprint(jwk, thumbprint) ? thumbprint : NULL;
}

static bool tell_kid(struct json_object *jwk, struct keyset_rotation *rotation)
{
    char thumbprint[JWK_THUMBPRINT_SIZE];
    const char *kid = kid_of(jwk, thumbprint);
    if (kid != NULL)
        snprintf(rotation->kid, sizeof rotation->kid, "%s", kid);
    return kid != NULL;
}

/* Returns whether resource servers have the key that will sign. A key without the time when it was made is
 * not of keyset_file_add(), and may be as old as it must be. */
static bool check_published(struct json_object *keys, const struct signer *signer,
                            const struct keyset_rotation *rotation, char fault[JWK_FAULT_SIZE])
{
    if (rotation->published_for == 0 || signer->jwk == NULL || signer->algorithm == JWS_HS256)
        return true;
    struct json_object *next = json_object_array_get_idx(keys, find_next(keys));
    struct json_object *made = NULL;
    struct jwk_key key;
    snprintf(
        fault, JWK_FAULT_SIZE,
        "resource servers cannot have it yet: call tokenctl key add, and this %ld seconds later, or with "
        "--now if they must not wait",
        rotation->published_for);
    if (next == NULL || !jwk_read(next, &key, fault))
        return false;
    jws_key_release(key.key);
    if (!key.is_private || (rotation->has_algorithm && rotation->algorithm != key.algorithm))
        return false;
    if (!json_object_object_get_ex(next, "iat", &made) || !json_object_is_type(made, json_type_int))
        return true;
    char date[CLOCK_DATE_SIZE];
    const int64_t ready = json_object_get_int64(made) + rotation->published_for;
    clock_format_date(ready, date);
    snprintf(fault, JWK_FAULT_SIZE,
             "resource servers may not have the next one before %s (keys_max_age); --now does not wait",
             date);
    return ready <= rotation->now;
}

static bool rotate(struct json_object *document, const struct signer *signer,
                   struct keyset_rotation *rotation, char fault[JWK_FAULT_SIZE])
{
    if (!check_published(keys_in(document), signer, rotation, fault))
        return false;
    snprintf(fault, JWK_FAULT_SIZE, "%s", strerror(ENOMEM));
    if (signer->jwk != NULL && rotation->last_expiry != CLOCK_NEVER &&
        !json_add_number(signer->jwk, "exp", rotation->last_expiry))
        return false;
    struct json_object *jwk = NULL;
    if (take_next(keys_in(document), rotation, &jwk, fault) && jwk == NULL)
        jwk = make_jwk(signer, rotation, fault);
    if (jwk != NULL && tell_kid(jwk, rotation))
        return put_in_front(document, jwk);
    json_put_wiped(jwk);
    return false;
}

/* Owns `last` from now on. */
static bool put_behind(struct json_object *keys, struct json_object *last)
{
    if (json_object_array_add(keys, last) == 0)
        return true;
    json_put_wiped(last);
    return false;
}

static bool add(struct json_object *document, const struct signer *signer, struct keyset_rotation *rotation,
                char fault[JWK_FAULT_SIZE])
{
    struct json_object *keys = keys_in(document);
    snprintf(fault, JWK_FAULT_SIZE,
             "one waits to sign already: tokenctl key rotate lets it, tokenctl key remove takes it away");
    if (find_next(keys) < json_object_array_length(keys))
        return false;
    struct json_object *jwk = make_jwk(signer, rotation, fault);
    if (jwk == NULL)
        return false;
    snprintf(fault, JWK_FAULT_SIZE, "%s", strerror(ENOMEM));
    if (tell_kid(jwk, rotation) && json_add(jwk, "next", json_object_new_boolean(true)))
        return put_behind(keys, jwk);
    json_put_wiped(jwk);
    return false;
}

typedef bool make_function(struct json_object *document, const struct signer *signer,
                           struct keyset_rotation *rotation, char fault[JWK_FAULT_SIZE]);

/* Makes a key, provided that all other keys can be loaded. */
static enum edit make_beside(struct json_object *document, make_function *make,
                             struct keyset_rotation *rotation, const char *path,
                             struct diagnostics *diagnostics)
{
    struct json_object *keys = keys_in(document);
    struct signer signer;
    char fault[JWK_FAULT_SIZE];
    if (!find_signer(keys, &signer, path, diagnostics) ||
        (keys != NULL && !keyset_validate(keys, path, diagnostics)))
        return EDIT_REFUSED;
    if (make(document, &signer, rotation, fault))
        return EDIT_MADE;
    diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "nothing is changed: %s", fault);
    return EDIT_REFUSED;
}

static enum edit edit_by_rotation(struct json_object *document, void *context, const char *path,
                                  struct diagnostics *diagnostics)
{
    return make_beside(document, rotate, context, path, diagnostics);
}

bool keyset_file_rotate(const char *path, struct keyset_rotation *rotation, struct diagnostics *diagnostics)
{
    return keyset_file_change(path, true, rotation->is_trial, edit_by_rotation, rotation, diagnostics);
}

static enum edit edit_by_addition(struct json_object *document, void *context, const char *path,
                                  struct diagnostics *diagnostics)
{
    return make_beside(document, add, context, path, diagnostics);
}

bool keyset_file_add(const char *path, struct keyset_rotation *rotation, struct diagnostics *diagnostics)
{
    return keyset_file_change(path, false, rotation->is_trial, edit_by_addition, rotation, diagnostics);
}

static bool is_past(struct json_object *jwk, int64_t now)
{
    struct json_object *expiry;
    return json_object_object_get_ex(jwk, "exp", &expiry) && json_object_is_type(expiry, json_type_int) &&
           json_object_get_int64(expiry) <= now;
}

static size_t remove_past(struct json_object *keys, int64_t now)
{
    size_t removed = 0;
    for (size_t i = json_object_array_length(keys); i-- > 0;) {
        if (is_past(json_object_array_get_idx(keys, i), now) && json_object_array_del_idx(keys, i, 1) == 0)
            removed++;
    }
    return removed;
}

struct pruning {
    int64_t now;
    size_t removed;
};

static enum edit edit_by_pruning(struct json_object *document, void *context, const char *path,
                                 struct diagnostics *diagnostics)
{
    struct pruning *pruning = context;
    struct signer signer;
    if (!find_signer(keys_in(document), &signer, path, diagnostics))
        return EDIT_REFUSED;
    if (signer.jwk == NULL) {
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0,
                        "no key of it signs; make one first: tokenctl key rotate");
        return EDIT_REFUSED;
    }
    pruning->removed = remove_past(keys_in(document), pruning->now);
    return pruning->removed > 0 ? EDIT_MADE : EDIT_NEEDLESS;
}

bool keyset_file_prune(const char *path, int64_t now, bool is_trial, size_t *removed,
                       struct diagnostics *diagnostics)
{
    struct pruning pruning = {.now = now};
    const bool good = keyset_file_change(path, false, is_trial, edit_by_pruning, &pruning, diagnostics);
    *removed = pruning.removed;
    return good;
}

static bool has_kid(struct json_object *jwk, const char *kid)
{
    char thumbprint[JWK_THUMBPRINT_SIZE];
    const char *own = kid_of(jwk, thumbprint);
    return own != NULL && strcmp(own, kid) == 0;
}

static enum edit edit_by_removal(struct json_object *document, void *context, const char *path,
                                 struct diagnostics *diagnostics)
{
    const char *const *kid = context;
    struct json_object *keys = keys_in(document);
    const size_t count = json_object_array_length(keys);
    struct signer signer;
    size_t i = 0;
    if (!find_signer(keys, &signer, path, diagnostics))
        return EDIT_REFUSED;
    while (i < count && !has_kid(json_object_array_get_idx(keys, i), *kid))
        i++;
    struct json_object *jwk = i < count ? json_object_array_get_idx(keys, i) : NULL;
    if (jwk == NULL)
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0,
                        "no key has that kid; tokenctl key list shows them");
    else if (jwk == signer.jwk)
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0,
                        "this key signs; make another first: tokenctl key rotate");
    else if (!pepper_disown(document, jwk))
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "no key was removed: %s", strerror(ENOMEM));
    else if (json_object_array_del_idx(keys, i, 1) == 0)
        return EDIT_MADE;
    return EDIT_REFUSED;
}

bool keyset_file_remove(const char *path, const char *kid, bool is_trial, struct diagnostics *diagnostics)
{
    return keyset_file_change(path, false, is_trial, edit_by_removal, &kid, diagnostics);
}
