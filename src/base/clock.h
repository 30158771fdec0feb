/* The time of day, intervals, and dates. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_NEVER INT64_MAX

/* Seconds since 1970-01-01T00:00:00Z. */
int64_t clock_now(void);
int64_t clock_now_ms(void); /* milliseconds */

/* Milliseconds on a clock that never goes back. Its zero is arbitrary. */
double clock_monotonic_ms(void);

/* Returns the time on that clock `ms` milliseconds from now, as a deadline for a timed wait. */
struct timespec clock_monotonic_in(long ms);

/* Like clock_monotonic_ms(), but accurate only to a few milliseconds. It takes a quarter of the time. */
double clock_coarse_ms(void);

/* Milliseconds of CPU time that the calling thread has used. */
double clock_thread_ms(void);

/* Parses "2027-01-31" (midnight UTC) or "2027-01-31T12:00:00Z" (RFC 3339 §5.6 in UTC, whole seconds).
 * Years are 1970 to 9999. Returns false for anything else and for a day that is not in the calendar. */
bool clock_parse_date(const char *text, size_t length, int64_t *seconds);

/* Parses "90d", "12h", "30m", "2w", "600s" or "600", which is seconds; the number is at most 1000000000. */
bool clock_parse_duration(const char *text, size_t length, int64_t *seconds);

/* Parses a date as clock_parse_date(), or "+90d", which counts from `now`. */
bool clock_parse_when(const char *text, size_t length, int64_t now, int64_t *seconds);

#define CLOCK_DATE_SIZE 21
/* Writes "2027-01-31T12:00:00Z". `seconds` must lie within the years 1970 to 9999. */
void clock_format_date(int64_t seconds, char out[CLOCK_DATE_SIZE]);

#endif
