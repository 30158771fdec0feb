/* One line of the accounts file (CONTRACT: accounts): client_id:crypt-hash[:attribute attribute ...] */
#ifndef ACCOUNT_ACCOUNT_H
#define ACCOUNT_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/text.h"
#include "password/password_policy.h"

/* An account. Its texts point into the line, which must live as long. */
struct account {
    struct text client_id;
    struct text hash; /* without the '!' or '*' of a locked account; may be empty if locked */
    const struct password_method *method; /* NULL: the hash cannot be verified */
    struct text attributes;
    struct text scope;    /* "a,b"; absent: none */
    struct text from;     /* "192.0.2.0/24,…"; absent: any source */
    struct text audience; /* "a,b", percent-encoded, the default first; absent: as the configuration says */
    struct text type;     /* `typ` of its tokens; absent: as the configuration says */
    struct text note;     /* for people, percent-encoded */
    int64_t created;      /* seconds since 1970; 0: not known */
    int64_t not_before;   /* seconds since 1970; tokens issued earlier are not valid */
    int64_t lifetime;     /* seconds; -1: as the configuration says */
    int64_t expires;      /* seconds since 1970; CLOCK_NEVER: never */
    bool locked;
    bool introspect;
    bool has_claims; /* `attributes` has claim.NAME=VALUE; see token/private_claim.h */
};

enum account_line { ACCOUNT_LINE_IGNORED /* blank or comment */, ACCOUNT_LINE_USABLE, ACCOUNT_LINE_UNUSABLE };

/* Parses one line, without its newline. Ignores a '\r' at its end. If the line is unusable, `*why` is a
 * constant sentence with the remedy, `account->client_id` is set if there is one, and the account must not be
 * granted access. A locked line is usable. */
enum account_line account_parse(struct text line, bool allow_legacy, struct account *account,
                                const char **why);

/* Parses one line, as account_parse(), and applies a policy. If the policy does not admit the hash,
 * `account->method` is NULL, and the line is unusable unless it is locked. */
enum account_line account_judge(struct text line, const struct password_policy *policy,
                                struct account *account, const char **why);

/* Reads a line again that account_parse() did not ignore, without checking it. The time depends on nothing
 * but the length of the line. `has_method`: whether account_parse() set `method`. The attributes of an
 * unusable line are not reliable. */
void account_read(struct text line, bool has_method, struct account *account);

/* The reason why a last line without a newline is unusable. */
extern const char account_unfinished[];

/* Returns whether `from` admits the source. If `from` is present, it does not admit an unknown source (NULL).
 */
bool account_admits_source(const struct account *account, const struct address *source);

/* Returns whether `token` is a scope-token (RFC 6749 §3.3). */
bool account_is_scope(struct text token);

/* Check the parts of a new line. Return NULL if the part is valid, else a constant sentence. */
const char *account_client_id_fault(struct text client_id);
const char *account_attributes_fault(struct text attributes);

/* Returns a constant sentence about a probable mistake in a valid client_id, NULL if there is none. */
const char *account_client_id_advice(struct text client_id);

#endif
