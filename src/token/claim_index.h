/* The claims that this program checks (RFC 7519 §4.1, RFC 9068 §2.2), found in one pass over the members of a
 * token: a check needs them fifteen times, and json-c looks up each by a hash of its name. */
#ifndef TOKEN_CLAIM_INDEX_H
#define TOKEN_CLAIM_INDEX_H

#include <json-c/json_object.h>
#include <json-c/linkhash.h>
#include <stdbool.h>

#include "base/text.h"

enum claim {
    CLAIM_ISS,
    CLAIM_SUB,
    CLAIM_CLIENT_ID,
    CLAIM_AUD,
    CLAIM_SCOPE,
    CLAIM_IAT,
    CLAIM_EXP,
    CLAIM_JTI,
    CLAIM_NBF,
    CLAIM_COUNT,
};

struct claim_index {
    const struct lh_entry *entries[CLAIM_COUNT]; /* owned by the object; NULL: absent */
};

/* `claims` must not be changed as long as the index is used. */
void claim_index_fill(struct claim_index *index, struct json_object *claims);

/* Returns false if the claim is absent. A claim that is null is there, with the value NULL. */
bool claim_index_get(const struct claim_index *index, enum claim claim, struct json_object **value);

/* Returns a claim that is a string, absent if there is no such claim. The text lives as long as the object.
 */
struct text claim_index_text(const struct claim_index *index, enum claim claim);

/* Reads a NumericDate (RFC 7519 §2), which may have a fraction. Leaves `*seconds` unchanged if it is absent.
 * False: it is no number, or one beyond those that a double holds exactly, as JSON parsers differ in them
 * (RFC 8259 §6). */
bool claim_index_date(const struct claim_index *index, enum claim claim, double *seconds);

#endif
