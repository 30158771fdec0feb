#include "sync/watch.h"

#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "database/database_folder.h"
#include "throttle/throttle_table.h"
#include "token/revocation_table.h"

static bool watch_file(int descriptor, const char *folder, const struct database_file *file)
{
    char *path = database_folder_file(folder, file);
    const bool good = path != NULL && inotify_add_watch(descriptor, path, IN_MODIFY) >= 0;
    free(path);
    return good;
}

int watch_open(const char *folder)
{
    const int descriptor = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (descriptor < 0)
        return -1;
    if (watch_file(descriptor, folder, &throttle_file) && watch_file(descriptor, folder, &revocation_file))
        return descriptor;
    close(descriptor);
    return -1;
}

void watch_clear(int descriptor)
{
    char events[4096];
    while (read(descriptor, events, sizeof events) > 0)
        ;
}
