/* A Bloom filter of the revoked tokens in the memory of a process. It excludes nearly every token that was
 * not revoked, in a tenth of the time of a transaction, most of which goes into locks. It is
 * of one snapshot of the file, and follows the file by its news (see revocation_table.h). */
#ifndef TOKEN_REVOCATION_FILTER_H
#define TOKEN_REVOCATION_FILTER_H

#include "token/revocation_table.h"

struct revocation_filter;

/* Returns an empty filter for the entries of the file, NULL if memory runs out or the file cannot be read.
 * revocation_filter_read() fills it. */
struct revocation_filter *revocation_filter_new(struct database *db);
void revocation_filter_free(struct revocation_filter *filter); /* NULL is allowed */

/* Reads a part of the file. `*is_complete`: the filter has all of it, and can be used. Returns 0 or an error
 * code, after which the filter cannot be used. */
int revocation_filter_read(struct revocation_filter *filter, struct database *db, bool *is_complete);

/* Returns whether there should be another filter: there are too many entries for its size, there was too much
 * news for it to follow, or an older file was copied over this one. To notice that before the file has grown
 * again, the caller asks several times a second. */
bool revocation_filter_is_due(struct revocation_filter *filter, struct database *db);

/* Returns whether the last snapshot of the file has no such key; false may mean "not known". Thread-safe. */
bool revocation_filter_excludes(struct revocation_filter *filter, struct database *db,
                                const struct revocation_key *key);

#endif
