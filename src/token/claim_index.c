#include "token/claim_index.h"

#include <string.h>

/* 2^53: the largest number up to which a double holds every whole number. */
#define LATEST 9007199254740992.0

/* In the order in which a token of this program has them. */
static const char *const names[CLAIM_COUNT] = {
    [CLAIM_ISS] = "iss", [CLAIM_SUB] = "sub",     [CLAIM_CLIENT_ID] = "client_id",
    [CLAIM_AUD] = "aud", [CLAIM_SCOPE] = "scope", [CLAIM_IAT] = "iat",
    [CLAIM_EXP] = "exp", [CLAIM_JTI] = "jti",     [CLAIM_NBF] = "nbf",
};

void claim_index_fill(struct claim_index *index, struct json_object *claims)
{
    *index = (struct claim_index){{NULL}};
    for (const struct lh_entry *entry = json_object_get_object(claims)->head; entry != NULL;
         entry = entry->next) {
        size_t claim = 0;
        while (claim < CLAIM_COUNT && strcmp(names[claim], lh_entry_k(entry)) != 0)
            claim++;
        if (claim < CLAIM_COUNT)
            index->entries[claim] = entry;
    }
}

bool claim_index_get(const struct claim_index *index, enum claim claim, struct json_object **value)
{
    const struct lh_entry *entry = index->entries[claim];
    if (entry != NULL)
        *value = lh_entry_v(entry);
    return entry != NULL;
}

struct text claim_index_text(const struct claim_index *index, enum claim claim)
{
    struct json_object *value;
    if (!claim_index_get(index, claim, &value) || !json_object_is_type(value, json_type_string))
        return (struct text){NULL, 0};
    return (struct text){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

bool claim_index_date(const struct claim_index *index, enum claim claim, double *seconds)
{
    struct json_object *value;
    if (!claim_index_get(index, claim, &value))
        return true;
    if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
        return false;
    *seconds = json_object_get_double(value);
    return *seconds >= -LATEST && *seconds <= LATEST;
}
