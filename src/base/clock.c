#include "base/clock.h"

#include <string.h>

#include "base/text.h"

enum { SECONDS_PER_DAY = 86400, DAYS_1970 = 719468, DAYS_400_YEARS = 146097, LONGEST_NUMBER = 1000000000 };
#define LAST_SECOND INT64_C(253402300799) /* of the year 9999 */

int64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

int64_t clock_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static double milliseconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

double clock_monotonic_ms(void)
{
    return milliseconds(CLOCK_MONOTONIC);
}

struct timespec clock_monotonic_in(long ms)
{
    struct timespec then;
    clock_gettime(CLOCK_MONOTONIC, &then);
    then.tv_sec += ms / 1000;
    then.tv_nsec += ms % 1000 * 1000000;
    then.tv_sec += then.tv_nsec / 1000000000;
    then.tv_nsec %= 1000000000;
    return then;
}

double clock_coarse_ms(void)
{
    return milliseconds(CLOCK_MONOTONIC_COARSE);
}

double clock_thread_ms(void)
{
    return milliseconds(CLOCK_THREAD_CPUTIME_ID);
}

/* timegm() and gmtime_r() take the lock of the time zone, and every log line has a date. So days and dates
 * are computed here. The year is taken to begin in March, so that the leap day is its last day. */
static int64_t days_of(long year, long month, long day)
{
    const long march_year = month > 2 ? year : year - 1;
    const long march_month = month > 2 ? month - 3 : month + 9;
    const long day_of_year = (153 * march_month + 2) / 5 + day - 1;
    return march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 + day_of_year - DAYS_1970;
}

static void civil_date(int64_t days, int *year, int *month, int *day)
{
    const int64_t since_0000 = days + DAYS_1970;
    const int64_t era = since_0000 / DAYS_400_YEARS;
    const int64_t day_of_era = since_0000 % DAYS_400_YEARS;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (DAYS_400_YEARS - 1)) / 365;
    const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t march_month = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
    *month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    *year = (int)(era * 400 + year_of_era + (*month <= 2));
}

/* The positions of the digits, in both forms. The characters between them must equal those of `shape`. */
static const char shape[] = "0000-00-00T00:00:00Z";

static const struct field {
    size_t at;
    size_t length;
    long low;
    long high;
} fields[] = {
    {0, 4, 1970, 9999}, {5, 2, 1, 12}, {8, 2, 1, 31}, {11, 2, 0, 23}, {14, 2, 0, 59}, {17, 2, 0, 59},
};

enum { YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, FIELDS, DATE_LENGTH = 10 };

static bool has_shape(const char *text, size_t length)
{
    if (length != DATE_LENGTH && length != sizeof shape - 1)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (shape[i] != '0' && text[i] != shape[i])
            return false;
    }
    return true;
}

bool clock_parse_date(const char *text, size_t length, int64_t *seconds)
{
    if (!has_shape(text, length))
        return false;
    long values[FIELDS] = {0};
    for (size_t i = 0; i < FIELDS && fields[i].at < length; i++) {
        const struct text digits = {text + fields[i].at, fields[i].length};
        if (!text_parse_number(digits, fields[i].low, fields[i].high, &values[i]))
            return false;
    }

    const int64_t days = days_of(values[YEAR], values[MONTH], values[DAY]);
    int year;
    int month;
    int day;
    civil_date(days, &year, &month, &day);
    if (month != values[MONTH])
        return false; /* the month has no such day */
    *seconds = days * SECONDS_PER_DAY + values[HOUR] * 3600 + values[MINUTE] * 60 + values[SECOND];
    return true;
}

static const struct unit {
    char letter;
    int64_t seconds;
} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', SECONDS_PER_DAY}, {'w', (int64_t)7 * SECONDS_PER_DAY}};

bool clock_parse_duration(const char *text, size_t length, int64_t *seconds)
{
    int64_t unit = 1;
    long number = 0;
    for (size_t i = 0; length > 0 && i < sizeof units / sizeof *units; i++) {
        if (text[length - 1] == units[i].letter) {
            unit = units[i].seconds;
            length--;
            break;
        }
    }
    if (!text_parse_number((struct text){text, length}, 0, LONGEST_NUMBER, &number))
        return false;
    *seconds = number * unit;
    return true;
}

bool clock_parse_when(const char *text, size_t length, int64_t now, int64_t *seconds)
{
    int64_t duration;
    if (length == 0 || text[0] != '+')
        return clock_parse_date(text, length, seconds);
    if (!clock_parse_duration(text + 1, length - 1, &duration) || duration > LAST_SECOND - now)
        return false;
    *seconds = now + duration;
    return true;
}

static void format_digits(char *out, size_t at, size_t length, int64_t value)
{
    for (size_t i = length; i > 0; i--, value /= 10)
        out[at + i - 1] = (char)('0' + value % 10);
}

void clock_format_date(int64_t seconds, char out[CLOCK_DATE_SIZE])
{
    const int64_t of_day = seconds % SECONDS_PER_DAY;
    int year;
    int month;
    int day;
    civil_date(seconds / SECONDS_PER_DAY, &year, &month, &day);
    const int64_t values[FIELDS] = {year, month, day, of_day / 3600, of_day / 60 % 60, of_day % 60};
    memcpy(out, shape, sizeof shape);
    for (size_t i = 0; i < FIELDS; i++)
        format_digits(out, fields[i].at, fields[i].length, values[i]);
}
