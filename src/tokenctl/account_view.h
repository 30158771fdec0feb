/* How accounts are shown: as JSON, and the texts of a table. Never a hash. */
#ifndef TOKENCTL_ACCOUNT_VIEW_H
#define TOKENCTL_ACCOUNT_VIEW_H

#include <json-c/json_object.h>

#include "account/account_entry.h"
#include "base/clock.h"

/* Returns "active", "locked", "expired" or "unusable". */
const char *account_view_state(const struct account_entry *entry, int64_t now);
/* Returns whether account_view_state() may return `name`. */
bool account_view_is_state(struct text name);

/* Returns why the line gets no token, whatever the secret, with the remedy; NULL: it is active. */
const char *account_view_refusal(const struct account_entry *entry, int64_t now);

/* Returns the name of the hash method, or "-". */
const char *account_view_method(const struct account_entry *entry);

#define ACCOUNT_VIEW_TIME_SIZE 24
/* Writes a lifetime as 90d, 12h or 600, and "-" for that of the configuration. */
void account_view_lifetime(int64_t lifetime, char out[ACCOUNT_VIEW_TIME_SIZE]);
/* Writes a date, or "-" for CLOCK_NEVER and for 0. */
void account_view_date(int64_t seconds, char out[CLOCK_DATE_SIZE]);

/* Prints such an object, one member per line. */
void account_view_print(struct json_object *object);

/* Returns the line as an object; `why` is the reason why it is unusable, or NULL. NULL if memory runs out. */
struct json_object *account_view_object(const struct account_entry *entry, const char *why, int64_t now);

#endif
