/* Changes of attributes as `tokenctl set` makes them: one attribute is set or taken out, the others stay as
 * they are written. */
#ifndef ACCOUNT_ATTRIBUTE_CHANGE_H
#define ACCOUNT_ATTRIBUTE_CHANGE_H

#include "base/buffer.h"

/* The most changes at once. */
enum { ATTRIBUTE_CHANGES_MAX = 64 };

struct attribute_change {
    struct text name; /* "scope", "claim.tenant" */
    struct text item; /* "scope=a,b"; empty: the attribute is taken out */
};

/* Appends `attributes`, which may be absent, with at most ATTRIBUTE_CHANGES_MAX changes to `out`. A changed
 * attribute keeps its place, a new one goes to the end. */
void attribute_changes_apply(struct text attributes, const struct attribute_change *changes, size_t count,
                             struct buffer *out);

#endif
