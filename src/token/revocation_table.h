/* The entries of revoked.mdb, for revocation.c: what is looked up, added and listed in one transaction each.
 * The functions return 0, or an error code of LMDB or errno. */
#ifndef TOKEN_REVOCATION_TABLE_H
#define TOKEN_REVOCATION_TABLE_H

#include <stdint.h>

#include "base/text.h"
#include "database/database.h"
#include "database/outbox.h"
#include "token/revocation.h"

extern const struct database_file revocation_file;

/* The first byte of a key says what it is of. 3 and 4 are the news, 5 is the outbox, 6 and more are free for
 * other tables. The last byte is for the smallest key behind it. */
enum { REVOCATION_JTI = 1, REVOCATION_DIGEST = 2, REVOCATION_KEY_SIZE = 1 + REVOCATION_JTI_MAX + 1 };

struct revocation_key {
    unsigned char bytes[REVOCATION_KEY_SIZE];
    size_t size;
};

struct revocation_entry {
    struct revocation_key key;
    int64_t expires;
};

void revocation_key_of(struct text jti, struct revocation_key *key);
uint64_t revocation_key_hash(const struct revocation_key *key);

/* What other machines are to learn: each entry is written by revocation_entry_write(). */
extern const struct outbox_layout revocation_outbox;

enum { REVOCATION_ENTRY_SIZE = 8 + REVOCATION_KEY_SIZE };

/* Writes at most REVOCATION_ENTRY_SIZE bytes, and returns their number. */
size_t revocation_entry_write(const struct revocation_entry *entry, unsigned char *out);

/* Returns false unless the bytes are those of an entry. */
bool revocation_entry_read(const void *bytes, size_t size, struct revocation_entry *entry);

/* Returns `expires` in milliseconds since 1970, or INT64_MAX; 0 if it is before 1970. */
int64_t revocation_entry_end_ms(const struct revocation_entry *entry);

/* Whether the token cannot be valid any more at Unix time `now`, on any machine. */
bool revocation_entry_is_over(const struct revocation_entry *entry, int64_t now);

/* Adds the entries, and removes some whose tokens have expired at Unix time `now`. An entry that is there
 * already keeps the later `expires`. What changes is added to the outbox, if `is_shared`. On return all are
 * on disk, or nothing has changed. */
int revocation_table_add(struct database *db, const struct revocation_entry *entries, size_t count,
                         bool is_shared, int64_t now);

/* As revocation_table_add(), in a transaction that the caller ends. `*changed`: how many entries were not
 * there, or ended earlier. */
int revocation_table_put(struct database_txn *txn, const struct revocation_entry *entries, size_t count,
                         bool is_shared, int64_t now, size_t *changed);

int revocation_table_find(struct database *db, const struct revocation_key *key, bool *is_found);

/* A part of the entries. It begins as {.next = the first key}, whose size may be 0. */
struct revocation_batch {
    struct revocation_key next;
    bool is_last;
    size_t count;
    struct revocation_entry entries[512];
};

/* Reads the next entries, without those that are over at `now`. Between two batches no transaction is
 * open: it would make those that write wait. */
int revocation_table_read(struct database *db, int64_t now, struct revocation_batch *batch);

/* The number of entries, at least, and of the last news. */
int revocation_table_count(struct database *db, size_t *entries, uint64_t *number);

/* What was added last, so that a process need not read all entries. */
enum { REVOCATION_NEWS_MAX = 1024 };

struct revocation_news {
    uint64_t number; /* of the last one that the caller has; then, of the last one that there is */
    bool is_cut;     /* there is more than is kept */
    size_t snapshot; /* ID of the transaction; the file had nothing else at that time */
    size_t count;
    uint64_t hashes[REVOCATION_NEWS_MAX]; /* by revocation_key_hash() */
};

int revocation_table_read_news(struct database *db, struct revocation_news *news);

#endif
