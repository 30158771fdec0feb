/* The key material of a JWK, decoded, and the key made of it. */
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
    const struct openssl *crypto;           /* for every type but oct */
    struct jwk_octets members[JWK_MEMBERS]; /* in the order of the type's */
};

/* Makes the key and checks what the algorithm asks of its parts. All public members are there, in their size.
 * NULL, and in `*fault` a constant that says why. The caller releases. */
struct jws_key *jwk_material_key(const struct jwk_material *material, const char **fault);

/* Wipes and frees the members. */
void jwk_material_clear(struct jwk_material *material);

#endif
