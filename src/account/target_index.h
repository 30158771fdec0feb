/* Finds the target of each line, however many targets there are. */
#ifndef ACCOUNT_TARGET_INDEX_H
#define ACCOUNT_TARGET_INDEX_H

#include "account/account_file.h"

struct target_index {
    struct account_target **sorted;
    size_t count;
};

/* Returns false if memory runs out. `targets` must live as long as the index. */
bool target_index_make(struct target_index *index, struct account_target *targets, size_t count);
void target_index_free(struct target_index *index);

/* Returns the first of the targets with that client_id; NULL if there is none, or client_id is absent. */
struct account_target *target_index_find(const struct target_index *index, struct text client_id);

#endif
