#include "tokenctl/secret_input.h"

#include <bsd/readpassphrase.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/secret.h"
#include "tokenctl/command.h"

enum { LONGEST_SECRET = 511, GENERATED_SIZE = 32, PROMPT_SIZE = 256 };

const char *secret_input_fault(struct text secret)
{
    if (secret.length == 0)
        return "the secret is empty";
    if (secret.length > LONGEST_SECRET)
        return "the secret is longer than 511 bytes, which no hash method takes";
    if (memchr(secret.data, '\0', secret.length) != NULL)
        return "the secret holds a NUL, and no hash method reads what follows it";
    if (memchr(secret.data, '\n', secret.length) != NULL)
        return "there is more than one line on standard input; a secret is one";
    if (text_has_control(secret))
        return "the secret holds a control character, which the token endpoint refuses";
    return text_is_utf8(secret) ? NULL : "the secret is not UTF-8";
}

static bool secret_is_good(struct text secret)
{
    const char *fault = secret_input_fault(secret);
    if (fault != NULL)
        command_error(0, "%s", fault);
    return fault == NULL;
}

/* Returns what was typed. The buffer was zero before, so a typed NUL does not end the secret. */
static struct text typed(const char buffer[SECRET_INPUT_SIZE])
{
    size_t length = SECRET_INPUT_SIZE;
    while (length > 0 && buffer[length - 1] == '\0')
        length--;
    return (struct text){buffer, length};
}

static bool prompt_secret(const char *what, const char *client_id, char buffer[SECRET_INPUT_SIZE],
                          struct text *secret)
{
    char prompt[PROMPT_SIZE];
    const int length = snprintf(prompt, sizeof prompt, "%s for %.200s: ", what, client_id);
    text_make_printable(prompt, (size_t)length);
    memset(buffer, 0, SECRET_INPUT_SIZE);
    if (readpassphrase(prompt, buffer, SECRET_INPUT_SIZE, RPP_ECHO_OFF | RPP_REQUIRE_TTY) == NULL) {
        command_error(0, "no secret was read: %s", strerror(errno));
        return false;
    }
    *secret = typed(buffer);
    return true;
}

static bool read_terminal(const char *client_id, char buffer[SECRET_INPUT_SIZE], struct text *secret)
{
    char again[SECRET_INPUT_SIZE];
    struct text second = {NULL, 0};
    bool good = prompt_secret("New secret", client_id, buffer, secret) && secret_is_good(*secret) &&
                prompt_secret("Again", client_id, again, &second);
    if (good && !text_equal(*secret, second)) {
        command_error(0, "the two secrets differ");
        good = false;
    }
    secret_wipe(again, sizeof again);
    return good;
}

/* Reads up to the newline, because the writer may keep a pipe open. It uses read(), because stdio would keep
 * a copy. */
static bool read_secret_line(char buffer[SECRET_INPUT_SIZE], struct text *secret)
{
    size_t length = 0;
    ssize_t got = 1;
    while (got > 0 && length < SECRET_INPUT_SIZE && (length == 0 || buffer[length - 1] != '\n')) {
        got = read(STDIN_FILENO, buffer + length, SECRET_INPUT_SIZE - length);
        length += got > 0 ? (size_t)got : 0;
        if (got < 0 && errno == EINTR)
            got = 1;
    }
    if (got < 0) {
        command_error(0, "standard input: %s", strerror(errno));
        return false;
    }
    if (length > 0 && length < SECRET_INPUT_SIZE && buffer[length - 1] == '\n')
        length--;
    /* Some editors and shells write a byte order mark first. */
    const size_t mark = text_mark_length((struct text){buffer, length});
    *secret = (struct text){buffer + mark, length - mark};
    return secret_is_good(*secret);
}

bool secret_input_read(const char *client_id, char buffer[SECRET_INPUT_SIZE], struct text *secret)
{
    *secret = (struct text){NULL, 0};
    if (isatty(STDIN_FILENO))
        return read_terminal(client_id, buffer, secret);
    return read_secret_line(buffer, secret);
}

bool secret_input_ask(const char *client_id, char buffer[SECRET_INPUT_SIZE], struct text *secret)
{
    *secret = (struct text){NULL, 0};
    if (isatty(STDIN_FILENO))
        return prompt_secret("Secret", client_id, buffer, secret) && secret_is_good(*secret);
    return read_secret_line(buffer, secret);
}

bool secret_input_generate(char buffer[SECRET_INPUT_SIZE], struct text *secret)
{
    unsigned char random[GENERATED_SIZE];
    if (!secret_random(random, sizeof random)) {
        command_error(0, "the system has no random bytes");
        return false;
    }
    *secret = (struct text){buffer, base64url_encode(random, sizeof random, buffer)};
    secret_wipe(random, sizeof random);
    return true;
}
