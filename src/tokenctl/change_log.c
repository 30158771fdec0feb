#include "tokenctl/change_log.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "base/syslog_socket.h"
#include "config/config.h"
#include "token/keyset.h"
#include "tokenctl/account_diff.h"

enum { VALUE_SIZE = 400, LINE_SIZE = 2000, PATIENCE_MS = 500, FILE_LIMIT = 1 << 30 };

enum kind { ACCOUNTS, KEYS, OPTIONS };

static const struct changing {
    const char *command;
    enum kind kind;
    bool names_argument; /* which is no secret */
} changing[] = {
    {"add", ACCOUNTS, false},          {"passwd", ACCOUNTS, false},   {"set", ACCOUNTS, false},
    {"import", ACCOUNTS, false},       {"retire", ACCOUNTS, false},   {"lock", ACCOUNTS, false},
    {"unlock", ACCOUNTS, false},       {"remove", ACCOUNTS, false},   {"key add", KEYS, false},
    {"key rotate", KEYS, false},       {"key prune", KEYS, false},    {"key remove", KEYS, false},
    {"throttle clear", OPTIONS, true}, {"revoke", OPTIONS, false},    {"token", OPTIONS, true},
    {"init", OPTIONS, false},          {"config set", OPTIONS, true},
};

/* What the files had before. */
struct before {
    const struct changing *changing;
    const struct invocation *invocation;
    uid_t user;            /* who runs the command, which may become another */
    struct config *config; /* NULL: it cannot be loaded */
    struct file_content accounts;
    struct buffer keys;
};

/* --- Lines --- */

static void add_quoted(struct buffer *line, const char *name, struct text value)
{
    char quoted[VALUE_SIZE];
    buffer_print(line, " %s=%s", name, log_quote(quoted, sizeof quoted, value.data, value.length));
}

static void add_who(struct buffer *line, uid_t user)
{
    char login[LOGIN_NAME_MAX];
    const char *sudo = getenv("SUDO_USER");
    if (getlogin_r(login, sizeof login) == 0)
        add_quoted(line, "login", text_of(login));
    buffer_print(line, " uid=%lu", (unsigned long)user);
    if (sudo != NULL)
        add_quoted(line, "sudo", text_of(sudo));
}

/* The daemon may be busy for a moment. */
static void send_to_syslog(struct text message)
{
    bool is_stream = false;
    const int daemon = syslog_connect(SYSLOG_PATH, &is_stream);
    struct pollfd ready = {.fd = daemon, .events = POLLOUT};
    if (daemon < 0)
        return;
    /* On a stream a NUL ends a message, and there is one after the text. */
    if (poll(&ready, 1, PATIENCE_MS) == 1 &&
        send(daemon, message.data, message.length + (is_stream ? 1 : 0), MSG_NOSIGNAL) < 0)
        command_error(0, "the change could not be written to syslog");
    close(daemon);
}

/* Takes the line, and frees it. */
static void send_line(struct buffer *line, const struct before *before)
{
    char head[SYSLOG_HEAD_SIZE];
    struct buffer message = {0};
    add_quoted(line, "config", text_of(before->invocation->config_file));
    add_who(line, before->user);
    syslog_head("tokenctl", LOG_INFO, head);
    buffer_print(&message, "%s%.*s", head, LINE_SIZE, line->data != NULL ? line->data : "");
    if (!line->out_of_memory && !message.out_of_memory)
        send_to_syslog((struct text){message.data, message.length});
    buffer_free(&message);
    buffer_free(line);
}

static void begin_line(struct buffer *line, const struct before *before)
{
    *line = (struct buffer){0};
    buffer_print(line, "change=%s", before->changing->command);
    for (char *space = strchr(line->data != NULL ? line->data : "", ' '); space != NULL;
         space = strchr(space, ' '))
        *space = '_';
}

/* --- Accounts --- */

static void send_account(void *context, struct text client_id, struct text from, struct text to)
{
    const struct before *before = context;
    struct buffer line;
    begin_line(&line, before);
    add_quoted(&line, "client_id", client_id);
    add_quoted(&line, "from", from);
    add_quoted(&line, "to", to);
    send_line(&line, before);
}

static void send_accounts(struct before *before)
{
    struct file_content after;
    struct buffer line;
    if (!file_read(before->config->accounts, FILE_LIMIT, &after))
        return;
    const size_t left_out = account_diff((struct text){before->accounts.data, before->accounts.size},
                                         (struct text){after.data, after.size}, send_account, before);
    file_content_free(&after);
    if (left_out == 0)
        return;
    begin_line(&line, before);
    buffer_print(&line, " further_lines=%zu", left_out);
    send_line(&line, before);
}

/* --- Keys --- */

/* "KID ALG signing; …" */
static void describe_keys(const struct config *config, struct buffer *out)
{
    struct diagnostics quiet = {.on_message = diagnostics_ignore, .user = config->owner};
    struct keyset *keyset = keyset_load(config->keys, &quiet);
    for (size_t i = 0; keyset != NULL && i < keyset->count; i++) {
        const struct signing_key *key = &keyset->keys[i];
        const char *state = key == keyset->signer ? "signing" : key->is_next ? "next" : "retired";
        buffer_print(out, "%s%s %s %s", i > 0 ? "; " : "", key->kid, jws_algorithm_name(key->algorithm),
                     state);
    }
    keyset_release(keyset);
}

static void send_keys(const struct before *before)
{
    struct buffer after = {0};
    struct buffer line;
    describe_keys(before->config, &after);
    const struct text from = {before->keys.data, before->keys.length};
    const struct text to = {after.data, after.length};
    if (!text_equal(from, to)) {
        begin_line(&line, before);
        add_quoted(&line, "from", from);
        add_quoted(&line, "to", to);
        send_line(&line, before);
    }
    buffer_free(&after);
}

/* --- What has no file to compare --- */

static void send_options(const struct before *before)
{
    static const struct {
        enum command_option option;
        const char *name;
    } shown[] = {{OPTION_ID, "jti"}, {OPTION_CLIENT, "client_id"}, {OPTION_BEFORE, "before"}};
    const struct invocation *invocation = before->invocation;
    struct buffer line;
    begin_line(&line, before);
    for (size_t i = 0; before->changing->names_argument && invocation->arguments[i] != NULL; i++)
        add_quoted(&line, "argument", text_of(invocation->arguments[i]));
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        if (invocation->values[shown[i].option] != NULL)
            add_quoted(&line, shown[i].name, text_of(invocation->values[shown[i].option]));
    }
    send_line(&line, before);
}

/* --- A command --- */

static const struct changing *find_changing(const struct command *command)
{
    for (size_t i = 0; i < sizeof changing / sizeof *changing; i++) {
        if (strcmp(changing[i].command, command->name) == 0)
            return &changing[i];
    }
    return NULL;
}

static void note_before(struct before *before)
{
    /* The command reports what is wrong with the files. */
    struct diagnostics quiet = {.on_message = diagnostics_ignore};
    if (before->changing->kind == OPTIONS)
        return;
    before->config = config_load(before->invocation->config_file, &quiet);
    if (before->config == NULL)
        return;
    if (before->changing->kind == KEYS)
        describe_keys(before->config, &before->keys);
    else
        file_read(before->config->accounts, FILE_LIMIT, &before->accounts);
}

static void send_change(struct before *before, int status)
{
    if (before->changing->kind == OPTIONS) {
        if (status == EXIT_SUCCESS && before->invocation->values[OPTION_DRY_RUN] == NULL)
            send_options(before);
    } else if (before->config != NULL) {
        if (before->changing->kind == KEYS)
            send_keys(before);
        else if (before->accounts.data != NULL)
            send_accounts(before);
    }
}

/* A command that fails after its change, because its output cannot be written, has changed the file. */
int change_log_run(const struct command *command, const struct invocation *invocation)
{
    struct before before = {.changing = find_changing(command), .invocation = invocation, .user = getuid()};
    if (before.changing == NULL)
        return command->run(invocation);
    note_before(&before);
    const int status = command->run(invocation);
    send_change(&before, status);
    file_content_free(&before.accounts);
    buffer_free(&before.keys);
    config_release(before.config);
    return status;
}
