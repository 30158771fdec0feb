/* Users and groups by name, as the system knows them: its files, or what stands in their place. */
#ifndef BASE_IDENTITY_H
#define BASE_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

struct identity {
    uid_t user;
    gid_t group;
};

/* What chown() takes for "as it is". */
#define IDENTITY_NO_USER ((uid_t)-1)
#define IDENTITY_NO_GROUP ((gid_t)-1)

/* The user `name` with its primary group. False: there is none (errno 0), or it cannot be told (errno set).
 * One thread calls this and the next. */
bool identity_find_user(const char *name, struct identity *found);
bool identity_find_group(const char *name, gid_t *found);

#endif
