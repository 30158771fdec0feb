#include "account/password_file.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "account/account.h"

static const char mosquitto[] =
    "the hash is mosquitto's own form of $6$ or $7$, which crypt(3) does not know";
static const char other_scheme[] = "the hash has a scheme that crypt(3) does not know";
static const char locked_fields[] =
    "Dovecot's allow_nets or nologin restrict the user; add the account with tokenctl add --from";

/* What Dovecot writes before a password, in braces. */
static const struct {
    const char *name;
    bool is_plain; /* otherwise a hash of crypt(3) follows */
} schemes[] = {
    {"CRYPT", false},        {"BLF-CRYPT", false}, {"SHA512-CRYPT", false},
    {"SHA256-CRYPT", false}, {"MD5-CRYPT", false}, {"DES-CRYPT", false},
    {"PLAIN", true},         {"CLEAR", true},      {"CLEARTEXT", true},
};

static bool password_file_next_line(struct password_file *file, struct text *line)
{
    while (file->rest.data != NULL) {
        *line = text_without_return(text_split(&file->rest, '\n'));
        file->line++;
        if (text_trim(*line).length > 0 && line->data[0] != '#')
            return true;
    }
    return false;
}

/* Returns whether no line has a colon, and the number of lines is even. */
static bool is_in_pairs(struct password_file file, bool *has_colon)
{
    struct text line;
    size_t lines = 0;
    *has_colon = false;
    while (password_file_next_line(&file, &line)) {
        *has_colon |= memchr(line.data, ':', line.length) != NULL;
        lines++;
    }
    return !*has_colon && lines > 0 && lines % 2 == 0;
}

const char *password_file_open(struct password_file *file, struct text content)
{
    const size_t mark = text_mark_length(content);
    bool has_colon = false;
    *file = (struct password_file){.rest = {content.data + mark, content.length - mark}};
    if (memchr(content.data, '\0', content.length) != NULL || !text_is_utf8(content))
        return "it is no text file in UTF-8; a database must be dumped first";
    file->in_pairs = is_in_pairs(*file, &has_colon);
    return file->in_pairs || has_colon ? NULL : "there is no line USER:HASH in it";
}

/* Reads what follows the user and the colon in Dovecot's form, {SCHEME}password. */
static void read_scheme(struct text field, struct password_entry *entry)
{
    struct text rest = {field.data + 1, field.length - 1};
    const struct text name = text_split(&rest, '}');
    entry->why = other_scheme;
    for (size_t i = 0; rest.data != NULL && i < sizeof schemes / sizeof *schemes; i++) {
        if (strlen(schemes[i].name) != name.length ||
            strncasecmp(schemes[i].name, name.data, name.length) != 0)
            continue;
        entry->why = NULL;
        *(schemes[i].is_plain ? &entry->secret : &entry->hash) = rest;
    }
}

/* mosquitto writes base64 with padding after $6$SALT$, and after $7$ITERATIONS$SALT$. */
static bool is_of_mosquitto(struct text hash)
{
    return hash.length > 3 && (memcmp(hash.data, "$6$", 3) == 0 || memcmp(hash.data, "$7$", 3) == 0) &&
           (hash.data[hash.length - 1] == '=' || memchr(hash.data, '+', hash.length) != NULL);
}

static bool has_word(struct text text, const char *word)
{
    return text.data != NULL && memmem(text.data, text.length, word, strlen(word)) != NULL;
}

/* Returns whether what follows the hash is fields of passwd(5): the first one is a user number, a name or
 * empty, and never NAME=VALUE. */
static bool is_passwd_fields(struct text rest)
{
    const struct text first = text_split(&rest, ':');
    long number;
    return memchr(first.data, '=', first.length) == NULL &&
           (rest.data != NULL || text_parse_number(first, 0, INT32_MAX, &number));
}

/* What follows the hash: attributes of an accounts file, or fields of passwd(5), which are left out. */
static void read_rest(struct text rest, struct password_entry *entry)
{
    const char *fault = NULL;
    if (rest.length == 0)
        return;
    if (!is_passwd_fields(rest)) {
        entry->attributes = rest;
        fault = account_attributes_fault(rest);
    } else if (has_word(rest, "allow_nets=") || has_word(rest, "nologin")) {
        fault = locked_fields;
    }
    if (fault != NULL) {
        entry->why = fault;
        entry->is_restricted = true;
    }
}

static void read_fields(struct text line, struct password_entry *entry)
{
    struct text rest = line;
    entry->client_id = text_split(&rest, ':');
    if (rest.data == NULL) {
        entry->client_id = rest; /* it may be a secret */
        entry->why = "there is no ':' after the user";
        entry->is_restricted = true;
        return;
    }
    const struct text field = text_split(&rest, ':');
    if (field.length > 0 && field.data[0] == '{')
        read_scheme(field, entry);
    else if (is_of_mosquitto(field))
        entry->why = mosquitto;
    else
        entry->hash = field;
    read_rest(rest, entry);
}

bool password_file_next(struct password_file *file, struct password_entry *entry)
{
    struct text line;
    *entry = (struct password_entry){.line = 0};
    if (!password_file_next_line(file, &line))
        return false;
    entry->line = file->line;
    if (file->in_pairs) {
        entry->client_id = line;
        password_file_next_line(file, &entry->secret);
    } else {
        read_fields(line, entry);
    }
    const char *fault = entry->client_id.data != NULL ? account_client_id_fault(entry->client_id) : NULL;
    if (fault != NULL) {
        entry->why = fault;
        entry->is_restricted = true;
    }
    return true;
}
