#include "endpoint/token_answer.h"

#include <string.h>

#include "base/json.h"

/* An answer as json-c has written it, with an empty token. The answers for one scope and lifetime differ only
 * in the token, and base64url needs no escaping in JSON. json-c takes a fifth of the user time of a request,
 * so each thread keeps some of its answers. */
struct kept_answer {
    int64_t lifetime;
    size_t scope_length;
    size_t length; /* 0: none is kept */
    char scope[256];
    char text[512];
};

enum { ANSWERS = 8 };

/* Returns NULL if memory runs out. */
static struct json_object *make_body(const struct grant *grant)
{
    struct json_object *body = json_object_new_object();
    if (json_add_string(body, "access_token", "") && json_add_string(body, "token_type", "Bearer") &&
        (grant->lifetime == 0 || json_add_number(body, "expires_in", grant->lifetime)) &&
        (grant->scope == NULL || json_add_string(body, "scope", grant->scope)))
        return body;
    json_object_put(body);
    return NULL;
}

static bool is_for(const struct kept_answer *kept, const struct grant *grant, struct text scope)
{
    return kept->length > 0 && kept->lifetime == grant->lifetime &&
           text_equal((struct text){kept->scope, kept->scope_length}, scope);
}

/* Keeps `text` unless it or the scope is too long. */
static void keep(struct kept_answer *kept, const struct grant *grant, struct text scope, struct text text)
{
    if (scope.length > sizeof kept->scope || text.length > sizeof kept->text)
        return;
    *kept = (struct kept_answer){grant->lifetime, scope.length, text.length, {0}, {0}};
    if (scope.length > 0)
        memcpy(kept->scope, scope.data, scope.length);
    memcpy(kept->text, text.data, text.length);
}

/* Adds `text` with the token in the first empty string. */
static void add_with_token(struct buffer *out, struct text text, const char *token)
{
    static const char empty[] = "\"\"";
    const char *quotes = memmem(text.data, text.length, empty, sizeof empty - 1);
    const size_t before = (size_t)(quotes - text.data) + 1;
    buffer_add(out, (struct text){text.data, before});
    buffer_add(out, text_of(token));
    buffer_add(out, (struct text){text.data + before, text.length - before});
}

bool token_answer_add(struct buffer *out, const struct grant *grant)
{
    static _Thread_local struct kept_answer answers[ANSWERS];
    const struct text scope = text_of(grant->scope);
    struct kept_answer *kept = &answers[(text_hash(scope) + (uint64_t)grant->lifetime) % ANSWERS];
    if (is_for(kept, grant, scope)) {
        add_with_token(out, (struct text){kept->text, kept->length}, grant->token);
        return !out->out_of_memory;
    }
    struct json_object *body = make_body(grant);
    const struct text text = body != NULL ? json_write(body, JSON_C_TO_STRING_PLAIN) : (struct text){NULL, 0};
    if (text.data != NULL) {
        keep(kept, grant, scope, text);
        add_with_token(out, text, grant->token);
    }
    json_object_put(body);
    return text.data != NULL && !out->out_of_memory;
}
