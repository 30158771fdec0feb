/* The server on one end of a pair of sockets, and on the other what a web server sends: each line of the
 * input is a letter for a record, and what goes into it. What is in the records, how they and the bytes are
 * cut, and where the connection ends is the input's. */
#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base/buffer.h"
#include "demo.h"
#include "fuzz.h"
#include "serve.h"

enum { RECORD_MAX = 65535, FILLER_MAX = 20000 };

enum phase { BETWEEN, IN_PARAMETERS, IN_BODY };

/* What the web server has to say on one connection. */
struct script {
    struct buffer wire;
    struct buffer parameters; /* of the request at hand */
    struct buffer body;       /* of all requests */
    enum phase phase;
    size_t requests; /* that were begun */
    size_t record;   /* bytes of a record at most */
    size_t filler;   /* bytes in front of the next input, which need not be in the corpus */
    size_t piece;    /* bytes that come at once */
    unsigned char padding;
    unsigned spoken;    /* secrets */
    struct text source; /* one that is let in where only some are, if any request has it */
    bool is_stopping;
    bool is_raw; /* there are bytes of which nothing is known */
};

static void add_record(struct script *script, int type, struct text content)
{
    static const char zeros[8] = {0};
    const FCGI_Header header = {
        .version = FCGI_VERSION_1,
        .type = (unsigned char)type,
        .requestIdB0 = 1,
        .contentLengthB1 = (unsigned char)(content.length >> 8),
        .contentLengthB0 = (unsigned char)content.length,
        .paddingLength = script->padding,
    };
    buffer_add(&script->wire, (struct text){(const char *)&header, sizeof header});
    buffer_add(&script->wire, content);
    buffer_add(&script->wire, (struct text){zeros, script->padding});
}

/* In as many records as it takes; none where it is empty, for an empty one ends the stream. */
static void add_stream(struct script *script, int type, struct text content)
{
    while (content.length > 0) {
        const size_t part = content.length < script->record ? content.length : script->record;
        add_record(script, type, (struct text){content.data, part});
        content.data += part;
        content.length -= part;
    }
}

static void begin(struct script *script, struct text flags)
{
    FCGI_BeginRequestBody body = {.roleB0 = FCGI_RESPONDER};
    if (script->phase != BETWEEN)
        return;
    if (fuzz_holds(flags, "keep"))
        body.flags = FCGI_KEEP_CONN;
    if (fuzz_holds(flags, "authorizer"))
        body.roleB0 = FCGI_AUTHORIZER;
    if (fuzz_holds(flags, "filter"))
        body.roleB0 = FCGI_FILTER;
    add_record(script, FCGI_BEGIN_REQUEST, (struct text){(const char *)&body, sizeof body});
    script->parameters.length = 0;
    script->phase = IN_PARAMETERS;
    script->requests++;
}

static void add_length(struct buffer *out, size_t length)
{
    const char bytes[] = {(char)(0x80 | length >> 24), (char)(length >> 16), (char)(length >> 8),
                          (char)length};
    const struct text whole = {bytes, sizeof bytes};
    buffer_add(out, length < 0x80 ? (struct text){bytes + 3, 1} : whole);
}

static void parameter(struct script *script, struct text value)
{
    const struct text name = text_split(&value, '=');
    if (script->phase != IN_PARAMETERS)
        return;
    if (text_is(name, "REMOTE_ADDR") && !demo_is_elsewhere(script->source))
        script->source = value;
    if (text_is(name, "HTTP_AUTHORIZATION"))
        script->spoken |= demo_secrets_in(value);
    add_length(&script->parameters, name.length);
    add_length(&script->parameters, value.length);
    buffer_add(&script->parameters, name);
    buffer_add(&script->parameters, value);
}

static void end_parameters(struct script *script, struct text nothing)
{
    (void)nothing;
    if (script->phase != IN_PARAMETERS)
        return;
    add_stream(script, FCGI_PARAMS, (struct text){script->parameters.data, script->parameters.length});
    add_record(script, FCGI_PARAMS, (struct text){NULL, 0});
    script->phase = IN_BODY;
}

static void input(struct script *script, struct text content)
{
    if (script->phase != IN_BODY)
        return;
    struct buffer whole = {0};
    buffer_print(&whole, "%*s", (int)script->filler, "");
    buffer_add(&whole, content);
    add_stream(script, FCGI_STDIN, (struct text){whole.data, whole.length});
    buffer_free(&whole);
    buffer_add(&script->body, content);
    script->filler = 0;
}

static void end_input(struct script *script, struct text nothing)
{
    (void)nothing;
    if (script->phase != IN_BODY)
        return;
    add_record(script, FCGI_STDIN, (struct text){NULL, 0});
    script->phase = BETWEEN;
}

/* The client has gone away. What comes after it is the next request. */
static void abort_request(struct script *script, struct text nothing)
{
    (void)nothing;
    if (script->phase == BETWEEN)
        return;
    add_record(script, FCGI_ABORT_REQUEST, (struct text){NULL, 0});
    script->phase = BETWEEN;
}

static void set_record(struct script *script, struct text number)
{
    long size = RECORD_MAX;
    text_parse_number(number, 1, RECORD_MAX, &size);
    script->record = (size_t)size;
}

/* libfcgi reads 8 KiB at once, and the default of max_body is 16 KiB. */
static void set_filler(struct script *script, struct text number)
{
    long size = 0;
    text_parse_number(number, 0, FILLER_MAX, &size);
    script->filler = (size_t)size;
}

static void set_padding(struct script *script, struct text number)
{
    long size = 0;
    text_parse_number(number, 0, 7, &size);
    script->padding = (unsigned char)size;
}

static void set_piece(struct script *script, struct text number)
{
    long size = RECORD_MAX;
    text_parse_number(number, 1, RECORD_MAX, &size);
    script->piece = (size_t)size;
}

static void raw(struct script *script, struct text bytes)
{
    buffer_add(&script->wire, bytes);
    script->is_raw = true;
}

/* A management record, of the type that the first byte is. */
static void management(struct script *script, struct text content)
{
    if (content.length == 0)
        return;
    FCGI_Header header = {.version = FCGI_VERSION_1,
                          .type = (unsigned char)content.data[0],
                          .contentLengthB1 = (unsigned char)((content.length - 1) >> 8),
                          .contentLengthB0 = (unsigned char)(content.length - 1)};
    buffer_add(&script->wire, (struct text){(const char *)&header, sizeof header});
    buffer_add(&script->wire, (struct text){content.data + 1, content.length - 1});
    script->is_raw = true;
}

static void stop(struct script *script, struct text nothing)
{
    (void)nothing;
    script->is_stopping = true;
}

static const struct {
    char letter;
    void (*add)(struct script *script, struct text rest);
} lines[] = {
    {'B', begin},      {'P', parameter},   {'E', end_parameters}, {'I', input}, {'X', end_input},
    {'S', set_record}, {'Z', set_padding}, {'A', abort_request},  {'Q', stop},  {'F', set_filler},
    {'C', set_piece},  {'R', raw},         {'M', management},
};

static void read_script(struct script *script, struct text text)
{
    while (text.data != NULL) {
        struct text line = text_split(&text, '\n');
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
            if (line.length > 0 && line.data[0] == lines[i].letter)
                lines[i].add(script, (struct text){line.data + 1, line.length - 1});
        }
    }
    script->spoken |= demo_secrets_in((struct text){script->body.data, script->body.length});
}

/* Returns whether there is a line in the log. */
static bool check_answer(const struct script *script, const struct service *service, struct text text)
{
    struct answer answer = answer_require(text);
    if (answer.status == 200 && !answer.is_public && !answer.is_inactive && !answer.is_empty &&
        !script->is_raw)
        demo_require_grant(service, answer.body, script->source, script->spoken);
    const bool is_logged = !answer.is_public;
    answer_clear(&answer);
    return is_logged;
}

/* Returns how many of them are logged. */
static size_t check_answers(const struct script *script, const struct service *service, struct text rest)
{
    size_t count = 0;
    size_t ends = 0;
    struct serve_answer answer = {.id = 0};
    while (serve_take_answer(&rest, &answer)) {
        REQUIRE(answer.id == 1 || script->is_raw);
        if (answer.text.length > 0) {
            count += check_answer(script, service, (struct text){answer.text.data, answer.text.length});
        }
        ends++;
    }
    REQUIRE(rest.length == 0);
    REQUIRE(ends <= script->requests || script->is_raw);
    buffer_free(&answer.text);
    return count;
}

static void play(struct script *script)
{
    struct buffer answers = {0};
    const struct serve_way way = {.piece = script->piece, .is_stopping = script->is_stopping};
    serve((struct text){script->wire.data, script->wire.length}, &way, &answers);
    struct service *service = reload_current(serve_slot());
    const size_t count = check_answers(script, service, (struct text){answers.data, answers.length});
    if (script->is_raw)
        demo_drop_log(service);
    else
        demo_require_log(service, count);
    service_release(service);
    buffer_free(&answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {.record = RECORD_MAX, .piece = RECORD_MAX};
    read_script(&script, fuzz_text(data, size));
    play(&script);
    buffer_free(&script.body);
    buffer_free(&script.parameters);
    buffer_free(&script.wire);
    return 0;
}
