#include "token/keyset_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file_lock.h"
#include "base/file_replace.h"
#include "base/json.h"
#include "base/json_read.h"
#include "base/secret.h"
#include "token/pepper.h"

enum { FILE_LIMIT = 1 << 20, NEW_MODE = 0600 };

static const char remedy[] = "make one with: tokenctl key rotate";

static bool keyset_file_error(struct diagnostics *diagnostics, const char *path, const char *what)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "%s: %s", what, file_read_reason(errno));
    return false;
}

static void report_unreadable(const char *path, int error, struct diagnostics *diagnostics)
{
    if (error == EFBIG)
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "over the 1 MiB that a key set may have; %s",
                        remedy);
    else
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "cannot be read: %s; %s",
                        file_read_reason(error), file_read_remedy(error, remedy));
}

static struct json_object *keys_of(struct json_object *document)
{
    return json_object_object_get(document, "keys");
}

static bool is_key_set(struct json_object *document, const char *path, struct diagnostics *diagnostics)
{
    struct json_object *keys = keys_of(document);
    if (json_object_is_type(keys, json_type_array) && json_object_array_length(keys) > 0)
        return true;
    if (keys == NULL && json_object_object_get_ex(document, "kty", NULL))
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0,
                        "one JWK, and not a JWK Set; put {\"keys\": [ before it and ]} behind it");
    else
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0,
                        "no JWK Set: \"keys\" is not an array of keys; %s", remedy);
    return false;
}

static bool has_good_pepper(struct json_object *document, const char *path, struct diagnostics *diagnostics)
{
    if (pepper_is_well_formed(document))
        return true;
    diagnostics_add(
        diagnostics, SEVERITY_ERROR, path, 0,
        "\"pepper\" is not 32 bytes in base64url; remove this member, then run tokenctl key prune, "
        "which adds a good one");
    return false;
}

struct json_object *keyset_file_read(const char *path, struct file_stamp *stamp,
                                     struct diagnostics *diagnostics)
{
    struct file_content content;
    if (!file_read(path, FILE_LIMIT, &content)) {
        report_unreadable(path, errno, diagnostics);
        return NULL;
    }
    file_is_trusted(path, &content.status, true, diagnostics);
    if (stamp != NULL)
        *stamp = content.stamp;
    struct json_fault fault;
    /* RFC 8259 §8.1: a byte order mark may be ignored. */
    const size_t mark = text_mark_length((struct text){content.data, content.size});
    struct json_object *document = json_read((struct text){content.data + mark, content.size - mark}, &fault);
    file_content_free(&content);
    if (document == NULL) {
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, fault.line,
                        "not a JWK Set: %s; mend it, or move the file away and %s", fault.text, remedy);
    } else if (!is_key_set(document, path, diagnostics) || !has_good_pepper(document, path, diagnostics)) {
        json_put_wiped(document);
        document = NULL;
    }
    return document;
}

/* Wipes the text that json-c makes, because it contains every secret. The caller holds the file lock. */
static bool write_back(const char *path, struct json_object *document, struct diagnostics *diagnostics)
{
    const struct text text = json_write(document, JSON_C_TO_STRING_PRETTY);
    errno = ENOMEM;
    const bool good = text.data != NULL && file_replace(path, text.data, text.length, NEW_MODE);
    const int error = errno;
    secret_wipe((char *)text.data, text.length);
    errno = error;
    return good || keyset_file_error(diagnostics, path, "the file cannot be replaced and is unchanged");
}

bool keyset_file_is_next(struct json_object *jwk)
{
    return json_object_get_boolean(json_object_object_get(jwk, "next"));
}

/* Refuses a file that no process would load: a change of it would have no effect. NULL: `diagnostics` has the
 * error. */
static struct json_object *read_to_change(const char *path, bool may_be_missing,
                                          struct diagnostics *diagnostics)
{
    const size_t errors = diagnostics->errors;
    const bool missing = may_be_missing && access(path, F_OK) != 0 && errno == ENOENT;
    struct json_object *document =
        missing ? json_object_new_object() : keyset_file_read(path, NULL, diagnostics);
    if (missing && document == NULL)
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "no key was made: %s", strerror(ENOMEM));
    if (diagnostics->errors == errors)
        return document;
    json_put_wiped(document);
    return NULL;
}

/* Stores the pepper before the edit, which may remove the key that the pepper is derived from. */
static enum edit edit_document(struct json_object *document, keyset_edit *edit, void *context,
                               const char *path, struct diagnostics *diagnostics)
{
    bool added;
    if (!pepper_keep(document, &added)) {
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "no pepper was made: %s", strerror(ENOMEM));
        return EDIT_REFUSED;
    }
    const enum edit result = edit(document, context, path, diagnostics);
    return result == EDIT_NEEDLESS && added ? EDIT_MADE : result;
}

bool keyset_file_change(const char *path, bool may_be_missing, bool is_trial, keyset_edit *edit,
                        void *context, struct diagnostics *diagnostics)
{
    const int guard = file_lock(path, diagnostics);
    if (guard < 0)
        return keyset_file_error(diagnostics, path, "the key set cannot be locked");
    struct json_object *document = read_to_change(path, may_be_missing, diagnostics);
    const enum edit result =
        document != NULL ? edit_document(document, edit, context, path, diagnostics) : EDIT_REFUSED;
    const bool good = result == EDIT_NEEDLESS ||
                      (result == EDIT_MADE && (is_trial || write_back(path, document, diagnostics)));
    json_put_wiped(document);
    close(guard);
    return good;
}
