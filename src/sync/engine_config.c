#include "sync/engine_config.h"

#include <errno.h>

enum { PASSWORD_SIZE_MAX = 4096 };

#ifdef HAVE_HIREDIS_SSL
static const bool has_tls = true;
#else
static const bool has_tls = false;
#endif

bool engine_config_is_supported(const struct config *config, struct diagnostics *diagnostics)
{
    if (!config->sync_tls || has_tls)
        return true;
    diagnostics_add(
        diagnostics, SEVERITY_ERROR, config->file, 0,
        "sync_tls = yes: the hiredis library of this build has no TLS; use a tunnel (stunnel), or "
        "a system with hiredis 1.0 or later");
    return false;
}

/* --- The password --- */

static bool is_blank(struct text text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (!text_is_blank(text.data[i]) && text.data[i] != '\r' && text.data[i] != '\n')
            return false;
    }
    return true;
}

/* Blank lines behind the first one are no mistake. */
static bool find_password(const char *path, struct engine_password *password, struct diagnostics *diagnostics)
{
    struct text rest = {password->content.data, password->content.size};
    password->text = text_trim(text_without_return(text_split(&rest, '\n')));
    if (password->text.length == 0) {
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0,
                        "there is no password in its first line; write it there");
        return false;
    }
    if (!is_blank(rest))
        diagnostics_add(diagnostics, SEVERITY_WARNING, path, 0,
                        "it has more than one line, of which the first is the password; remove the others");
    return true;
}

bool engine_password_read(const struct config *config, struct engine_password *password,
                          struct diagnostics *diagnostics)
{
    const char *path = config->sync_password_file;
    *password = (struct engine_password){.text = {NULL, 0}};
    if (path == NULL)
        return true;
    if (file_read(path, PASSWORD_SIZE_MAX, &password->content))
        return file_mode_is_safe(path, &password->content.status, true, diagnostics) &&
               find_password(path, password, diagnostics);
    diagnostics_add(
        diagnostics, SEVERITY_ERROR, path, 0, "cannot be read: %s; %s", file_read_reason(errno),
        file_read_remedy(errno, "write the password into its first line, or correct sync_password_file"));
    return false;
}

void engine_password_free(struct engine_password *password)
{
    file_content_free(&password->content);
    password->text = (struct text){NULL, 0};
}

bool engine_password_check(const struct config *config, struct diagnostics *diagnostics)
{
    struct engine_password password;
    const bool good = engine_password_read(config, &password, diagnostics);
    engine_password_free(&password);
    return good;
}
