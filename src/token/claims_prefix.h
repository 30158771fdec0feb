/* What all tokens of an account have alike, written, encoded and hashed once and kept for the next token. */
#ifndef TOKEN_CLAIMS_PREFIX_H
#define TOKEN_CLAIMS_PREFIX_H

#include <stddef.h>

#include "base/refcount.h"
#include "base/text.h"
#include "token/jws.h"

struct jwt_subject {
    refcount holders;
    struct text client_id; /* what it is found by */
    struct text scope;
    struct jws_signer *signer; /* its payloads begin with the claims below */
};

/* A fixed number of them; where one finds its place taken it takes that over. Threads may share it. */
struct jwt_subjects;

/* The header, the issuer and the audience of all live as long as it does; on `key` it takes a hold. NULL: no
 * memory. */
struct jwt_subjects *jwt_subjects_new(struct jws_key *key, struct text header, const char *issuer,
                                      const char *audience);
void jwt_subjects_free(struct jwt_subjects *subjects); /* NULL is allowed */

/* The claims `iss`, `sub`, `client_id`, `aud` and, where `scope` is not empty, `scope` (RFC 9068 §2.2), as a
 * JSON object without the brace that ends it. jwt_subject_release() it; NULL: no memory. */
struct jwt_subject *jwt_subjects_hold(struct jwt_subjects *subjects, struct text client_id,
                                      struct text scope);
void jwt_subject_release(struct jwt_subject *subject); /* NULL is allowed */

#endif
