#include "account/target_index.h"

#include <stdlib.h>

/* Orders by client_id, and targets with one client_id as they are in their array. */
static int compare_targets(const void *left, const void *right)
{
    const struct account_target *a = *(struct account_target *const *)left;
    const struct account_target *b = *(struct account_target *const *)right;
    const int difference = text_compare(a->client_id, b->client_id);
    return difference != 0 ? difference : (a > b) - (a < b);
}

bool target_index_make(struct target_index *index, struct account_target *targets, size_t count)
{
    index->count = count;
    index->sorted = calloc(count > 0 ? count : 1, sizeof(struct account_target *));
    if (index->sorted == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        index->sorted[i] = &targets[i];
    qsort(index->sorted, count, sizeof(struct account_target *), compare_targets);
    return true;
}

struct account_target *target_index_find(const struct target_index *index, struct text client_id)
{
    size_t low = 0;
    size_t high = index->count;
    if (client_id.data == NULL)
        return NULL;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (text_compare(index->sorted[middle]->client_id, client_id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    const bool is_found = low < index->count && text_equal(index->sorted[low]->client_id, client_id);
    return is_found ? index->sorted[low] : NULL;
}

void target_index_free(struct target_index *index)
{
    free(index->sorted);
}
