#include "token/keyset_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_text.h"
#include "base/secret.h"
#include "token/keyset.h"

enum { FILE_LIMIT = 1 << 20, NEW_MODE = 0600 };

static const char remedy[] = "make one with: tokenctl key rotate";

static bool fail(struct report *report, const char *path, const char *what)
{
    report_problem(report, SEVERITY_ERROR, path, 0, "%s: %s", what, strerror(errno));
    return false;
}

static void report_unreadable(const char *path, int error, struct report *report)
{
    if (error == EFBIG)
        report_problem(report, SEVERITY_ERROR, path, 0, "over the 1 MiB that a key set may have; %s", remedy);
    else
        report_problem(report, SEVERITY_ERROR, path, 0, "cannot be read: %s; %s", file_read_reason(error),
                       file_read_remedy(error, remedy));
}

static struct json_object *keys_of(struct json_object *document)
{
    return json_object_object_get(document, "keys");
}

static bool is_key_set(struct json_object *document, const char *path, struct report *report)
{
    struct json_object *keys = keys_of(document);
    if (json_object_is_type(keys, json_type_array) && json_object_array_length(keys) > 0)
        return true;
    if (keys == NULL && json_object_object_get_ex(document, "kty", NULL))
        report_problem(report, SEVERITY_ERROR, path, 0,
                       "one JWK, and not a JWK Set; put {\"keys\": [ before it and ]} behind it");
    else
        report_problem(report, SEVERITY_ERROR, path, 0, "no JWK Set: \"keys\" is not an array of keys; %s",
                       remedy);
    return false;
}

struct json_object *keyset_file_read(const char *path, struct file_stamp *stamp, struct report *report)
{
    struct file_content content;
    if (!file_read(path, FILE_LIMIT, &content)) {
        report_unreadable(path, errno, report);
        return NULL;
    }
    file_mode_is_safe(path, &content.status, true, report);
    if (stamp != NULL)
        *stamp = content.stamp;
    struct json_fault fault;
    struct json_object *document = json_read((struct text){content.data, content.size}, &fault);
    file_content_free(&content);
    if (document == NULL) {
        report_problem(report, SEVERITY_ERROR, path, fault.line,
                       "not a JWK Set: %s; mend it, or move the file away and %s", fault.text, remedy);
    } else if (!is_key_set(document, path, report)) {
        json_put_wiped(document);
        document = NULL;
    }
    return document;
}

/* Under the lock. The text that json-c makes is a copy of every secret. */
static bool write_back(const char *path, struct json_object *document, struct report *report)
{
    const struct text text = json_write(document, JSON_C_TO_STRING_PRETTY);
    errno = ENOMEM;
    const bool good = text.data != NULL && file_replace(path, text.data, text.length, NEW_MODE);
    const int error = errno;
    secret_wipe((char *)text.data, text.length);
    errno = error;
    return good || fail(report, path, "the file cannot be replaced, and is as it was");
}

static bool has_expiry(struct json_object *jwk)
{
    return json_object_object_get_ex(jwk, "exp", NULL);
}

/* The key that signs, as keyset.h says which; `jwk` NULL: none does. */
struct signer {
    struct json_object *jwk;
    enum jws_algorithm algorithm;
};

/* False: whether a key signs cannot be told, which is reported. */
static bool find_signer(struct json_object *keys, struct signer *signer, const char *path,
                        struct report *report)
{
    *signer = (struct signer){NULL, JWS_HS256};
    const size_t count = keys != NULL ? json_object_array_length(keys) : 0;
    for (size_t i = 0; i < count; i++) {
        char fault[JWK_FAULT_SIZE];
        struct jwk_key key;
        struct json_object *jwk = json_object_array_get_idx(keys, i);
        if (has_expiry(jwk))
            continue;
        if (!jwk_read(jwk, &key, fault)) {
            report_problem(report, SEVERITY_ERROR, path, 0, "keys[%zu]: %s; mend or remove this key", i,
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

/* Takes over `first`. */
static bool put_in_front(struct json_object *document, struct json_object *first)
{
    struct json_object *keys = json_object_new_array();
    struct json_object *old = keys_of(document);
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

static bool rotate(struct json_object *document, const struct signer *signer,
                   struct keyset_rotation *rotation, char fault[JWK_FAULT_SIZE])
{
    snprintf(fault, JWK_FAULT_SIZE, "%s", strerror(ENOMEM));
    if (signer->jwk != NULL && rotation->last_expiry != CLOCK_NEVER &&
        !json_add_number(signer->jwk, "exp", rotation->last_expiry))
        return false;
    const enum jws_algorithm algorithm = rotation->has_algorithm ? rotation->algorithm : signer->algorithm;
    struct json_object *jwk = jwk_generate(algorithm, rotation->now, fault);
    if (jwk != NULL && jwk_thumbprint(jwk, rotation->kid))
        return put_in_front(document, jwk);
    json_put_wiped(jwk);
    return false;
}

static bool fail_to_make(struct report *report, const char *path, const char *fault)
{
    report_problem(report, SEVERITY_ERROR, path, 0, "no key was made: %s", fault);
    return false;
}

/* --- The changes --- */

/* What no process would load is not changed: the change would take effect nowhere. NULL: reported. */
static struct json_object *read_to_change(const char *path, bool may_be_missing, struct report *report)
{
    const size_t errors = report->errors;
    const bool missing = may_be_missing && access(path, F_OK) != 0 && errno == ENOENT;
    struct json_object *document = missing ? json_object_new_object() : keyset_file_read(path, NULL, report);
    if (missing && document == NULL)
        fail_to_make(report, path, strerror(ENOMEM));
    if (report->errors == errors)
        return document;
    json_put_wiped(document);
    return NULL;
}

/* What came of a change in memory. */
enum edit { EDIT_MADE, EDIT_NEEDLESS, EDIT_REFUSED /* reported */ };

typedef enum edit edit_function(struct json_object *document, void *context, const char *path,
                                struct report *report);

static bool change_file(const char *path, bool may_be_missing, edit_function *edit, void *context,
                        struct report *report)
{
    const int guard = file_lock(path);
    if (guard < 0)
        return fail(report, path, "the key set cannot be locked");
    struct json_object *document = read_to_change(path, may_be_missing, report);
    const enum edit result = document != NULL ? edit(document, context, path, report) : EDIT_REFUSED;
    const bool good = result == EDIT_NEEDLESS || (result == EDIT_MADE && write_back(path, document, report));
    json_put_wiped(document);
    close(guard);
    return good;
}

static enum edit edit_by_rotation(struct json_object *document, void *context, const char *path,
                                  struct report *report)
{
    struct json_object *keys = keys_of(document);
    struct signer signer;
    char fault[JWK_FAULT_SIZE];
    if (!find_signer(keys, &signer, path, report) || (keys != NULL && !keyset_takes(keys, path, report)))
        return EDIT_REFUSED;
    if (rotate(document, &signer, context, fault))
        return EDIT_MADE;
    fail_to_make(report, path, fault);
    return EDIT_REFUSED;
}

bool keyset_file_rotate(const char *path, struct keyset_rotation *rotation, struct report *report)
{
    return change_file(path, true, edit_by_rotation, rotation, report);
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
                                 struct report *report)
{
    struct pruning *pruning = context;
    struct signer signer;
    if (!find_signer(keys_of(document), &signer, path, report))
        return EDIT_REFUSED;
    if (signer.jwk == NULL) {
        report_problem(report, SEVERITY_ERROR, path, 0, "no key of it signs; first %s", remedy);
        return EDIT_REFUSED;
    }
    pruning->removed = remove_past(keys_of(document), pruning->now);
    return pruning->removed > 0 ? EDIT_MADE : EDIT_NEEDLESS;
}

bool keyset_file_prune(const char *path, int64_t now, size_t *removed, struct report *report)
{
    struct pruning pruning = {.now = now};
    const bool good = change_file(path, false, edit_by_pruning, &pruning, report);
    *removed = pruning.removed;
    return good;
}

static bool has_kid(struct json_object *jwk, const char *kid)
{
    char thumbprint[JWK_THUMBPRINT_SIZE];
    struct json_object *own;
    if (json_object_object_get_ex(jwk, "kid", &own))
        return strcmp(json_object_get_string(own), kid) == 0;
    return jwk_thumbprint(jwk, thumbprint) && strcmp(thumbprint, kid) == 0;
}

static enum edit edit_by_removal(struct json_object *document, void *context, const char *path,
                                 struct report *report)
{
    const char *const *kid = context;
    struct json_object *keys = keys_of(document);
    const size_t count = json_object_array_length(keys);
    struct signer signer;
    size_t i = 0;
    if (!find_signer(keys, &signer, path, report))
        return EDIT_REFUSED;
    while (i < count && !has_kid(json_object_array_get_idx(keys, i), *kid))
        i++;
    if (i == count)
        report_problem(report, SEVERITY_ERROR, path, 0, "no key has that kid; tokenctl key list shows them");
    else if (json_object_array_get_idx(keys, i) == signer.jwk)
        report_problem(report, SEVERITY_ERROR, path, 0,
                       "this key signs; make another first: tokenctl key rotate");
    else if (json_object_array_del_idx(keys, i, 1) == 0)
        return EDIT_MADE;
    return EDIT_REFUSED;
}

bool keyset_file_remove(const char *path, const char *kid, struct report *report)
{
    return change_file(path, false, edit_by_removal, &kid, report);
}
