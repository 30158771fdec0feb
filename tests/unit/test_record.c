/* FastCGI framing from tables: what a peer sends, and the events that come of it, however the bytes are cut
 * and padded. */
#include "server/record.h"

#include "fixture.h"

#include <fastcgi.h>

#include "failing_malloc.h"

/* Records are written as words: LETTER ID [=CONTENT].
 *     b B z f o   BEGIN_REQUEST: responder on a kept connection, not kept, authorizer, filter, role 999
 *     p P         PARAMS of NAME:VALUE or, P, the end
 *     i I         STDIN, and its end
 *     a           ABORT_REQUEST
 *     g           GET_VALUES of NAME,NAME…; ID is 0
 *     t           a record of type CONTENT
 *     r           CONTENT as it stands, in hexadecimal; ID is 0
 *     e           no record: the request is answered, and closed
 * Events: R ID {PARAMETERS|BODY} with k for a kept connection, E ID:STATUS, A ID, U TYPE, V{…}, M. */
static const struct {
    const char *records;
    const char *events;
} rows[] = {
    {"b1 p1=A:b P1 i1=body I1", "R1k{A:b;|body}"},
    {"B1 p1=A:b P1 i1=body I1", "R1{A:b;|body}"},
    {"b65535 P65535 I65535", "R65535k{|}"},
    {"b1 p1=A:b p1=C:d P1 i1=bo i1=dy I1", "R1k{A:b;C:d;|body}"},
    /* one after the other, and several at once */
    {"b1 P1 I1 e1 b1 P1 I1", "R1k{|} R1k{|}"},
    {"b1 b2 p2=A:2 p1=A:1 P1 P2 i1=x i2=y I2 I1", "R2k{A:2;|y} R1k{A:1;|x}"},
    {"b1 P1 I1 b2 P2 I2 e1 e2 b1 P1 I1", "R1k{|} R2k{|} R1k{|}"},
    /* of one id, before there is an answer to the first */
    {"b1 P1 i1=x I1 b1 P1 i1=y I1", "R1k{|x} R1k{|y}"},
    {"b1 P1 I1 b1 i1=x", "R1k{|} M"},
    {"b1 P1 I1 b1 a1", "R1k{|} A1"},
    /* whole without an end of STDIN, which may come */
    {"b1 p1=CONTENT_LENGTH:0 P1 I1", "R1k{CONTENT_LENGTH:0;|}"},
    {"b1 p1=CONTENT_LENGTH:0 P1 e1 I1", "R1k{CONTENT_LENGTH:0;|}"},
    {"b1 p1=CONTENT_LENGTH:3 p1=CONTENT_LENGTH:0 P1", ""},
    {"b1 p1=CONTENT_LENGTH:00 P1", ""},
    {"z1 p1=A:b P1", "R1k{A:b;|}"},
    {"z1 p1=CONTENT_LENGTH:5 P1 i1=xxxxx I1", "R1k{CONTENT_LENGTH:5;|}"},
    /* what cannot be a parameter's name for libfcgi is left out */
    {"b1 p1=:x p1=A=B:x p1=C:d P1 I1", "R1k{C:d;|}"},
    {"b1 p1=A: P1 I1", "R1k{A:;|}"},
    /* not begun, or over, or of no use here: skipped */
    {"p1=A:b P1 i1=x I1 a1", ""},
    {"i7=x b1 P1 i7=x I1 i1=x I1 p1=A:b", "R1k{|}"},
    {"b1 t1=8 t1=3 t1=99 P1 t1=9 I1", "R1k{|}"},
    /* roles */
    {"f1 P1 I1", "E1:3"},
    {"o1", "E1:3"},
    {"f1 b1 P1 I1", "E1:3 R1k{|}"},
    /* aborted at any moment */
    {"b1 a1 p1=A:b P1", "A1"},
    {"b1 p1=A:b a1", "A1"},
    {"b1 P1 i1=x a1 b1 P1 I1", "A1 R1k{|}"},
    {"b1 P1 I1 a1", "R1k{|} A1"},
    {"b1 P1 I1 e1 a1", "R1k{|}"},
    {"b1 b2 a1 P2 I2", "A1 R2k{|}"},
    /* management records, also in the middle of a request */
    {"g0=FCGI_MAX_CONNS", "V{FCGI_MAX_CONNS=10000;}"},
    {"g0=FCGI_MPXS_CONNS,FCGI_MAX_REQS,FCGI_MPXS_CONNS,X", "V{FCGI_MAX_REQS=256;FCGI_MPXS_CONNS=1;}"},
    {"g0=A,B,C,D,E,F", "V{}"},
    {"g0=", "V{}"},
    {"b1 g0=FCGI_MPXS_CONNS P1 t0=77 I1", "V{FCGI_MPXS_CONNS=1;} U77 R1k{|}"},
    {"t0=255 t0=4 t0=0", "U255 U4 U0"},
    /* no FastCGI */
    {"r0=00", ""},
    {"r0=474554202f20485454502f312e310d0a0d0a", "M"}, /* GET / HTTP/1.1 */
    {"r0=0201000100080000", "M"},
    {"r0=0101000100070000", "M"},   /* a BEGIN_REQUEST of 7 bytes */
    {"r0=0101000000080000", "M"},   /* of no request */
    {"r0=010900000001000005", "M"}, /* GET_VALUES whose length is cut */
    {"b1 b1", "M"},
    {"b1 i1=x", "M"},
    {"b1 P1 p1=A:b", "M"},
    {"b1 r0=01040001000200000201 P1", "M"},             /* lengths without a name */
    {"b1 r0=0104000100050000fffffffffe P1", "M"},       /* lengths of 2 GiB that would overflow */
    {"b1 r0=01040001000800008000000180000000 P1", "M"}, /* in four bytes each */
};

enum { WIRE_MAX = 1 << 20, CUTS = 4 };

struct wire {
    char data[WIRE_MAX];
    size_t length;
    struct {
        size_t at;
        unsigned id;
    } ends[8]; /* where requests are closed */
    size_t end_count;
};

struct trace {
    char text[4096];
    size_t length;
};

static void put(struct wire *wire, const void *data, size_t length)
{
    assert_true(wire->length + length <= sizeof wire->data);
    memcpy(wire->data + wire->length, data, length);
    wire->length += length;
}

static void put_record(struct wire *wire, unsigned type, unsigned id, const void *content, size_t length,
                       unsigned char padding)
{
    static const char zeros[256];
    const unsigned char header[] = {1,
                                    (unsigned char)type,
                                    (unsigned char)(id >> 8),
                                    (unsigned char)id,
                                    (unsigned char)(length >> 8),
                                    (unsigned char)length,
                                    padding,
                                    0};
    put(wire, header, sizeof header);
    put(wire, content, length);
    put(wire, zeros, padding);
}

static size_t pair(char *out, const char *name, size_t name_length, const char *value)
{
    const size_t value_length = strlen(value);
    out[0] = (char)name_length;
    out[1] = (char)value_length;
    memcpy(out + 2, name, name_length);
    memcpy(out + 2 + name_length, value, value_length); /* NOLINT(bugprone-not-null-terminated-result) */
    return 2 + name_length + value_length;
}

static void put_values(struct wire *wire, const char *names, unsigned char padding)
{
    char content[1024];
    size_t length = 0;
    while (*names != '\0') {
        const size_t part = strcspn(names, ",");
        length += pair(content + length, names, part, "");
        names += part + (names[part] != '\0');
    }
    put_record(wire, FCGI_GET_VALUES, 0, content, length, padding);
}

static void put_raw(struct wire *wire, const char *digits)
{
    for (; *digits != '\0'; digits += 2) {
        const char byte[] = {digits[0], digits[1], '\0'};
        const char value = (char)strtoul(byte, NULL, 16);
        put(wire, &value, 1);
    }
}

static void put_word(struct wire *wire, const char *word, unsigned char padding)
{
    static const char begins[] = "bBzfo";
    char *content;
    char buffer[1024];
    const unsigned id = (unsigned)strtoul(word + 1, &content, 10);
    content += *content == '=';
    const char *begin = strchr(begins, word[0]);
    if (begin != NULL) {
        static const unsigned roles[] = {FCGI_RESPONDER, FCGI_RESPONDER, FCGI_AUTHORIZER, FCGI_FILTER, 999};
        const unsigned role = roles[begin - begins];
        const FCGI_BeginRequestBody body = {
            .roleB1 = (unsigned char)(role >> 8), .roleB0 = (unsigned char)role, .flags = word[0] != 'B'};
        put_record(wire, FCGI_BEGIN_REQUEST, id, &body, sizeof body, padding);
    } else if (word[0] == 'p') {
        const char *colon = strrchr(content, ':');
        put_record(wire, FCGI_PARAMS, id, buffer, pair(buffer, content, (size_t)(colon - content), colon + 1),
                   padding);
    } else if (word[0] == 'g') {
        put_values(wire, content, padding);
    } else if (word[0] == 'r') {
        put_raw(wire, content);
    } else if (word[0] == 't') {
        put_record(wire, (unsigned)strtoul(content, NULL, 10), id, "xyz", 3, padding);
    } else if (word[0] == 'e') {
        wire->ends[wire->end_count].at = wire->length;
        wire->ends[wire->end_count++].id = id;
    } else {
        static const char letters[] = "PiIa";
        static const unsigned types[] = {FCGI_PARAMS, FCGI_STDIN, FCGI_STDIN, FCGI_ABORT_REQUEST};
        put_record(wire, types[strchr(letters, word[0]) - letters], id, content, strlen(content), padding);
    }
}

static void put_words(struct wire *wire, const char *words, unsigned char padding)
{
    char copy[512];
    wire->length = wire->end_count = 0;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        put_word(wire, word, padding);
}

__attribute__((format(printf, 2, 3))) static void tell(struct trace *trace, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    trace->length +=
        (size_t)vsnprintf(trace->text + trace->length, sizeof trace->text - trace->length, format, arguments);
    va_end(arguments);
    assert_true(trace->length < sizeof trace->text);
}

static void tell_pairs(struct trace *trace, const char *data, size_t length, char between)
{
    for (size_t at = 0; at < length;) {
        const int name = (unsigned char)data[at];
        const int value = (unsigned char)data[at + 1];
        tell(trace, "%.*s%c%.*s;", name, data + at + 2, between, value, data + at + 2 + name);
        at += 2 + (size_t)(name + value);
    }
}

static void tell_reply(struct trace *trace, const struct record_message *message)
{
    const unsigned char *reply = (const unsigned char *)message->reply;
    assert_true(message->reply_length >= 8 && message->reply_length <= RECORD_REPLY_MAX);
    assert_int_equal(8 + (reply[4] << 8) + reply[5] + reply[6], message->reply_length);
    if (reply[1] == FCGI_END_REQUEST) {
        tell(trace, "E%u:%u", (unsigned)reply[2] << 8 | reply[3], reply[12]);
    } else if (reply[1] == FCGI_UNKNOWN_TYPE) {
        tell(trace, "U%u", reply[8]);
    } else {
        assert_int_equal(reply[1], FCGI_GET_VALUES_RESULT);
        tell(trace, "V{");
        tell_pairs(trace, message->reply + 8, message->reply_length - 8, '=');
        tell(trace, "}");
    }
}

static void tell_request(struct trace *trace, const struct record_request *request)
{
    tell(trace, "R%u%s{", request->id, request->keeps_connection ? "k" : "");
    tell_pairs(trace, request->data, request->parameters, ':');
    tell(trace, "|%.*s}", (int)(request->length - request->parameters), request->data + request->parameters);
}

static struct record_request *find_request(struct record_reader *reader, unsigned id)
{
    struct record_request *request = reader->requests;
    while (request != NULL && request->id != id)
        request = request->next;
    return request;
}

/* Gives these bytes to the reader. False: it takes no more. */
static bool give(struct record_reader *reader, struct text input, struct trace *trace)
{
    struct record_message message;
    for (;;) {
        const enum record_event event = record_read(reader, &input, &message);
        if (event == RECORD_MORE)
            return true;
        tell(trace, "%s", trace->length > 0 ? " " : "");
        if (event == RECORD_MALFORMED) {
            tell(trace, "M");
            return false;
        }
        if (event == RECORD_REPLY)
            tell_reply(trace, &message);
        else if (event == RECORD_REQUEST)
            tell_request(trace, message.request);
        else if (event == RECORD_ABORT) {
            tell(trace, "A%u", message.request->id);
            record_end(reader, message.request);
        } else {
            fail_msg("event %d", (int)event);
        }
    }
}

/* Cuts the bytes before those positions that `is_cut` says, and where requests are closed. */
static void play(const struct wire *wire, struct trace *trace, bool (*is_cut)(size_t at, size_t number),
                 size_t number)
{
    struct record_reader reader = {.max_body = 1024, .now_ms = 1};
    size_t next_end = 0;
    size_t start = 0;
    bool goes_on = true;
    trace->length = 0;
    trace->text[0] = '\0';
    for (size_t at = 0; at <= wire->length && goes_on; at++) {
        const bool is_end = next_end < wire->end_count && wire->ends[next_end].at == at;
        if (at == wire->length || is_end || is_cut(at, number)) {
            goes_on = give(&reader, (struct text){wire->data + start, at - start}, trace);
            start = at;
        }
        if (is_end && goes_on) {
            struct record_request *request = find_request(&reader, wire->ends[next_end++].id);
            assert_non_null(request);
            record_end(&reader, request);
        }
    }
    record_reader_clear(&reader);
    while (reader.requests != NULL)
        record_end(&reader, reader.requests);
    assert_int_equal(reader.request_count, 0);
}

static bool is_nowhere(size_t at, size_t number)
{
    (void)at;
    (void)number;
    return false;
}

static bool is_here(size_t at, size_t number)
{
    return at == number;
}

static bool is_each(size_t at, size_t number)
{
    return at % number == 0;
}

static void test_each_record_makes_its_event(void **state)
{
    (void)state;
    static struct wire wire;
    static struct trace trace;
    static const unsigned char paddings[] = {0, 1, 7, 255};
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (size_t j = 0; j < ROWS(paddings); j++) {
            put_words(&wire, rows[i].records, paddings[j]);
            play(&wire, &trace, is_nowhere, 0);
            check_row(strcmp(trace.text, rows[i].events) == 0, trace.text, i, rows[i].records);
            for (size_t size = 1; size < 10; size++) {
                play(&wire, &trace, is_each, size);
                check_row(strcmp(trace.text, rows[i].events) == 0, trace.text, i, "in pieces");
            }
            for (size_t at = 1; at < wire.length; at++) {
                play(&wire, &trace, is_here, at);
                check_row(strcmp(trace.text, rows[i].events) == 0, trace.text, i, "cut in two");
            }
        }
    }
}

/* Adds records of this much content in all, and no end. */
static void put_stream(struct wire *wire, unsigned type, size_t length)
{
    static const char zeros[FCGI_MAX_LENGTH];
    while (length > 0) {
        const size_t part = length < sizeof zeros ? length : sizeof zeros;
        put_record(wire, type, 1, zeros, part, 0);
        length -= part;
    }
}

/* One parameter of this much in all, its lengths of 4 bytes each included. */
static void put_large_parameter(struct wire *wire, size_t size)
{
    static char content[RECORD_PARAMETERS_MAX + 16];
    const size_t value = size - 9;
    const unsigned char lengths[] = {
        0x80, 0, 0, 1, 0x80, (unsigned char)(value >> 16), (unsigned char)(value >> 8), (unsigned char)value};
    memcpy(content, lengths, sizeof lengths);
    memset(content + sizeof lengths, 'x', size - sizeof lengths);
    for (size_t at = 0; at < size; at += FCGI_MAX_LENGTH)
        put_record(wire, FCGI_PARAMS, 1, content + at,
                   size - at < FCGI_MAX_LENGTH ? size - at : FCGI_MAX_LENGTH, 0);
}

static enum record_event read_all(struct record_reader *reader, const struct wire *wire,
                                  struct record_message *message)
{
    struct text input = {wire->data, wire->length};
    return record_read(reader, &input, message);
}

/* Up to the limit the request is unchanged. Beyond it, it comes without its parameters. */
static void test_parameters_over_the_limit_are_dropped(void **state)
{
    (void)state;
    static struct wire wire;
    for (size_t over = 0; over < 2; over++) {
        struct record_reader reader = {.max_body = 1024};
        struct record_message message;
        put_words(&wire, "b1", 0);
        put_large_parameter(&wire, RECORD_PARAMETERS_MAX + over);
        put_word(&wire, "P1", 0);
        put_word(&wire, "i1=body", 0);
        put_word(&wire, "I1", 0);
        assert_int_equal(read_all(&reader, &wire, &message), RECORD_REQUEST);
        assert_int_equal(message.request->fault, over == 0 ? RECORD_NO_FAULT : RECORD_PARAMETERS_TOO_LARGE);
        assert_int_equal(message.request->length, over == 0 ? RECORD_PARAMETERS_MAX + 4 : 0);
        record_end(&reader, message.request);
    }
}

static void test_nul_in_a_parameter_is_a_fault(void **state)
{
    (void)state;
    static struct wire wire;
    static const struct {
        const char *records;
        enum record_fault fault;
    } nuls[] = {
        /* A: 0x00, and a name with one */
        {"b1 r0=010400010004000001014100 P1 i1=x I1", RECORD_PARAMETER_HOLDS_NUL},
        {"b1 r0=01040001000500000201410042 P1 i1=x I1", RECORD_NO_FAULT},
    };
    for (size_t i = 0; i < ROWS(nuls); i++) {
        struct record_reader reader = {.max_body = 1024};
        struct record_message message;
        put_words(&wire, nuls[i].records, 0);
        assert_int_equal(read_all(&reader, &wire, &message), RECORD_REQUEST);
        assert_int_equal(message.request->fault, nuls[i].fault);
        assert_int_equal(message.request->parameters, 0);
        record_end(&reader, message.request);
    }
}

/* One byte over max_body is kept. */
static void test_body_over_max_body_is_counted_only(void **state)
{
    (void)state;
    static struct wire wire;
    static const size_t sizes[][2] = {{1000, 1000}, {1001, 1001}, {1002, 1001}, {300000, 1001}};
    for (size_t i = 0; i < ROWS(sizes); i++) {
        struct record_reader reader = {.max_body = 1000};
        struct record_message message;
        put_words(&wire, "b1 P1", 0);
        put_stream(&wire, FCGI_STDIN, sizes[i][0]);
        put_word(&wire, "I1", 0);
        assert_int_equal(read_all(&reader, &wire, &message), RECORD_REQUEST);
        assert_int_equal(message.request->body, sizes[i][0]);
        assert_int_equal(message.request->length, sizes[i][1]);
        assert_false(message.request->is_cut_off);
        assert_true(message.request->capacity <= sizes[i][1] + 1024);
        record_end(&reader, message.request);
    }
}

/* Nothing more may be read on its connection. */
static void test_endless_body_is_cut_off(void **state)
{
    (void)state;
    static struct wire wire;
    struct record_reader reader = {.max_body = 1000};
    struct record_message message;
    enum record_event event = RECORD_MORE;
    size_t given = 0;
    put_words(&wire, "b1 P1", 0);
    assert_int_equal(read_all(&reader, &wire, &message), RECORD_MORE);
    wire.length = 0;
    put_stream(&wire, FCGI_STDIN, 655350);
    while (event == RECORD_MORE) {
        event = read_all(&reader, &wire, &message);
        given += 655350;
        assert_true(given < (size_t)70 * 1024 * 1024);
    }
    assert_int_equal(event, RECORD_REQUEST);
    assert_true(message.request->is_cut_off);
    assert_int_equal(message.request->length, 1001);
    record_end(&reader, message.request);
}

static void test_too_many_requests_are_overload(void **state)
{
    (void)state;
    static struct wire wire;
    struct record_reader reader = {.max_body = 1000};
    struct record_message message;
    char word[16];
    wire.length = 0;
    for (unsigned id = 1; id <= RECORD_REQUESTS_MAX; id++) {
        snprintf(word, sizeof word, "b%u", id);
        put_word(&wire, word, 0);
    }
    assert_int_equal(read_all(&reader, &wire, &message), RECORD_MORE);
    put_words(&wire, "b9999", 0);
    assert_int_equal(read_all(&reader, &wire, &message), RECORD_REPLY);
    assert_int_equal(message.reply[12], FCGI_OVERLOADED);
    record_end(&reader, reader.requests);
    assert_int_equal(read_all(&reader, &wire, &message), RECORD_MORE);
    while (reader.requests != NULL)
        record_end(&reader, reader.requests);
}

/* The time is that of its first byte. */
static void test_oldest_unfinished_record_has_its_time(void **state)
{
    (void)state;
    static struct wire wire;
    struct record_reader reader = {.max_body = 1000};
    struct record_message message;
    static const struct {
        const char *records;
        size_t left; /* bytes of them that do not come */
        double since;
    } steps[] = {{"b1", 15, 1}, {"b1", 0, 0}, {"b2", 0, 3}, {"b3", 0, 3}, {"P3", 7, 3}};
    assert_true(record_unfinished_since(&reader) == 0);
    for (size_t i = 0; i < ROWS(steps); i++) {
        reader.now_ms = (double)i + 1;
        put_words(&wire, steps[i].records, 0);
        if (i == 1) /* what was left of the first */
            memmove(wire.data, wire.data + 1, --wire.length);
        wire.length -= steps[i].left;
        assert_int_equal(read_all(&reader, &wire, &message), RECORD_MORE);
        if (i == 1) {
            assert_true(record_unfinished_since(&reader) == 1);
            record_end(&reader, reader.requests);
        }
        check_row(record_unfinished_since(&reader) == steps[i].since, "since", i, steps[i].records);
    }
    record_end(&reader, reader.requests);
    record_end(&reader, reader.requests);
    assert_true(record_unfinished_since(&reader) == 5);
    record_reader_clear(&reader);
    assert_true(record_unfinished_since(&reader) == 0);
}

/* They have no padding, and an end. */
static void test_written_parameters_are_read_as_the_same(void **state)
{
    (void)state;
    static struct wire wire;
    struct record_reader reader = {.max_body = 200000};
    struct record_reader again = {.max_body = 200000};
    struct record_message message;
    struct buffer out = {0};
    put_words(&wire, "b1", 9);
    put_large_parameter(&wire, 100000);
    put_word(&wire, "P1", 9);
    put_word(&wire, "I1", 9);
    assert_int_equal(read_all(&reader, &wire, &message), RECORD_REQUEST);
    struct record_request *first = message.request;
    record_write_parameters(first, &out);
    assert_int_equal(out.length, 16 + 100000 + 2 * 8 + 8);
    struct text input = {out.data, out.length};
    assert_int_equal(record_read(&again, &input, &message), RECORD_MORE);
    assert_int_equal(again.requests->phase, RECORD_IN_BODY);
    assert_int_equal(again.requests->parameters, first->parameters);
    assert_memory_equal(again.requests->data, first->data, first->parameters);
    record_end(&again, again.requests);
    record_end(&reader, first);
    buffer_free(&out);

    reader = (struct record_reader){.max_body = 1000};
    put_words(&wire, "b1 p1=A:b P1 i1=x I1", 9);
    assert_int_equal(read_all(&reader, &wire, &message), RECORD_REQUEST);
    record_write_parameters(message.request, &out);
    put_words(&wire, "b1 p1=A:b P1", 0);
    assert_int_equal(out.length, wire.length);
    assert_memory_equal(out.data, wire.data, wire.length);
    record_end(&reader, message.request);
    buffer_free(&out);
}

static void test_no_memory_is_an_event(void **state)
{
    (void)state;
    static struct wire wire;
    skip_unless_malloc_fails();
    enum record_event event = RECORD_OUT_OF_MEMORY;
    put_words(&wire, "g0=A b1 p1=A:b P1 i1=body I1", 3);
    for (long allowed = 0; event == RECORD_OUT_OF_MEMORY; allowed++) {
        struct record_reader reader = {.max_body = 1000};
        struct record_message message;
        struct text input = {wire.data, wire.length};
        allocations_left = allowed;
        do
            event = record_read(&reader, &input, &message);
        while (event == RECORD_REPLY);
        allocations_left = -1;
        record_reader_clear(&reader);
        while (reader.requests != NULL)
            record_end(&reader, reader.requests);
        assert_true(allowed < 10);
    }
    assert_int_equal(event, RECORD_REQUEST);
}

/* Whether it belongs to a request or is a management record. */
static void test_half_a_record_counts_as_memory(void **state)
{
    (void)state;
    static const char content[60000];
    static struct wire wire;
    static struct trace trace;
    static const struct {
        const char *before;
        unsigned type;
        unsigned id;
    } halves[] = {{"b1", FCGI_PARAMS, 1}, {"b1 P1", FCGI_STDIN, 1}, {"", FCGI_GET_VALUES, 0}};
    for (size_t i = 0; i < ROWS(halves); i++) {
        struct record_reader reader = {.max_body = sizeof content};
        trace.length = 0;
        assert_int_equal(record_reader_size(&reader), 0);
        put_words(&wire, halves[i].before, 0);
        put_record(&wire, halves[i].type, halves[i].id, content, sizeof content, 0);
        assert_true(give(&reader, (struct text){wire.data, wire.length - 1}, &trace));
        assert_in_range(record_reader_size(&reader), sizeof content - 1, sizeof content + 2048);
        record_reader_clear(&reader);
        while (reader.requests != NULL)
            record_end(&reader, reader.requests);
        assert_int_equal(record_reader_size(&reader), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_record_makes_its_event),
        cmocka_unit_test(test_parameters_over_the_limit_are_dropped),
        cmocka_unit_test(test_nul_in_a_parameter_is_a_fault),
        cmocka_unit_test(test_body_over_max_body_is_counted_only),
        cmocka_unit_test(test_endless_body_is_cut_off),
        cmocka_unit_test(test_too_many_requests_are_overload),
        cmocka_unit_test(test_oldest_unfinished_record_has_its_time),
        cmocka_unit_test(test_half_a_record_counts_as_memory),
        cmocka_unit_test(test_written_parameters_are_read_as_the_same),
        cmocka_unit_test(test_no_memory_is_an_event),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
