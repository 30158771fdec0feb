/* Any bytes, as a peer of the server's socket may send them: whatever way they are cut in, the answers are
 * the same. The first two bytes of the input say how they are cut. */
#include <string.h>

#include "answer.h"
#include "demo.h"
#include "fuzz.h"
#include "serve.h"

/* Of an answer what does not change from one time to the next. */
static void summarise(struct text rest, struct buffer *out)
{
    struct serve_answer answer = {.id = 0};
    while (serve_take_answer(&rest, &answer)) {
        unsigned status = 0;
        if (answer.text.length > 0) {
            struct answer parsed = answer_require((struct text){answer.text.data, answer.text.length});
            status = parsed.status;
            answer_clear(&parsed);
        }
        buffer_print(out, "%u %u %u %zu\n", answer.id, (unsigned)answer.status, status, answer.text.length);
    }
    REQUIRE(rest.length == 0);
    buffer_free(&answer.text);
}

static void play(struct text wire, const struct serve_way *way, struct buffer *summary)
{
    struct buffer answers = {0};
    serve(wire, way, &answers);
    summarise((struct text){answers.data, answers.length}, summary);
    struct service *service = reload_current(serve_slot());
    demo_drop_log(service);
    service_release(service);
    buffer_free(&answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct buffer whole = {0};
    struct buffer cut = {0};
    const struct text wire = fuzz_text(data + 2, size - 2);
    const struct serve_way at_once = {.piece = SIZE_MAX, .is_held = true};
    const struct serve_way in_pieces = {.first = data[0], .piece = 1 + (size_t)data[1], .is_held = true};
    play(wire, &at_once, &whole);
    play(wire, &in_pieces, &cut);
    REQUIRE(whole.length == cut.length);
    REQUIRE(whole.length == 0 || memcmp(whole.data, cut.data, cut.length) == 0);
    buffer_free(&whole);
    buffer_free(&cut);
    return 0;
}
