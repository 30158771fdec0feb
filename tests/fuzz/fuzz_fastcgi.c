/* The gateway on one end of a pair of sockets, and on the other what a web server sends: each line of the
 * input is a letter for a record, and what goes into it. libfcgi trusts its peer, so the frame of a record is
 * always whole, and records come in their order; what is in them, how they are cut, and where the connection
 * ends is the input's. */
#include "gateway/fastcgi.h"

#include <fastcgi.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "base/buffer.h"
#include "demo.h"
#include "fuzz.h"

enum { ANSWERS_SIZE = 1 << 20, RECORD_MAX = 65535, FILLER_MAX = 20000 };

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
    unsigned char padding;
    unsigned spoken;    /* secrets */
    struct text source; /* one that is let in where only some are, if any request has it */
    bool is_stopping;
    enum fastcgi_end end; /* of the last request */
    sem_t answered;
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

static bool is_stopping(void *context)
{
    const struct script *script = context;
    return script->is_stopping;
}

static void ended(void *context, enum fastcgi_end end)
{
    struct script *script = context;
    script->end = end;
    sem_post(&script->answered);
}

static struct service_slot *the_slot(void)
{
    static struct service_slot *slot;
    if (slot == NULL) {
        REQUIRE(fastcgi_prepare());
        slot = service_slot_new(demo_service());
        REQUIRE(slot != NULL);
    }
    return slot;
}

/* Serves the connection to its end, and reads what was written to it meanwhile, so that nothing waits. */
static void serve(struct script *script, const int ends[2], struct buffer *answers)
{
    static char piece[ANSWERS_SIZE];
    const struct fastcgi_connection connection = {.descriptor = ends[0],
                                                  .slot = the_slot(),
                                                  .is_stopping = is_stopping,
                                                  .ended = ended,
                                                  .context = script};
    struct fastcgi *fastcgi = fastcgi_new(&connection);
    size_t calls = 0;
    REQUIRE(fastcgi != NULL);
    do {
        fastcgi_serve(fastcgi);
        while (sem_wait(&script->answered) != 0) /* interrupted by a signal */
            ;
        calls++;
        const ssize_t got = recv(ends[1], piece, sizeof piece, MSG_DONTWAIT);
        if (got > 0)
            buffer_add(answers, (struct text){piece, (size_t)got});
        REQUIRE(calls <= script->requests + 1);
    } while (script->end == FASTCGI_KEPT);
    fastcgi_free(fastcgi);
    if (script->end == FASTCGI_DONE)
        close(ends[0]);
    REQUIRE(fcntl(ends[0], F_GETFD) < 0);
}

static void check_answer(const struct script *script, const struct service *service, struct text text)
{
    struct answer answer = answer_require(text);
    if (answer.status == 200)
        demo_require_grant(service, answer.body, script->source, script->spoken);
    answer_clear(&answer);
}

/* Takes the records of one answer, of which the end may be missing only where the connection ended. */
static bool take_answer(struct text *rest, struct buffer *answer)
{
    while (rest->length >= sizeof(FCGI_Header)) {
        FCGI_Header header;
        memcpy(&header, rest->data, sizeof header);
        const size_t length = (size_t)header.contentLengthB1 << 8 | header.contentLengthB0;
        const size_t whole = sizeof header + length + header.paddingLength;
        REQUIRE(header.version == FCGI_VERSION_1 && header.requestIdB1 == 0 && header.requestIdB0 == 1);
        REQUIRE(whole <= rest->length);
        const struct text content = {rest->data + sizeof header, length};
        rest->data += whole;
        rest->length -= whole;
        if (header.type == FCGI_END_REQUEST)
            return true;
        REQUIRE(header.type == FCGI_STDOUT || (header.type == FCGI_STDERR && length == 0));
        buffer_add(answer, content);
    }
    return false;
}

/* Returns how many there are. libfcgi itself ends a request that is aborted before it is complete, without
 * any. */
static size_t check_answers(const struct script *script, const struct service *service, struct text rest)
{
    size_t count = 0;
    size_t ends = 0;
    struct buffer answer = {0};
    while (take_answer(&rest, &answer)) {
        if (answer.length > 0) {
            check_answer(script, service, (struct text){answer.data, answer.length});
            count++;
        }
        answer.length = 0;
        ends++;
    }
    REQUIRE(rest.length == 0);
    REQUIRE(ends <= script->requests);
    buffer_free(&answer);
    return count;
}

static void play(struct script *script)
{
    int ends[2];
    struct buffer answers = {0};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    send(ends[1], script->wire.data, script->wire.length, MSG_DONTWAIT);
    shutdown(ends[1], SHUT_WR);
    serve(script, ends, &answers);
    close(ends[1]);

    struct service *service = service_slot_hold(the_slot());
    const struct text records = {answers.data, answers.length};
    demo_require_log(service, check_answers(script, service, records));
    service_release(service);
    buffer_free(&answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {.record = RECORD_MAX};
    sem_init(&script.answered, 0, 0);
    read_script(&script, fuzz_text(data, size));
    play(&script);
    buffer_free(&script.body);
    buffer_free(&script.parameters);
    buffer_free(&script.wire);
    return 0;
}
