/* Dates: the C library has the same calendar, and what is read is written again. */
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuzz.h"

static void check_date(struct text text, int64_t seconds)
{
    char written[CLOCK_DATE_SIZE];
    char expected[64];
    struct tm date;
    int64_t again;
    const time_t time = (time_t)seconds;

    REQUIRE(text.length == strlen("2027-01-31") || text.length == strlen("2027-01-31T12:00:00Z"));
    REQUIRE(gmtime_r(&time, &date) != NULL);
    snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02dZ", date.tm_year + 1900,
             date.tm_mon + 1, date.tm_mday, date.tm_hour, date.tm_min, date.tm_sec);
    REQUIRE(memcmp(text.data, expected, text.length) == 0);
    clock_format_date(seconds, written);
    REQUIRE(strcmp(written, expected) == 0);
    REQUIRE(clock_parse_date(written, strlen(written), &again) && again == seconds);
}

/* Any second of the years that are known. */
static void check_second(const uint8_t *data, size_t size)
{
    const int64_t seconds_of_9999 = 253402300800;
    uint64_t number = 0;
    char written[CLOCK_DATE_SIZE];
    memcpy(&number, data, size < sizeof number ? size : sizeof number);
    const int64_t seconds = (int64_t)(number % (uint64_t)seconds_of_9999);
    clock_format_date(seconds, written);
    check_date(text_of(written), seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct text text = fuzz_text(data, size);
    char *copy = fuzz_copy(text);
    int64_t seconds = -1;
    if (clock_parse_date(copy, size, &seconds)) {
        REQUIRE(seconds >= 0);
        check_date(text, seconds);
    }
    free(copy);
    if (size > 0)
        check_second(data, size);
    return 0;
}
