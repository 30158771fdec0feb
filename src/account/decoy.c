#include "account/decoy.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };

/* "$6$" is a setting and a prefix of another one, "$6$rounds=1000$". No salt contains a '='. */
static bool is_followed_by_rounds(struct text hash, size_t setting)
{
    const struct text rest = {hash.data + setting, hash.length - setting};
    return text_begins_with(rest, text_of("rounds="));
}

static size_t find_setting(const struct decoy_settings *settings, struct text hash)
{
    for (size_t i = 0; i < DECOY_SETTINGS; i++) {
        const size_t length = settings->of[i].length;
        if (length > 0 && text_begins_with(hash, (struct text){settings->of[i].text, length}) &&
            !is_followed_by_rounds(hash, length))
            return i;
    }
    return DECOY_SETTINGS;
}

bool decoy_settings_hold(const struct decoy_settings *settings, struct text hash, uint64_t number)
{
    const size_t index = find_setting(settings, hash);
    return index < DECOY_SETTINGS && number >= settings->of[index].limit;
}

void decoy_settings_note(struct decoy_settings *settings, struct text setting, uint64_t limit)
{
    /* The setting of DES is empty, and so a prefix of every hash. */
    if (setting.length == 0 || setting.length > DECOY_SETTING_SIZE)
        return;
    size_t index = find_setting(settings, setting);
    if (index == DECOY_SETTINGS)
        index = settings->next++ % DECOY_SETTINGS;
    memcpy(settings->of[index].text, setting.data, setting.length);
    settings->of[index].length = setting.length;
    settings->of[index].limit = limit;
}

/* The finalizer of SplitMix64: each bit of the result depends on all bits of `word`. */
static uint64_t mix(uint64_t word)
{
    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

static uint64_t bits_of(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

bool decoy_class_of(const struct account *account, struct password_cost *cost, uint64_t *class)
{
    if (!password_cost_read(account->method, account->hash, cost))
        return false;
    *class =
        mix(mix(text_hash(text_of(account->method->name)) ^ bits_of(cost->work)) ^ bits_of(cost->memory));
    return true;
}

uint64_t decoy_score(uint64_t class, uint64_t choice)
{
    return mix(class ^ choice);
}

/* Returns the slot of the class, or the empty slot in which to insert it. */
static struct decoy *find_decoy(const struct decoys *decoys, uint64_t class)
{
    size_t slot = (size_t) class & (decoys->capacity - 1);
    while (decoys->of[slot].count != 0 && decoys->of[slot].class != class)
        slot = (slot + 1) & (decoys->capacity - 1);
    return &decoys->of[slot];
}

/* Keeps at least half of the slots empty. False: out of memory. */
static bool decoys_reserve(struct decoys *decoys)
{
    if (decoys->count < decoys->capacity / 2)
        return true;
    struct decoys larger = {.capacity = decoys->capacity > 0 ? 2 * decoys->capacity : FIRST_CAPACITY};
    larger.of = calloc(larger.capacity, sizeof *larger.of);
    if (larger.of == NULL)
        return false;
    for (size_t i = 0; i < decoys->capacity; i++) {
        if (decoys->of[i].count != 0)
            *find_decoy(&larger, decoys->of[i].class) = decoys->of[i];
    }
    free(decoys->of);
    decoys->of = larger.of;
    decoys->capacity = larger.capacity;
    return true;
}

static struct decoy_line *find_highest(const struct decoy *decoy)
{
    struct decoy_line *highest = &decoy->lines[0];
    for (size_t i = 1; i < decoy->count; i++) {
        if (decoy->lines[i].hash > highest->hash)
            highest = &decoy->lines[i];
    }
    return highest;
}

/* Doubles the array when the count is a power of two. False: out of memory. */
static bool add_line(struct decoy *decoy, struct decoy_line line)
{
    if ((decoy->count & (decoy->count - 1)) == 0) {
        const size_t capacity = decoy->count > 0 ? 2 * decoy->count : 1;
        struct decoy_line *lines = calloc(capacity, sizeof *lines);
        if (lines == NULL)
            return false;
        if (decoy->count > 0)
            memcpy(lines, decoy->lines, decoy->count * sizeof *lines);
        free(decoy->lines);
        decoy->lines = lines;
    }
    decoy->lines[decoy->count++] = line;
    return true;
}

static bool decoy_add_sample(struct decoy *decoy, struct decoy_line line)
{
    if (decoy->count < DECOY_LINES)
        return add_line(decoy, line);
    struct decoy_line *highest = find_highest(decoy);
    if (line.hash < highest->hash)
        *highest = line;
    return true;
}

bool decoys_add(struct decoys *decoys, const struct account *account, uint64_t hash, size_t offset)
{
    struct password_cost cost;
    uint64_t class;
    if (decoy_settings_hold(&decoys->seen, account->hash, hash) || !decoy_class_of(account, &cost, &class))
        return true;
    if (!decoys_reserve(decoys))
        return false;
    struct decoy *slot = find_decoy(decoys, class);
    const bool is_new = slot->count == 0;
    if (!decoy_add_sample(slot, (struct decoy_line){hash, offset}))
        return false;
    slot->class = class;
    decoys->count += is_new;
    decoy_settings_note(&decoys->seen, cost.setting,
                        slot->count == DECOY_LINES ? find_highest(slot)->hash : UINT64_MAX);
    return true;
}

/* Removes the empty slots, because a selection visits all slots. */
void decoys_complete(struct decoys *decoys)
{
    size_t kept = 0;
    for (size_t i = 0; i < decoys->capacity; i++) {
        if (decoys->of[i].count != 0)
            decoys->of[kept++] = decoys->of[i];
    }
    decoys->capacity = kept;
}

static const struct decoy *choose_class(const struct decoys *decoys, uint64_t choice)
{
    const struct decoy *best = NULL;
    uint64_t best_score = 0;
    for (size_t i = 0; i < decoys->count; i++) {
        const uint64_t score = decoy_score(decoys->of[i].class, choice);
        if (best == NULL || score > best_score) {
            best = &decoys->of[i];
            best_score = score;
        }
    }
    return best;
}

bool decoys_choose(const struct decoys *decoys, uint64_t choice, size_t *offset)
{
    const struct decoy *decoy = choose_class(decoys, choice);
    uint64_t best_score = 0;
    if (decoy == NULL)
        return false;
    for (size_t i = 0; i < decoy->count; i++) {
        const uint64_t score = decoy_score(decoy->lines[i].hash, choice);
        if (i == 0 || score > best_score) {
            *offset = decoy->lines[i].offset;
            best_score = score;
        }
    }
    return true;
}

void decoys_free(struct decoys *decoys)
{
    for (size_t i = 0; i < decoys->capacity; i++)
        free(decoys->of[i].lines);
    free(decoys->of);
    *decoys = (struct decoys){0};
}
