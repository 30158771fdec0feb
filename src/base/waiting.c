#include "base/waiting.h"

#include <stddef.h>

static _Thread_local struct waiting_calls told;

void waiting_tell(const struct waiting_calls *calls)
{
    told = *calls;
}

void waiting_begins(void)
{
    if (told.begins != NULL)
        told.begins(told.context);
}

void waiting_ends(void)
{
    if (told.ends != NULL)
        told.ends(told.context);
}
