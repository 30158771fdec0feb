/* The pepper of a key set: a secret that is the same in every process and unknown outside. Nothing is signed
 * with it. It is the member "pepper" of the key set's file, in base64url. Where the member is missing, the
 * pepper is derived from the oldest key: the last one of the file that has its private part and is not
 * `next`. */
#ifndef TOKEN_PEPPER_H
#define TOKEN_PEPPER_H

#include <json-c/json_object.h>
#include <stdbool.h>

#include "token/jwk.h"

#define PEPPER_SIZE JWK_DERIVED_SIZE

/* Whether the member is missing or well-formed. The other functions expect that it is. */
bool pepper_is_well_formed(struct json_object *document);

/* Reads the member or derives the pepper. False: `errno` is ENOMEM, or EINVAL where there is no good key to
 * derive it from. */
bool pepper_read(struct json_object *document, unsigned char pepper[PEPPER_SIZE]);

/* Adds the member where it is missing, so that rotation and pruning do not change the pepper: with the value
 * that pepper_read() gives, or random bytes where it gives none. `*added` tells whether it was missing.
 * False: no memory or no random bytes. */
bool pepper_keep(struct json_object *document, bool *added);

/* Replaces the member by random bytes where its value is the one that is derived from `jwk`: whoever has that
 * key can compute it. False: no memory or no random bytes. */
bool pepper_disown(struct json_object *document, struct json_object *jwk);

#endif
