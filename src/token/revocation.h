/* The revoked tokens: the `jti` of each, until its token would have expired. They are in revoked.mdb of the
 * state folder, which all processes share and which outlives a power cut.
 *
 * If the file goes away, a process that has it open still refuses what was revoked, but revokes nothing more
 * until the folder can be used again; then it puts what it knows into a new file. */
#ifndef TOKEN_REVOCATION_H
#define TOKEN_REVOCATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diagnostics.h"
#include "base/log.h"
#include "base/text.h"

struct revocations;

/* Prepares the use of `folder`. The file is opened when it is needed, and created to revoke a token. The
 * caller holds one reference. NULL if memory runs out. A process must not use a folder twice. */
struct revocations *revocations_new(const char *folder);
struct revocations *revocations_hold(struct revocations *revocations); /* NULL is allowed */
void revocations_release(struct revocations *revocations);             /* NULL is allowed */

/* Opens the file now, and creates it if it is missing. Returns false after adding an error. */
bool revocations_open(struct revocations *revocations, struct diagnostics *diagnostics);

/* Returns whether revocations_open() would succeed, without creating anything. */
bool revocations_check(const char *folder, struct diagnostics *diagnostics);

/* Returns whether these are the revocations of `folder`, whatever name is used for it. */
bool revocations_are_of(const struct revocations *revocations, const char *folder);

/* Checks whether the file that is open is still in its place, and replaces it if not. Only one thread may
 * call it, and no request: it may take seconds. */
void revocations_maintain(struct revocations *revocations, struct log *log);

/* --- Thread-safe. They return false after a fault, which is in the log --- */

/* Revokes the token with that `jti`, which is not empty. `expires` is when it expires (seconds since 1970;
 * CLOCK_NEVER: never, or not known). `is_shared`: other machines are to learn it. On true it is on disk, on
 * false nothing has changed. */
bool revocations_add(struct revocations *revocations, struct log *log, struct text jti, int64_t expires,
                     bool is_shared);

bool revocations_find(struct revocations *revocations, struct log *log, struct text jti, bool *is_revoked);

/* The longest `jti` that is kept as it is. */
enum { REVOCATION_JTI_MAX = 256 };

struct revocation {
    struct text jti; /* of a longer one, its SHA-256 in base64url */
    bool is_digest;
    int64_t expires;
};

/* Calls `visit` for each token that would not have expired yet, sorted by `jti`, until it returns false. One
 * that is revoked meanwhile may be missing. */
bool revocations_each(struct revocations *revocations, struct log *log,
                      bool (*visit)(void *context, const struct revocation *revocation), void *context);

#endif
