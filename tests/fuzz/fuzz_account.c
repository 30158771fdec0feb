/* A line of the accounts file, and behind it, on lines of their own, sources that ask to be let in: its parts
 * lie in it, and put together again they are the same account. */
#include "account/account.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "fuzz.h"

static bool is_same(const struct account *a, const struct account *b)
{
    return text_equal(a->client_id, b->client_id) && text_equal(a->hash, b->hash) && a->method == b->method &&
           text_equal(a->attributes, b->attributes) && text_equal(a->scope, b->scope) &&
           text_equal(a->from, b->from) && (a->from.data == NULL) == (b->from.data == NULL) &&
           a->lifetime == b->lifetime && a->expires == b->expires && a->locked == b->locked &&
           a->introspect == b->introspect && text_equal(a->audience, b->audience) &&
           text_equal(a->type, b->type) && a->not_before == b->not_before && a->has_claims == b->has_claims;
}

static void check_parts(const struct account *account, struct text line, bool allow_legacy)
{
    const struct text parts[] = {account->client_id, account->hash,     account->attributes, account->scope,
                                 account->from,      account->audience, account->type};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        REQUIRE(parts[i].data == NULL || fuzz_is_inside(parts[i], line));
    REQUIRE(account_client_id_fault(account->client_id) == NULL);
    REQUIRE(account_attributes_fault(account->attributes) == NULL);
    REQUIRE(account->method != NULL || account->locked);
    REQUIRE(account->method == NULL || allow_legacy || !account->method->legacy);
    REQUIRE(account->lifetime >= -1 && account->lifetime <= 315360000);
    REQUIRE(account->expires >= 0);
    for (struct text rest = account->scope; rest.data != NULL;)
        REQUIRE(account_is_scope(text_split(&rest, ',')));
}

static void check_round(const struct account *account, bool allow_legacy)
{
    struct buffer line = {0};
    struct account again;
    const char *why;
    buffer_add(&line, account->client_id);
    buffer_print(&line, ":%s", account->locked ? "*" : "");
    buffer_add(&line, account->hash);
    if (account->attributes.data != NULL) {
        buffer_print(&line, ":");
        buffer_add(&line, account->attributes);
    }
    buffer_print(&line, "\r");
    REQUIRE(account_parse((struct text){line.data, line.length}, allow_legacy, &again, &why) ==
            ACCOUNT_LINE_USABLE);
    REQUIRE(is_same(account, &again));
    buffer_free(&line);
}

/* Each network by itself, as from= has them. */
static bool is_from(struct text from, const struct address *source)
{
    bool found = from.data == NULL;
    while (from.data != NULL) {
        const struct text item = text_split(&from, ',');
        struct network network;
        REQUIRE(network_parse(item.data, item.length, &network));
        found = found || network_contains(&network, source);
    }
    return found;
}

static void check_sources(const struct account *account, struct text sources)
{
    REQUIRE(account_admits_source(account, NULL) == (account->from.data == NULL));
    while (sources.data != NULL) {
        const struct text source = text_split(&sources, '\n');
        struct address address;
        if (address_parse(source.data, source.length, &address))
            REQUIRE(account_admits_source(account, &address) == is_from(account->from, &address));
    }
}

static enum account_line check_line(struct text line, struct text sources, bool allow_legacy)
{
    struct account account;
    const char *why = "";
    const enum account_line kind = account_parse(line, allow_legacy, &account, &why);
    REQUIRE((kind == ACCOUNT_LINE_UNUSABLE) == (why != NULL));
    if (kind == ACCOUNT_LINE_UNUSABLE)
        REQUIRE(why[0] != '\0' &&
                (account.client_id.data == NULL || fuzz_is_inside(account.client_id, line)));
    if (kind == ACCOUNT_LINE_USABLE) {
        check_parts(&account, line, allow_legacy);
        check_round(&account, allow_legacy);
        check_sources(&account, sources);
    }
    return kind;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text sources = fuzz_text(data, size);
    struct text line = text_split(&sources, '\n');
    char *copy = fuzz_copy(line);
    line.data = copy;
    const enum account_line strict = check_line(line, sources, false);
    const enum account_line legacy = check_line(line, sources, true);
    REQUIRE(strict == legacy || (strict == ACCOUNT_LINE_UNUSABLE && legacy == ACCOUNT_LINE_USABLE));
    free(copy);
    return 0;
}
