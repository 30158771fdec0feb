/* Private claims (RFC 7519 §4.3): what claim.NAME=VALUE of an account adds to its tokens. */
#ifndef TOKEN_PRIVATE_CLAIM_H
#define TOKEN_PRIVATE_CLAIM_H

#include <json-c/json_object.h>
#include <stdbool.h>

#include "base/text.h"

/* The most claims of one account, and the most bytes of one claim, NAME=VALUE as it is written. */
enum { PRIVATE_CLAIMS_MAX = 32, PRIVATE_CLAIM_LONGEST = 512 };

/* Splits "claim.NAME=VALUE". Returns false if `attribute` does not start with "claim.". `*value` is absent if
 * there is no '='. */
bool private_claim_split(struct text attribute, struct text *name, struct text *value);

/* Returns NULL if the claim may be in an account's tokens, else a constant sentence with the remedy. `value`
 * is percent-encoded. */
const char *private_claim_fault(struct text name, struct text value);

/* Returns whether a list of attributes, separated by spaces, has a claim of that name. */
bool private_claims_have(struct text attributes, struct text name);

/* Adds the claims of a list of attributes, separated by spaces, to `claims`; ignores the other attributes.
 * private_claim_fault() has found no fault in them. False: memory ran out. */
bool private_claims_add(struct json_object *claims, struct text attributes);

#endif
