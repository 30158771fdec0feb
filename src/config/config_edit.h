/* Changes one key in the text of token.conf. */
#ifndef CONFIG_CONFIG_EDIT_H
#define CONFIG_CONFIG_EDIT_H

#include "base/buffer.h"

/* Appends `content` with `key` set to `value` to `out`; an empty value takes the key out. The line of the key
 * is replaced; where there is none, the new one goes after a comment `#key = …`, or to the end. All other
 * lines stay byte for byte. */
void config_edit_set(struct text content, const char *key, struct text value, struct buffer *out);

#endif
