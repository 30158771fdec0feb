#include "base/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>

/* getpwnam(3) lists several errors that mean "not found". All of them become 0. */
static void clear_not_found_error(void)
{
    if (errno == ENOENT || errno == ESRCH || errno == EBADF || errno == EPERM)
        errno = 0;
}

bool identity_find_user(const char *name, struct identity *found)
{
    errno = 0;
    const struct passwd *entry = getpwnam(name);
    if (entry == NULL) {
        clear_not_found_error();
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
        clear_not_found_error();
        return false;
    }
    *found = entry->gr_gid;
    return true;
}
