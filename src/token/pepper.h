/* The pepper of a key set: a secret that is the same in every process and unknown outside. It signs nothing.
 * The file of the key set has it in its member "pepper", in base64url. If the member is missing, the pepper
 * is derived from the oldest key: the last key in the file that has its private part and is not `next`. */
#ifndef TOKEN_PEPPER_H
#define TOKEN_PEPPER_H

#include <json-c/json_object.h>
#include <stdbool.h>

#include "token/jwk.h"

#define PEPPER_SIZE JWK_DERIVED_SIZE

/* Returns whether the member is missing or well-formed. The other functions require that. */
bool pepper_is_well_formed(struct json_object *document);

/* Reads the member or derives the pepper. False with errno ENOMEM, or EINVAL if there is no valid key to
 * derive it from. */
bool pepper_read(struct json_object *document, unsigned char pepper[PEPPER_SIZE]);

/* Adds the member if it is missing, so that rotation and pruning do not change the pepper. The value is that
 * of pepper_read(), or random bytes if there is none. Sets `*added` to whether it was missing. False: out of
 * memory, or no random bytes. */
bool pepper_keep(struct json_object *document, bool *added);

/* Replaces the member by random bytes if its value was derived from `jwk`, because everyone who has that key
 * can compute it. False: out of memory, or no random bytes. */
bool pepper_disown(struct json_object *document, struct json_object *jwk);

#endif
