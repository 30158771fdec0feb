#include "database/database_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/file_replace.h"
#include "base/folder_lock.h"

/* Identifies the boot of the machine, in 36 characters. */
static const char boot_id[] = "/proc/sys/kernel/random/boot_id";
enum { BOOT_ID_LIMIT = 4096 };

/* Follows the boot ID in the note. Versions that lock the files differently must not use them at the same
 * time: each version removes the files of the other and creates its own. */
static const char locking[] = "locks 2\n";

/* The caller frees the path. NULL if memory runs out. */
static char *path_in(const char *folder, const char *name, const char *suffix)
{
    struct buffer path = {0};
    buffer_print(&path, "%s/%s%s", folder, name, suffix);
    if (!path.out_of_memory)
        return path.data;
    buffer_free(&path);
    return NULL;
}

char *database_folder_file(const char *folder, const struct database_file *file)
{
    return path_in(folder, file->name, ".mdb");
}

bool database_folder_is_same(const char *one, const char *other)
{
    struct stat a;
    struct stat b;
    return strcmp(one, other) == 0 ||
           (stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

static bool database_folder_error(struct diagnostics *diagnostics, const char *path, int error)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "the state cannot be kept there: %s",
                    strerror(error));
    return false;
}

static bool not_owner_error(struct diagnostics *diagnostics, const char *folder, int error)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, folder, 0,
                    "the state cannot be kept there: %s; it must belong to the user that token.fcgi runs as; "
                    "run: chown -R USER '%s'",
                    strerror(error), folder);
    return false;
}

bool database_folder_check(const char *folder, struct diagnostics *diagnostics)
{
    struct stat status;
    if (stat(folder, &status) != 0) {
        if (errno != ENOENT)
            return database_folder_error(diagnostics, folder, errno);
        diagnostics_add(diagnostics, SEVERITY_ERROR, folder, 0,
                        "the folder of the state is missing; run tokenctl init, or: install -d -m 0700 '%s'",
                        folder);
        return false;
    }
    if (!S_ISDIR(status.st_mode))
        return database_folder_error(diagnostics, folder, ENOTDIR);
    if (!file_mode_is_safe(folder, &status, false, diagnostics))
        return false;
    if (faccessat(AT_FDCWD, folder, R_OK | W_OK | X_OK, AT_EACCESS) == 0)
        return true;
    return not_owner_error(diagnostics, folder, errno);
}

int database_folder_lock(const char *folder, struct diagnostics *diagnostics)
{
    if (!database_folder_check(folder, diagnostics))
        return -1;
    const int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int lock = descriptor >= 0 ? folder_lock(descriptor) : -1;
    if (lock < 0 && errno == EACCES)
        not_owner_error(diagnostics, folder, errno);
    else if (lock < 0)
        database_folder_error(diagnostics, folder, errno);
    if (descriptor >= 0)
        close(descriptor);
    return lock;
}

/* --- The boot of the files --- */

/* Appends the contents of this boot's note. Returns false if the boot ID is not available or memory runs out.
 */
static bool print_note(struct buffer *note)
{
    struct file_content boot;
    if (!file_read(boot_id, BOOT_ID_LIMIT, &boot))
        return false;
    buffer_print(note, "%.*s%s", (int)boot.size, boot.data, locking);
    file_content_free(&boot);
    return !note->out_of_memory;
}

static bool same_boot(const char *path)
{
    struct file_content written;
    struct buffer now = {0};
    const bool has_boot_id = print_note(&now);
    const bool was_read = file_read(path, BOOT_ID_LIMIT, &written);
    const bool exists = was_read || errno != ENOENT;
    /* Without a boot ID, all boots are treated as one. A file that this process cannot read is not its to
     * remove. */
    const bool same =
        !has_boot_id || (exists && !was_read) ||
        (was_read && written.size == now.length && memcmp(written.data, now.data, now.length) == 0);
    file_content_free(&written);
    buffer_free(&now);
    return same;
}

bool database_folder_is_of_this_boot(const char *folder, const struct database_file *file)
{
    if (file->is_durable)
        return true;
    char *path = path_in(folder, file->name, ".boot");
    const bool same = path != NULL && same_boot(path);
    free(path);
    return same;
}

/* Creates the file if it is missing. If root creates it, it gets the owner of the folder, who has to use it.
 */
static bool make_database_file(const char *path, const struct stat *folder)
{
    const int descriptor =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, DATABASE_FILE_MODE);
    if (descriptor < 0)
        return errno == EEXIST;
    int error = fchmod(descriptor, DATABASE_FILE_MODE) == 0 ? 0 : errno;
    if (error == 0 && geteuid() == 0 && fchown(descriptor, folder->st_uid, folder->st_gid) != 0)
        error = errno;
    close(descriptor);
    if (error == 0)
        return true;
    unlink(path);
    errno = error;
    return false;
}

static bool remove_file(const char *path)
{
    return unlink(path) == 0 || errno == ENOENT;
}

/* The note is written last: if the process is killed before, the next one starts over. */
static bool replace_files(const char *note, const char *data, const char *lock_of_old_version,
                          const struct stat *folder)
{
    struct buffer text = {0};
    if (!remove_file(note) || !remove_file(data) || !remove_file(lock_of_old_version))
        return false;
    const bool has_boot_id = print_note(&text);
    const bool is_written = !has_boot_id || (make_database_file(note, folder) &&
                                             file_replace(note, text.data, text.length, DATABASE_FILE_MODE));
    const int error = errno;
    buffer_free(&text);
    errno = error;
    return is_written;
}

static bool prepare_files(const char *folder, const char *note, const char *data, const char *lock,
                          bool is_durable)
{
    struct stat status;
    return stat(folder, &status) == 0 &&
           (is_durable || same_boot(note) || replace_files(note, data, lock, &status)) &&
           make_database_file(data, &status);
}

char *database_folder_prepare(const char *folder, const struct database_file *file,
                              struct diagnostics *diagnostics)
{
    char *note = path_in(folder, file->name, ".boot");
    char *data = database_folder_file(folder, file);
    char *lock = path_in(folder, file->name, ".mdb-lock");
    errno = ENOMEM;
    const bool good = note != NULL && data != NULL && lock != NULL &&
                      prepare_files(folder, note, data, lock, file->is_durable);
    if (!good) {
        database_folder_error(diagnostics, data != NULL ? data : folder, errno);
        free(data);
        data = NULL;
    }
    free(note);
    free(lock);
    return data;
}
