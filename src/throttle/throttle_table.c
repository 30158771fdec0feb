#include "throttle/throttle_table.h"

bool throttle_txn_get(struct throttle_txn *txn, const struct throttle_key *key,
                      struct throttle_record *record)
{
    *record = (struct throttle_record){.failures = 0};
    return txn->error == 0 && txn->table->operations->get(txn, key, record);
}

void throttle_txn_put(struct throttle_txn *txn, const struct throttle_key *key,
                      const struct throttle_record *record)
{
    if (txn->error == 0)
        txn->table->operations->put(txn, key, record);
}

void throttle_txn_remove(struct throttle_txn *txn, const struct throttle_key *key)
{
    if (txn->error == 0)
        txn->table->operations->remove(txn, key);
}

bool throttle_txn_next(struct throttle_txn *txn, struct throttle_key *key, struct throttle_record *record)
{
    return txn->error == 0 && txn->table->operations->next(txn, key, record);
}

size_t throttle_txn_count(struct throttle_txn *txn)
{
    return txn->error == 0 ? txn->table->operations->count(txn) : 0;
}

void throttle_txn_get_cursor(struct throttle_txn *txn, struct throttle_key *cursor)
{
    *cursor = throttle_key_lowest();
    if (txn->error == 0)
        txn->table->operations->get_cursor(txn, cursor);
}

void throttle_txn_put_cursor(struct throttle_txn *txn, const struct throttle_key *cursor)
{
    if (txn->error == 0)
        txn->table->operations->put_cursor(txn, cursor);
}

void throttle_txn_add_event(struct throttle_txn *txn, const struct throttle_event *event)
{
    if (txn->error == 0)
        txn->table->operations->add_event(txn, event);
}
