/* A table of accounts made from a text, and lookups in it. */
#ifndef ACCOUNT_FIXTURE_H
#define ACCOUNT_FIXTURE_H

#include "fixture.h"

#include "account/account_table.h"

#define HASH "$2b$04$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi"

/* The file has not changed for a minute. */
static inline struct account_table *load(const char *text, struct collected *problems)
{
    write_text("accounts", text);
    make_older("accounts", 60);
    return account_table_load("accounts", NULL, collect(problems));
}

/* The numbers of the lines of a client_id, in their order, each with a '!' where it is unusable: "2 5!". */
static inline const char *lines_of(const struct account_table *table, const char *client_id)
{
    static char text[256];
    struct account_entry entry;
    size_t length = 0;
    text[0] = '\0';
    for (size_t cursor = 0; account_table_find(table, text_of(client_id), &cursor, &entry);)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%zu%s", length > 0 ? " " : "",
                                   entry.line, entry.usable ? "" : "!");
    return text;
}

#endif
