/* FastCGI name-value pairs (FastCGI 1.0 §3.4). */
#ifndef SERVER_NAME_VALUE_H
#define SERVER_NAME_VALUE_H

#include <stdbool.h>

#include "base/text.h"

/* Takes the first pair off `rest`, which is not empty; `name` and `value` point into it. Returns false if a
 * length reaches beyond the end. */
bool name_value_take(struct text *rest, struct text *name, struct text *value);

#endif
