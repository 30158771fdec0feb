/* The decoded key material of a JWK, and the key made from it. */
#ifndef TOKEN_JWK_MATERIAL_H
#define TOKEN_JWK_MATERIAL_H

#include "token/jwk_type.h"

struct openssl;

struct jwk_octets {
    unsigned char *data; /* NULL: the member is absent */
    size_t size;
};

struct jwk_material {
    const struct jwk_type *type;
    const struct openssl *crypto;           /* NULL for oct keys */
    struct jwk_octets members[JWK_MEMBERS]; /* in the order of type->members */
};

/* Makes the key and checks that its members meet the requirements of the algorithm. The caller has checked
 * that all public members are present and have the right size; it releases the key. NULL: `*fault` is a
 * constant with the reason. */
struct jws_key *jwk_material_key(const struct jwk_material *material, const char **fault);

/* Wipes and frees the members. */
void jwk_material_clear(struct jwk_material *material);

#endif
