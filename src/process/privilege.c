#include "process/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/dump.h"
#include "process/file_access.h"

static bool privilege_fail(const struct config *config, const char *what, const char *why,
                           struct diagnostics *diagnostics)
{
    const bool is_user = config->user != NULL;
    diagnostics_add(diagnostics, SEVERITY_ERROR, config->file, 0, "%s %s: %s%s", is_user ? "user" : "group",
                    is_user ? config->user : config->group, what, why);
    return false;
}

/* Finds the user and group that the configuration names. Without `user` or `group`, the current one stays. */
static bool find_target_identity(const struct config *config, struct identity *target)
{
    *target = (struct identity){geteuid(), getegid()};
    if (config->user != NULL && !identity_find_user(config->user, target))
        return false;
    return config->group == NULL || identity_find_group(config->group, &target->group);
}

/* --- Owners of new files --- */

static bool is_member(gid_t group)
{
    return group == getegid() || group_member(group);
}

struct identity privilege_owner(const struct config *config)
{
    struct identity target;
    struct identity owner = {IDENTITY_NO_USER, IDENTITY_NO_GROUP};
    if ((config->user == NULL && config->group == NULL) || !find_target_identity(config, &target))
        return owner;
    if (geteuid() == 0)
        owner.user = target.user;
    if (geteuid() == 0 || (config->group != NULL && is_member(target.group)))
        owner.group = target.group;
    return owner;
}

/* --- Changing the user --- */

/* Without a name, the user has no supplementary groups. */
static bool change_identity(const char *name, const struct identity *target)
{
    const int result = name != NULL ? initgroups(name, target->group) : setgroups(1, &target->group);
    return result == 0 && setresgid(target->group, target->group, target->group) == 0 &&
           setresuid(target->user, target->user, target->user) == 0;
}

/* Checks the result, not the return values of the calls: a kernel or a sandbox around the process may have
 * kept some of root's rights. */
static bool cannot_go_back(const struct identity *target)
{
    uid_t user[3];
    gid_t group[3];
    if (getresuid(&user[0], &user[1], &user[2]) != 0 || getresgid(&group[0], &group[1], &group[2]) != 0)
        return false;
    for (int i = 0; i < 3; i++) {
        if (user[i] != target->user || group[i] != target->group)
            return false;
    }
    return target->user == 0 || (setresuid(0, 0, 0) != 0 && setresgid(0, 0, 0) != 0);
}

bool privilege_become(const struct config *config, struct diagnostics *diagnostics)
{
    struct identity target;
    if (geteuid() != 0 || (config->user == NULL && config->group == NULL))
        return true;
    if (!find_target_identity(config, &target))
        return privilege_fail(config, "the user or group no longer exists", "", diagnostics);
    if (!change_identity(config->user, &target))
        return privilege_fail(config, "cannot switch to it: ", strerror(errno), diagnostics);
    if (!cannot_go_back(&target))
        return privilege_fail(config, "switched to it, but could go back to root; refusing to start", "",
                              diagnostics);
    if (!dump_forbid())
        return privilege_fail(config, "core dumps cannot be forbidden: ", strerror(errno), diagnostics);
    return file_access_check(config, diagnostics);
}

/* Root's group is never kept: with it the process could go back. */
static bool find_owner(const struct config *config, struct identity *owner)
{
    struct stat status;
    if (stat(config->state, &status) != 0 || status.st_uid == 0)
        return find_target_identity(config, owner);
    const struct passwd *entry = getpwuid(status.st_uid);
    const gid_t group = entry != NULL ? entry->pw_gid : status.st_gid;
    *owner = (struct identity){status.st_uid, group != 0 ? group : (gid_t)status.st_uid};
    return true;
}

bool privilege_become_owner(const struct config *config, struct diagnostics *diagnostics)
{
    struct identity owner;
    if (geteuid() != 0 || !find_owner(config, &owner) || owner.user == 0)
        return true;
    const struct passwd *entry = getpwuid(owner.user);
    if (change_identity(entry != NULL ? entry->pw_name : NULL, &owner) && cannot_go_back(&owner) &&
        dump_forbid())
        return true;
    diagnostics_add(diagnostics, SEVERITY_ERROR, config->state, 0,
                    "root cannot become the user %lu, who writes it; run this command as that user",
                    (unsigned long)owner.user);
    return false;
}

static bool has_new_owner(const struct identity *owner)
{
    return geteuid() == 0 && owner->group != IDENTITY_NO_GROUP;
}

bool privilege_makes_log(const struct config *config)
{
    const struct identity owner = privilege_owner(config);
    return has_new_owner(&owner) && file_access_needs_log(config);
}

bool privilege_drop(const struct config *config, struct diagnostics *diagnostics)
{
    const struct identity owner = privilege_owner(config);
    if (has_new_owner(&owner))
        file_access_create_log(config, &owner);
    return privilege_become(config, diagnostics);
}

/* --- Warnings --- */

void privilege_warn(const struct config *config, struct diagnostics *diagnostics)
{
    struct identity target;
    if (!find_target_identity(config, &target))
        return;
    if (target.user != geteuid())
        diagnostics_add(diagnostics, SEVERITY_WARNING, config->file, 0,
                        "user = %s has no effect: only root can switch users; restart it as root or as %s",
                        config->user, config->user);
    else if (target.user == 0)
        diagnostics_add(diagnostics, SEVERITY_WARNING, config->file, 0,
                        "running as root; set 'user = token' in token.conf, or start it as another user");
    if (config->group != NULL && !is_member(target.group))
        diagnostics_add(
            diagnostics, SEVERITY_WARNING, config->file, 0,
            "group = %s has no effect: only root can join a group; restart it as root or in that group",
            config->group);
}
