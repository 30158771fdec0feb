/* Users and groups by name, from the system's user database (nsswitch.conf). */
#ifndef BASE_IDENTITY_H
#define BASE_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

struct identity {
    uid_t user;
    gid_t group;
};

/* chown() leaves the owner or group unchanged for these. */
#define IDENTITY_NO_USER ((uid_t)-1)
#define IDENTITY_NO_GROUP ((gid_t)-1)

/* Find the user `name` with its primary group, and the group `name`. Return false with errno 0 if it does
 * not exist, or with errno set if the look-up failed. Not thread-safe. */
bool identity_find_user(const char *name, struct identity *found);
bool identity_find_group(const char *name, gid_t *found);

#endif
