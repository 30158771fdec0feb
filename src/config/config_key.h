/* The keys of token.conf: one table with the default, the range and the way into struct config of each. */
#ifndef CONFIG_CONFIG_KEY_H
#define CONFIG_CONFIG_KEY_H

#include <stddef.h>

#include "base/diagnostics.h"
#include "config/config.h"

enum { CONFIG_KEYS = 26 };

/* Where a value comes from and where it goes. */
struct config_place {
    struct config *config;
    struct diagnostics *diagnostics;
    const char *file;
    size_t line; /* 0: none */
};

struct config_key {
    const char *name;
    /* Checks `value`, not empty, and keeps it in its field, still 0 or NULL; reports what is wrong with it.
     */
    void (*set)(struct config_place *place, const struct config_key *key, const char *value);
    size_t offset;        /* of the field in struct config */
    const char *fallback; /* NULL: none, or one that depends on something else */
    long low;             /* of a number */
    long high;
};

extern const struct config_key config_keys[CONFIG_KEYS];

/* NULL: there is none by that name. */
const struct config_key *config_key_find(const char *name);

/* The key that `name` is probably a misspelling of; NULL: none. */
const struct config_key *config_key_nearest(const char *name);

/* Reports "FILE:LINE: KEY complaint". */
void config_key_complain(const struct config_place *place, const struct config_key *key,
                         const char *complaint);
void config_report_no_memory(const struct config_place *place);

#endif
