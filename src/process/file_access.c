#include "process/file_access.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/text.h"

enum { LOG_FILE_MODE = 0640 };

static bool log_is_file(const struct config *config)
{
    return strcmp(config->log, "stderr") != 0 && strcmp(config->log, "syslog") != 0;
}

static bool is_missing(const char *path)
{
    struct stat status;
    return lstat(path, &status) != 0 && errno == ENOENT;
}

/* Returns the mode that open() would give it. */
static mode_t log_mode(void)
{
    const mode_t mask = umask(0);
    umask(mask);
    return LOG_FILE_MODE & ~mask;
}

/* The file gets its name only after its owner, because another process may start now. With root's rights,
 * a link that somebody put there must not be followed. */
static void create_log_file(const char *path, const struct identity *owner)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    struct buffer hidden = {0};
    buffer_print(&hidden, "%.*s.%s.XXXXXX", (int)(name - path), path, name);
    const int log = hidden.out_of_memory ? -1 : mkostemp(hidden.data, O_CLOEXEC);
    if (log >= 0) {
        if (fchmod(log, log_mode()) != 0 || fchown(log, owner->user, owner->group) != 0 ||
            renameat2(AT_FDCWD, hidden.data, AT_FDCWD, path, RENAME_NOREPLACE) != 0)
            unlink(hidden.data);
        close(log);
    }
    buffer_free(&hidden);
}

void file_access_create_log(const struct config *config, const struct identity *owner)
{
    if (log_is_file(config) && is_missing(config->log))
        create_log_file(config->log, owner);
}

bool file_access_needs_log(const struct config *config)
{
    return log_is_file(config) && is_missing(config->log) && log_can_be_opened(config->log);
}

/* Returns the outermost folder of `path` that this process may not enter, or NULL. The caller frees it. */
static char *closed_folder(const char *path)
{
    char *folder = text_copy(text_of(path));
    if (folder == NULL)
        return NULL;
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (access(folder, X_OK) != 0)
            return folder;
        *slash = '/';
    }
    free(folder);
    return NULL;
}

/* The message has the commands that help. */
static void add_denied_error(const struct config *config, const char *path, int mode,
                             struct diagnostics *diagnostics)
{
    char group[24];
    snprintf(group, sizeof group, "%lu", (unsigned long)getegid());
    const char *name = config->group != NULL ? config->group : group;
    char *closed = closed_folder(path);
    if (closed != NULL)
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0,
                        "user %s may not enter its folder; run: chgrp %s '%s' && chmod g+x '%s'",
                        config->user, name, closed, closed);
    else if (mode == R_OK)
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0,
                        "user %s may not read it; run: chgrp %s '%s' && chmod g+r '%s'", config->user, name,
                        path, path);
    else
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0,
                        "user %s may not write it; run: chown -R %s '%s'", config->user, config->user, path);
    free(closed);
}

/* A file in the place of a folder is an error of another kind, which is reported elsewhere. */
static bool is_denied(const char *path, int mode)
{
    struct stat status;
    if (access(path, mode) == 0 || errno != EACCES)
        return false;
    return (mode & X_OK) == 0 || stat(path, &status) != 0 || S_ISDIR(status.st_mode);
}

bool file_access_check(const struct config *config, struct diagnostics *diagnostics)
{
    const struct {
        const char *path;
        int mode; /* for access() */
    } required[] = {
        {config->file, R_OK}, {config->accounts, R_OK},
        {config->keys, R_OK}, {config->state, R_OK | W_OK | X_OK},
        {config->log, W_OK},
    };
    bool good = true;
    const size_t count = sizeof required / sizeof *required - (log_is_file(config) ? 0 : 1);
    for (size_t i = 0; i < count; i++) {
        /* A missing file, or another error, is reported where the file is loaded. */
        if (!is_denied(required[i].path, required[i].mode))
            continue;
        add_denied_error(config, required[i].path, required[i].mode, diagnostics);
        good = false;
    }
    return good;
}
