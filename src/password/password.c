#include "password/password.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "password/password_cost.h"

/* crypt_rn() needs 32 KiB, too much for the stack of a thread, and leaves traces of the secret in them. */
struct password_workspace {
    struct crypt_data data;
    char phrase[CRYPT_MAX_PASSPHRASE_SIZE];
    char setting[CRYPT_OUTPUT_SIZE];
};

struct password_workspace *password_workspace_new(void)
{
    return calloc(1, sizeof(struct password_workspace));
}

void password_workspace_free(struct password_workspace *workspace)
{
    secret_free(workspace, sizeof *workspace);
}

static void copy_text(char *to, size_t size, struct text text)
{
    const size_t length = text.length < size ? text.length : size - 1;
    memcpy(to, text.data, length);
    to[length] = '\0';
}

/* libxcrypt sets EINVAL also if it cannot map the memory that yescrypt and scrypt need. If the parameters are
 * ones that it computes, the cause was the memory. */
static enum password_result crypt_failure(int error, const struct password_method *method, struct text hash)
{
    struct password_cost cost;
    if (error == ENOMEM)
        return PASSWORD_NO_MEMORY;
    return password_cost_read(method, hash, &cost) && cost.maps_memory ? PASSWORD_NO_MEMORY
                                                                       : PASSWORD_UNUSABLE;
}

static enum password_result verify_in(struct password_workspace *workspace,
                                      const struct password_method *method, struct text hash,
                                      struct text secret)
{
    copy_text(workspace->phrase, sizeof workspace->phrase, secret);
    copy_text(workspace->setting, sizeof workspace->setting, hash);
    errno = 0;
    const char *computed =
        crypt_rn(workspace->phrase, workspace->setting, &workspace->data, sizeof workspace->data);
    enum password_result result = PASSWORD_MISMATCH;
    if (computed == NULL)
        result = crypt_failure(errno, method, hash);
    else if (strlen(computed) == hash.length && secret_equal(computed, hash.data, hash.length) &&
             secret.length <= method->longest)
        result = PASSWORD_MATCH;
    secret_wipe(workspace, sizeof *workspace);
    return result;
}

enum password_result password_verify(struct password_workspace *workspace,
                                     const struct password_method *method, struct text hash,
                                     struct text secret)
{
    struct password_workspace *own = NULL;
    if (hash.length >= CRYPT_OUTPUT_SIZE)
        return PASSWORD_UNUSABLE;
    if (workspace == NULL)
        workspace = own = password_workspace_new();
    const enum password_result result =
        workspace != NULL ? verify_in(workspace, method, hash, secret) : PASSWORD_NO_MEMORY;
    free(own);
    return result;
}

/* A secret of 256 random bits cannot be guessed, so its hash need not be slow. A secret that a person chose
 * can be guessed. */
char *password_setting(bool random)
{
    return random ? crypt_gensalt_ra("$6$", 1000, NULL, 0) : crypt_gensalt_ra("$y$", 0, NULL, 0);
}

bool password_is_of_random(struct text hash)
{
    static const char setting[] = "$6$rounds=1000$";
    enum { SALT = 16, DIGEST = 86 };
    const size_t length = sizeof setting - 1;
    return hash.length == length + SALT + 1 + DIGEST && memcmp(hash.data, setting, length) == 0 &&
           hash.data[length + SALT] == '$';
}

char *password_hash(struct text secret, bool random)
{
    if (secret.length == 0 || secret.length >= CRYPT_MAX_PASSPHRASE_SIZE ||
        memchr(secret.data, '\0', secret.length) != NULL) {
        errno = EINVAL;
        return NULL;
    }
    char *setting = password_setting(random);
    struct password_workspace *workspace = password_workspace_new();
    char *hash = NULL;
    if (setting != NULL && workspace != NULL) {
        copy_text(workspace->phrase, sizeof workspace->phrase, secret);
        const char *computed = crypt_rn(workspace->phrase, setting, &workspace->data, sizeof workspace->data);
        hash = computed != NULL ? strdup(computed) : NULL;
    }
    /* The secret and the setting are valid, so EINVAL means out of memory: see crypt_failure(). */
    const int error = errno == EINVAL ? ENOMEM : errno;
    password_workspace_free(workspace);
    free(setting);
    errno = error;
    return hash;
}
