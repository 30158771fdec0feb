#include "sync/rights.h"

#include <stdio.h>
#include <string.h>

enum { TRIAL_WORDS = 6 };

/* What stands in a command for the name of a key. */
static const char key_word[] = "KEY";

struct trial {
    const char *right;
    const char *words[TRIAL_WORDS];
};

static const struct trial of_engine[] = {{"+role", {"ROLE"}}, {"+time", {"TIME"}}};

static const struct trial of_epoch[] = {
    {"+get", {"GET", key_word}}, {"+set", {"SET", key_word, "x", "NX", "XX"}}, /* a contradiction */
};

/* No message has the ID 0-0. */
static const struct trial of_stream[] = {
    {"+xinfo|stream", {"XINFO", "STREAM", key_word}},
    {"+xrange", {"XRANGE", key_word, "0-0", "0-0"}},
    {"+xread", {"XREAD", "COUNT", "1", "STREAMS", key_word, "$"}},
    {"+xadd", {"XADD", key_word, "0-0", "m", "x"}},
    {"+xtrim", {"XTRIM", key_word, "MAXLEN", "-1"}},
    {"+xdel", {"XDEL", key_word, "0-0"}},
};

static void add_missing(struct sync_rights *rights, const char *right)
{
    const size_t used = strlen(rights->missing);
    if (strstr(rights->missing, right) == NULL)
        snprintf(rights->missing + used, sizeof rights->missing - used, "%s%s", used > 0 ? " " : "", right);
}

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* An ERR is about the arguments, which are wrong on purpose, and "no such key" is one, too. */
static void note_refusal(const struct engine_fault *fault, const char *right, const char *key,
                         struct sync_rights *rights)
{
    if (begins_with(fault->text, "NOPERM"))
        add_missing(rights, strstr(fault->text, "to run the") != NULL ? right : "~token-sync:*");
    else if (begins_with(fault->text, "WRONGTYPE"))
        snprintf(rights->wrong_key, sizeof rights->wrong_key, "%s", key);
    else if (!begins_with(fault->text, "ERR "))
        rights->refusal = *fault;
}

static bool try_all(struct engine *engine, const struct trial *trials, size_t count, const char *key,
                    struct sync_rights *rights, struct engine_fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        struct text words[TRIAL_WORDS];
        size_t n = 0;
        for (; n < TRIAL_WORDS && trials[i].words[n] != NULL; n++)
            words[n] = text_of(trials[i].words[n] == key_word ? key : trials[i].words[n]);
        redisReply *reply = engine_command(engine, words, n, fault);
        if (reply != NULL)
            freeReplyObject(reply);
        else if (engine_is_lost(engine))
            return false;
        else
            note_refusal(fault, trials[i].right, key, rights);
    }
    return true;
}

bool sync_rights_find(struct engine *engine, const struct config *config, struct sync_rights *rights,
                      struct engine_fault *fault)
{
    static const char *const streams[] = {"failures", "revocations"};
    char key[SYNC_KEY_MAX];
    *rights = (struct sync_rights){.missing = ""};
    sync_key_write(config, "epoch", key);
    bool good = try_all(engine, of_engine, sizeof of_engine / sizeof *of_engine, key, rights, fault) &&
                try_all(engine, of_epoch, sizeof of_epoch / sizeof *of_epoch, key, rights, fault);
    for (size_t i = 0; good && i < sizeof streams / sizeof *streams; i++) {
        sync_key_write(config, streams[i], key);
        good = try_all(engine, of_stream, sizeof of_stream / sizeof *of_stream, key, rights, fault);
    }
    return good;
}
