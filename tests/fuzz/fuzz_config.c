/* token.conf: it loads where nothing is reported and only there, every value is in its range, and the kind of
 * line end makes no difference. */
#include "config/config.h"

#include <string.h>

#include "base/buffer.h"
#include "fuzz.h"

static void check_range(long value, long low, long high)
{
    REQUIRE(value >= low && value <= high);
}

static void check_numbers(const struct config *config)
{
    check_range(config->token_lifetime, 0, 315360000);
    check_range(config->threads, 1, 4096);
    check_range(config->verify_concurrency, 1, 256);
    check_range(config->verify_queue, 0, 65536);
    check_range(config->verify_cost_limit, 10, 60000);
    check_range(config->verify_cache_ttl, 0, 86400);
    check_range(config->throttle_failures, 1, 1000000);
    check_range(config->throttle_window, 1, 86400);
    check_range(config->throttle_source_failures, 1, 1000000);
    check_range(config->max_body, 1024, 1048576);
    check_range(config->request_timeout, 1, 3600);
    check_range(config->backlog, 1, 65535);
    check_range(config->clock_skew, 0, 3600);
    check_range(config->check_max_age, 0, 3600);
    check_range(config->keys_max_age, 0, 604800);
    check_range((long)config->log_level, LOG_LEVEL_ERROR, LOG_LEVEL_DEBUG);
}

/* A tab is a blank, and may stand in a value. */
static bool is_printable(struct text text)
{
    while (text.data != NULL) {
        if (text_has_control(text_split(&text, '\t')))
            return false;
    }
    return true;
}

static void check_texts(const struct config *config)
{
    const char *const texts[] = {config->file, config->issuer, config->audience, config->accounts,
                                 config->keys, config->state,  config->log,      config->token_typ};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        REQUIRE(texts[i] != NULL && texts[i][0] != '\0' && is_printable(text_of(texts[i])));
    /* What stands between quotes in an answer's header. */
    REQUIRE(strpbrk(config->issuer, " \"\\<>") == NULL);
    REQUIRE(strchr(config->issuer, ':') != NULL);
    const struct text mount = text_of(config->mount_path);
    REQUIRE(mount.length == 0 || (mount.data[0] == '/' && mount.data[mount.length - 1] != '/'));
}

static struct config *load(struct text content)
{
    struct diagnostics diagnostics = fuzz_report();
    struct config *config = config_load(fuzz_file(content), &diagnostics);
    REQUIRE((config != NULL) == (diagnostics.errors == 0));
    return config;
}

static struct buffer with_carriage_returns(struct text content)
{
    struct buffer out = {0};
    while (content.data != NULL) {
        buffer_add(&out, text_split(&content, '\n'));
        buffer_print(&out, "\r\n");
    }
    return out;
}

static void check_same(const struct config *a, const struct config *b)
{
    REQUIRE((a == NULL) == (b == NULL));
    if (a == NULL)
        return;
    REQUIRE(strcmp(a->issuer, b->issuer) == 0 && strcmp(a->audience, b->audience) == 0);
    REQUIRE(strcmp(a->mount_path, b->mount_path) == 0 && strcmp(a->accounts, b->accounts) == 0);
    REQUIRE(a->threads == b->threads && a->verify_queue == b->verify_queue);
    REQUIRE(a->token_lifetime == b->token_lifetime && a->sandbox == b->sandbox);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct text content = fuzz_text(data, size);
    struct config *config = load(content);
    if (config != NULL) {
        check_numbers(config);
        check_texts(config);
    }
    struct buffer other = with_carriage_returns(content);
    struct config *same = load((struct text){other.data, other.length});
    check_same(config, same);
    config_release(same);
    config_release(config);
    buffer_free(&other);
    return 0;
}
