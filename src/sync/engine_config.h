/* What the configuration says of the engine, as far as it can be checked without a connection: tokenctl check
 * and tokenctl doctor say what token-sync will find. */
#ifndef SYNC_ENGINE_CONFIG_H
#define SYNC_ENGINE_CONFIG_H

#include <stdbool.h>

#include "base/diagnostics.h"
#include "base/file.h"
#include "base/text.h"
#include "config/config.h"

/* Returns whether this build can connect as the configuration says. If not, adds an error with the remedy. */
bool engine_config_is_supported(const struct config *config, struct diagnostics *diagnostics);

/* `text` is within `content`, or absent where the configuration has no `sync_password_file`. */
struct engine_password {
    struct file_content content;
    struct text text;
};

/* Reads the password from the first line of its file, without the spaces around it. Returns false after
 * adding an error with the remedy if that cannot be read, if everybody may read or write it, or if the line
 * is empty. Warns of more lines. Free the password with engine_password_free(), whatever the result. */
bool engine_password_read(const struct config *config, struct engine_password *password,
                          struct diagnostics *diagnostics);
void engine_password_free(struct engine_password *password);

/* Adds what engine_password_read() would add. */
bool engine_password_check(const struct config *config, struct diagnostics *diagnostics);

#endif
