/* Guesses at secrets, counted by the client_id and the source that they come from, and by the source alone,
 * in the state that all processes share: too many wrong ones, and there is none for a while. A guess counts
 * from the moment its verification starts: in its own process at once, and among all when it ends, where one
 * that finds the limit reached by others is refused, be it right or wrong. So the right ones, unless
 * something has failed before, write nothing. */
#ifndef STATE_THROTTLE_H
#define STATE_THROTTLE_H

#include "base/config.h"
#include "state/state.h"
#include "state/throttle_room.h"
#include "state/throttle_running.h"

struct throttle_limits {
    long failures;        /* of one source on one client_id */
    long source_failures; /* of one source */
    int64_t window_ms;
    struct throttle_room room;
};

struct throttle_limits throttle_limits_of(const struct config *config);

/* One attempt to authenticate. All of it is set before throttle_look(), the rest begins as zero. */
struct throttle_guess {
    struct state *state;
    struct log *log; /* for faults of the state */
    struct throttle_limits limits;
    struct throttle_key pair; /* of THROTTLE_PAIR */
    enum throttle_way way;
    struct throttle_secret secret; /* to be set before throttle_begin() and throttle_end() */

    long wait;               /* of a refusal: seconds */
    bool has_failures;       /* the pair has some */
    bool is_begun;           /* throttle_begin() has admitted it */
    bool is_other_half;      /* of a failure that was counted when it came the other way */
    struct throttle_run run; /* while its verification is under way; until throttle_end() the guess stays
                                where it is */
};

enum throttle_verdict {
    THROTTLE_ADMITTED,
    THROTTLE_PAIR_REFUSED,
    THROTTLE_SOURCE_REFUSED,
    THROTTLE_NO_MEMORY,
};

enum throttle_outcome { THROTTLE_MATCH, THROTTLE_MISMATCH, THROTTLE_NOT_VERIFIED };

/* `now_ms` is of clock_now_ms(). All of these may be called by any thread, each on a guess of its own. */

/* Before anything else: whether the pair is refused. It only reads, unless the clock was set back. */
enum throttle_verdict throttle_look(struct throttle_guess *guess, int64_t now_ms);

/* Before something is verified; whoever finds the credential proven never calls it. The same credential that
 * is being verified already is admitted and counted when it has failed. May be called again; whoever has
 * called it calls throttle_end(). */
enum throttle_verdict throttle_begin(struct throttle_guess *guess, int64_t now_ms);

/* Once, in the end, also where nothing was verified because the result was remembered. What finds the limit
 * reached by others is refused, and then does not count; but a match that was remembered is not.
 * THROTTLE_NO_MEMORY: nothing was counted. */
enum throttle_verdict throttle_end(struct throttle_guess *guess, enum throttle_outcome outcome,
                                   int64_t now_ms);

#endif
