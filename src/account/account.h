/* One line of the accounts file (CONTRACT: accounts): client_id:crypt-hash[:attribute attribute ...] */
#ifndef ACCOUNT_ACCOUNT_H
#define ACCOUNT_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/text.h"
#include "password/password_policy.h"

/* The texts point into the line. */
struct account {
    struct text client_id;
    struct text hash;                     /* without the mark of a locked account; may be empty then */
    const struct password_method *method; /* NULL: the hash cannot be verified */
    struct text attributes;
    struct text scope; /* "a,b"; absent: none */
    struct text from;  /* "192.0.2.0/24,…"; absent: any source */
    int64_t lifetime;  /* seconds; -1: the configuration's */
    int64_t expires;   /* seconds since 1970; CLOCK_NEVER */
    bool locked;
    bool introspect;
};

enum account_line { ACCOUNT_LINE_IGNORED /* blank or comment */, ACCOUNT_LINE_USABLE, ACCOUNT_LINE_UNUSABLE };

/* Parses one line, without its newline (a '\r' at its end is not part of it). Where it is unusable, `*why` is
 * a sentence with the remedy, and `account->client_id` is set if there is one; `account` is not to be let in.
 * A locked line is usable. */
enum account_line account_parse(struct text line, bool allow_legacy, struct account *account,
                                const char **why);

/* The same under a policy. A hash that it does not admit makes the line unusable, unless it is locked, and
 * `account->method` is NULL. */
enum account_line account_judge(struct text line, const struct password_policy *policy,
                                struct account *account, const char **why);

/* Reads a line that account_parse() did not ignore, again and without the checks, in a time that grows with
 * the length of the line and with nothing else. `has_method`: whether the account had one. Of an unusable
 * line the attributes are not to be relied on. */
void account_read(struct text line, bool has_method, struct account *account);

/* Why a last line without its newline is unusable. */
extern const char account_unfinished[];

/* Whether `from` admits the source. An unknown source (NULL) is admitted only where `from` is absent. */
bool account_admits_source(const struct account *account, const struct address *source);

/* Whether it is a scope-token (RFC 6749 §3.3). */
bool account_is_scope(struct text token);

/* What a new line's parts must be; NULL: good, else a sentence. */
const char *account_client_id_fault(struct text client_id);
const char *account_attributes_fault(struct text attributes);

/* What is probably a mistake in a client_id that is good; NULL: nothing, else a sentence. */
const char *account_client_id_advice(struct text client_id);

#endif
