#include "base/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>

/* By getpwnam(3) there are several ways to say that a name was not found. */
static void tell_absence_from_failure(void)
{
    if (errno == ENOENT || errno == ESRCH || errno == EBADF || errno == EPERM)
        errno = 0;
}

bool identity_find_user(const char *name, struct identity *found)
{
    errno = 0;
    const struct passwd *entry = getpwnam(name);
    if (entry == NULL) {
        tell_absence_from_failure();
        return false;
    }
    *found = (struct identity){.user = entry->pw_uid, .group = entry->pw_gid};
    return true;
}

bool identity_find_group(const char *name, gid_t *found)
{
    errno = 0;
    const struct group *entry = getgrnam(name);
    if (entry == NULL) {
        tell_absence_from_failure();
        return false;
    }
    *found = entry->gr_gid;
    return true;
}
