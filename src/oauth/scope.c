#include "oauth/scope.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "account/account.h"

static bool list_holds(struct text list, char separator, struct text token)
{
    while (list.data != NULL) {
        if (text_equal(text_split(&list, separator), token))
            return true;
    }
    return false;
}

static enum oauth_error check_requested(struct text requested, struct text allowed)
{
    for (struct text rest = requested; rest.data != NULL;) {
        if (!account_is_scope(text_split(&rest, ' ')))
            return OAUTH_SCOPE_MALFORMED;
    }
    for (struct text rest = requested; rest.data != NULL;) {
        /* A comma separates in the accounts file, so that no scope of an account has one in it. */
        if (!list_holds(allowed, ',', text_split(&rest, ' ')))
            return OAUTH_SCOPE_NOT_GRANTED;
    }
    return OAUTH_NO_ERROR;
}

/* `list` without its repeats, separated by spaces, into `out` of list.length + 1 bytes. */
static void join(struct text list, char separator, char *out)
{
    size_t length = 0;
    while (list.data != NULL) {
        const struct text token = text_split(&list, separator);
        if (length > 0 && list_holds((struct text){out, length}, ' ', token))
            continue;
        if (length > 0)
            out[length++] = ' ';
        memcpy(out + length, token.data, token.length);
        length += token.length;
    }
    out[length] = '\0';
}

enum oauth_error scope_grant(struct text requested, struct text allowed, char **granted)
{
    *granted = NULL;
    if (requested.data != NULL) {
        const enum oauth_error error = check_requested(requested, allowed);
        if (error != OAUTH_NO_ERROR)
            return error;
    }
    const struct text list = requested.data != NULL ? requested : allowed;
    if (list.data == NULL)
        return OAUTH_NO_ERROR;
    *granted = malloc(list.length + 1);
    if (*granted == NULL)
        return OAUTH_SERVER_ERROR;
    join(list, requested.data != NULL ? ' ' : ',', *granted);
    return OAUTH_NO_ERROR;
}
