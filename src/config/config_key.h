/* The keys of token.conf: one table with the default, the range and the setter of each key. */
#ifndef CONFIG_CONFIG_KEY_H
#define CONFIG_CONFIG_KEY_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/diagnostics.h"
#include "config/config.h"

enum { CONFIG_KEYS = 39 };

/* The origin of a value, for messages, and its destination. */
struct config_origin {
    struct config *config;
    struct diagnostics *diagnostics;
    const char *file;
    size_t line; /* 0: none */
};

struct config_key {
    const char *name;
    /* Checks `value`, which is not empty, and stores it in the field, which is still 0 or NULL. Adds an
     * error if the value is invalid. */
    void (*set)(struct config_origin *origin, const struct config_key *key, const char *value);
    size_t offset;        /* of the field in struct config */
    const char *fallback; /* NULL: no default, or a computed one */
    long low;             /* the range of a number */
    long high;
};

extern const struct config_key config_keys[CONFIG_KEYS];
_Static_assert(CONFIG_KEYS <= 64, "the member `given` of struct config has a bit for each key");

/* Appends the value in force as token.conf has it. Returns false if the key has none. */
bool config_key_format(const struct config_key *key, const struct config *config, struct buffer *out);

/* Returns NULL if there is no key with that name. */
const struct config_key *config_key_find(const char *name);

/* Returns the key that `name` is probably a misspelling of, or NULL. */
const struct config_key *config_key_nearest(const char *name);

/* Adds the error "FILE:LINE: KEY fault". */
void config_key_error(const struct config_origin *origin, const struct config_key *key, const char *fault);
void config_no_memory_error(const struct config_origin *origin);

#endif
