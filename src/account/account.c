#include "account/account.h"

#include <string.h>

#include "account/account_attribute.h"
#include "base/clock.h"

const char account_unfinished[] = "the last line has no newline and may be half written: it is not in force "
                                  "until the file has been unchanged "
                                  "for ten seconds; end the line with a newline";

bool account_is_scope(struct text token)
{
    for (size_t i = 0; i < token.length; i++) {
        const unsigned char c = (unsigned char)token.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\')
            return false;
    }
    return token.length > 0;
}

static const struct account empty_account = {.lifetime = -1, .expires = CLOCK_NEVER};

const char *account_attributes_fault(struct text text)
{
    struct account account = empty_account;
    return text_has_control(text) ? "there is a control character in it"
                                  : account_attributes_parse(text, &account);
}

const char *account_client_id_fault(struct text client_id)
{
    if (client_id.length == 0)
        return "the client_id is empty";
    if (client_id.data[0] == '#')
        return "a client_id must not begin with '#', which begins a comment";
    if (memchr(client_id.data, ':', client_id.length) != NULL)
        return "a client_id must not hold ':', which ends it";
    if (text_is_printable_ascii(client_id))
        return NULL;
    if (text_has_control(client_id))
        return "a client_id must not hold a control character";
    if (!text_is_utf8(client_id))
        return "the client_id is not UTF-8; write it in UTF-8";
    return NULL;
}

const char *account_client_id_advice(struct text client_id)
{
    if (text_trim(client_id).length != client_id.length)
        return "there is a blank before or after the client_id, which is a part of it; take it out";
    if (text_mark_length(client_id) > 0)
        return "there is a byte order mark before the client_id, which is a part of it; take it out";
    return NULL;
}

/* As in shadow(5), '!' or '*' before the hash, or instead of it, locks the account. */
static void take_hash(struct text hash, struct account *account)
{
    while (hash.length > 0 && (hash.data[0] == '!' || hash.data[0] == '*')) {
        account->locked = true;
        hash.data++;
        hash.length--;
    }
    account->hash = hash;
}

/* A blank around a hash is hard to see. If the hash is valid without it, the message names the blank. */
static const char *hash_fault(struct text hash, bool allow_legacy, const char *why)
{
    const struct text trimmed = text_trim(hash);
    const char *unused = NULL;
    if (trimmed.length == hash.length || password_method_of(trimmed, allow_legacy, &unused) == NULL)
        return why;
    return trimmed.data == hash.data
               ? "the hash is cut short or malformed: there is a blank after it; take it out"
               : "no hash of a known method: there is a blank before it; take it out";
}

/* Splits the line at its colons. False: there is no colon after the client_id. */
static bool split_line(struct text line, struct account *account)
{
    struct text rest = line;
    account->client_id = text_split(&rest, ':');
    if (rest.data == NULL) {
        account->client_id = rest; /* do not report it as a client_id: it may be a secret */
        return false;
    }
    take_hash(text_split(&rest, ':'), account);
    account->attributes = rest;
    return true;
}

static const char *parse_rest(struct text line, struct account *account)
{
    if (!text_is_printable_ascii(line) && (!text_is_utf8(line) || text_has_control(line)))
        return "there is a control character, or a byte that is not UTF-8, in the line; take it out";
    return account_attributes_parse(account->attributes, account);
}

static const char *parse_line(struct text line, bool allow_legacy, struct account *account)
{
    if (!split_line(line, account))
        return "there is no ':' after the client_id; a line is client_id:crypt-hash[:attributes]";
    const char *why = account_client_id_fault(account->client_id);
    if (why != NULL)
        return why;
    const char *why_hash = NULL;
    account->method = password_method_of(account->hash, allow_legacy, &why_hash);
    why = parse_rest(line, account);
    if (account->method == NULL && !account->locked)
        return hash_fault(account->hash, allow_legacy, why_hash);
    return why;
}

enum account_line account_parse(struct text line, bool allow_legacy, struct account *account,
                                const char **why)
{
    *account = empty_account;
    *why = NULL;
    line = text_without_return(line);
    if (text_trim(line).length == 0 || line.data[0] == '#')
        return ACCOUNT_LINE_IGNORED;
    *why = parse_line(line, allow_legacy, account);
    return *why == NULL ? ACCOUNT_LINE_USABLE : ACCOUNT_LINE_UNUSABLE;
}

enum account_line account_judge(struct text line, const struct password_policy *policy,
                                struct account *account, const char **why)
{
    const enum account_line kind = account_parse(line, policy->allow_legacy, account, why);
    if (kind == ACCOUNT_LINE_IGNORED || account->method == NULL)
        return kind;
    const char *fault = password_policy_fault(policy, account->method, account->hash);
    if (fault == NULL)
        return kind;
    account->method = NULL;
    if (account->locked || kind == ACCOUNT_LINE_UNUSABLE)
        return kind;
    *why = fault;
    return ACCOUNT_LINE_UNUSABLE;
}

void account_read(struct text line, bool has_method, struct account *account)
{
    *account = empty_account;
    if (!split_line(text_without_return(line), account))
        return;
    if (has_method)
        account->method = password_method_of_parsed(account->hash);
    account_attributes_read(account->attributes, account);
}

bool account_admits_source(const struct account *account, const struct address *source)
{
    return account->from.data == NULL || network_list_contains(account->from, source);
}
