/* One count of failures. Times are milliseconds of the wall clock: processes share it and it survives
 * restarts, but it may jump. */
#ifndef THROTTLE_THROTTLE_RECORD_H
#define THROTTLE_THROTTLE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

/* How the client sent its credentials: with HTTP Basic or in the body (RFC 6749 §2.3.1). */
enum throttle_auth_method { THROTTLE_AUTH_NONE, THROTTLE_CLIENT_SECRET_BASIC, THROTTLE_CLIENT_SECRET_POST };

/* Keyed digests that distinguish wrong secrets: one of each decoding of the secret, or the same
 * twice if there is one decoding. */
struct throttle_secret {
    uint64_t digests[2];
};

/* A count, in the format in which the file on disk has it. All zero: nothing is counted. */
struct throttle_record {
    int64_t since_ms;     /* time of the first failure, or of the one that reached the limit */
    uint32_t failures;    /* whole failures within the window, and the attempts in flight */
    uint32_t members;     /* number of counts below this one, which keep it from being removed */
    uint16_t auth_method; /* enum throttle_auth_method of the last failure counted */
    uint16_t in_flight;   /* of `failures`: attempts whose verification has not ended, here or on another
                             machine; a process that is killed leaves its own, which then count as
                             failures until the window is over */
    uint32_t tenths;      /* of a failure, in addition */
    struct throttle_secret failed; /* the secret counted last */
};

/* How much to add to a count. */
enum throttle_amount { THROTTLE_TENTH, THROTTLE_FAILURE };

enum { THROTTLE_TENTHS = 10 }; /* per failure */

struct throttle_window {
    int64_t now_ms;
    int64_t length_ms;
};

/* Clears the failures if their window is over. If the clock was set back, a time in the future becomes now.
 */
void throttle_record_age(struct throttle_record *record, const struct throttle_window *window);

/* Whether an aged record has reached `limit`, so that attempts are refused. */
enum throttle_fullness {
    THROTTLE_NOT_FULL,
    THROTTLE_FULL_IN_FLIGHT, /* only together with attempts in flight, which end soon */
    THROTTLE_FULL,
};
enum throttle_fullness throttle_record_fullness(const struct throttle_record *record, long limit);

/* Returns the seconds until attempts are admitted again. The record must be full. */
long throttle_record_wait(const struct throttle_record *record, const struct throttle_window *window);

/* Adds a failure or a tenth of one. */
void throttle_record_add(struct throttle_record *record, enum throttle_amount amount, long limit,
                         const struct throttle_window *window);

/* Adds an attempt in flight, which counts as a failure. */
void throttle_record_begin(struct throttle_record *record, long limit, const struct throttle_window *window);

/* Ends an attempt in flight: it has failed, or counts nothing. Does nothing if the record holds none, because
 * its window is over. */
void throttle_record_end(struct throttle_record *record, bool has_failed, long limit,
                         const struct throttle_window *window);

/* Returns failures and tenths together, in tenths. */
uint64_t throttle_record_tenths(const struct throttle_record *record);

/* Returns them without the attempts in flight. */
uint64_t throttle_record_settled(const struct throttle_record *record);

/* Clears all but `members` and the attempts in flight. */
void throttle_record_forgive(struct throttle_record *record);

/* Takes back as many tenths, but not the attempts in flight. */
void throttle_record_take_back(struct throttle_record *record, uint64_t tenths);

/* Clears all but `members`. */
void throttle_record_clear(struct throttle_record *record);

/* Returns whether there is any failure, or a tenth of one. */
bool throttle_record_has_failures(const struct throttle_record *record);

/* Returns whether the record holds nothing and may be removed. */
bool throttle_record_is_empty(const struct throttle_record *record);

/* Returns whether the record has fewer failures than `other`, or is older with as many. The least one is
 * evicted first. */
bool throttle_record_is_lesser(const struct throttle_record *record, const struct throttle_record *other);

#endif
