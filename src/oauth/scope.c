#include "oauth/scope.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "account/account.h"
#include "account/scope_set.h"

static enum oauth_error check_requested(struct text requested, const struct scope_set *allowed)
{
    for (struct text rest = requested; rest.data != NULL;) {
        if (!account_is_scope(text_split(&rest, ' ')))
            return OAUTH_SCOPE_MALFORMED;
    }
    for (struct text rest = requested; rest.data != NULL;) {
        /* The accounts file separates scopes with commas, so no scope of an account contains one. */
        if (!scope_set_holds(allowed, text_split(&rest, ' ')))
            return OAUTH_SCOPE_NOT_GRANTED;
    }
    return OAUTH_NO_ERROR;
}

/* Writes `list`, whose scopes are all in the set, to `out` without duplicates and separated by spaces. `out`
 * has list.length + 1 bytes. */
static void join(struct text list, char separator, struct scope_set *set, char *out)
{
    size_t length = 0;
    while (list.data != NULL) {
        const struct text scope = text_split(&list, separator);
        if (!scope_set_mark(set, scope))
            continue;
        if (length > 0)
            out[length++] = ' ';
        memcpy(out + length, scope.data, scope.length);
        length += scope.length;
    }
    out[length] = '\0';
}

enum oauth_error scope_grant(struct text requested, struct text allowed, char **granted)
{
    struct scope_set set;
    *granted = NULL;
    scope_set_fill(&set, allowed);
    if (requested.data != NULL) {
        const enum oauth_error error = check_requested(requested, &set);
        if (error != OAUTH_NO_ERROR)
            return error;
    }
    const struct text list = requested.data != NULL ? requested : allowed;
    if (list.data == NULL)
        return OAUTH_NO_ERROR;
    *granted = malloc(list.length + 1);
    if (*granted == NULL)
        return OAUTH_SERVER_ERROR;
    join(list, requested.data != NULL ? ' ' : ',', &set, *granted);
    return OAUTH_NO_ERROR;
}
