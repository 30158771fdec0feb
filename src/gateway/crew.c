#include "gateway/crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* The governor looks every TICK while it happens that no thread waits, up to four times less often while
 * there are enough for all that, as each look interrupts a thread that works, and a hundred times less often
 * when it has not happened for so many looks. */
enum { TICK_NS = 1000000, LONG_TICK_NS = 4 * TICK_NS, CALM_LOOKS = 16, CALM_TICK_MS = 100 };
/* So many may be awake at least, and wait when the governor goes to sleep: the first of them to have an event
 * need not wake it. */
enum { LEAST = 2 };
static const double held_up_ms = 1.0;

struct crew {
    struct crew_calls calls;
    long cpus;
    atomic_long room;         /* threads that may be awake */
    atomic_long engaged;      /* threads that are */
    atomic_long waiting;      /* of those, the ones that wait for an event */
    atomic_bool has_waited;   /* one of them, since the last look */
    atomic_bool is_one_alone; /* or was, since the governor slept last */
    atomic_bool asleep;       /* the governor, until no thread waits or a CALM_TICK_MS is over */
    pthread_t governor;
    pthread_mutex_t mutex;   /* guards all below, and the changes of `engaged` */
    pthread_cond_t work;     /* for the governor */
    struct crew_place *last; /* that was parked and has not been called */
    long parked;
    bool ended;
};

/* Under the mutex. The one that was parked last has its stack and its free memory still in the caches, and
 * those below it touch none. */
static void call_last(struct crew *crew)
{
    struct crew_place *place = crew->last;
    crew->last = place->before;
    place->is_called = true;
    pthread_cond_signal(&place->called);
}

/* Under the mutex. */
static void hire(struct crew *crew)
{
    if (crew->ended || atomic_load(&crew->engaged) >= atomic_load(&crew->room))
        return;
    if (crew->last != NULL) {
        call_last(crew);
        atomic_fetch_add(&crew->engaged, 1);
    } else if (crew->calls.start(crew->calls.context)) {
        atomic_fetch_add(&crew->engaged, 1);
    }
}

/* Under the mutex. */
static void park(struct crew *crew, struct crew_place *place)
{
    atomic_fetch_sub(&crew->engaged, 1);
    place->called = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    place->is_called = false;
    place->before = crew->last;
    crew->last = place;
    crew->parked++;
    while (!place->is_called)
        pthread_cond_wait(&place->called, &crew->mutex);
    crew->parked--;
    pthread_cond_destroy(&place->called);
}

static bool are_too_many(struct crew *crew)
{
    return atomic_load(&crew->engaged) > atomic_load(&crew->room);
}

/* While the governor sleeps, any number may wait: where threads work alone it stays awake for a while. */
static bool is_another_waiting(struct crew *crew)
{
    return atomic_load(&crew->waiting) > 0 && !atomic_load(&crew->asleep);
}

/* If it still is so. */
static void park_if(struct crew *crew, struct crew_place *place, bool (*is_so)(struct crew *crew))
{
    pthread_mutex_lock(&crew->mutex);
    if (is_so(crew) && !crew->ended)
        park(crew, place);
    pthread_mutex_unlock(&crew->mutex);
}

static void wake_governor(struct crew *crew)
{
    pthread_mutex_lock(&crew->mutex);
    pthread_cond_signal(&crew->work);
    pthread_mutex_unlock(&crew->mutex);
}

static bool wait_for_event(struct crew *crew, void *event)
{
    atomic_fetch_add(&crew->waiting, 1);
    atomic_store(&crew->has_waited, true);
    const bool taken = crew->calls.take(crew->calls.context, event, true);
    if (atomic_fetch_sub(&crew->waiting, 1) == 1 && atomic_load(&crew->asleep))
        wake_governor(crew);
    return taken;
}

/* Who is about to wait has looked before: whoever is counted as waiting has, but for a moment, nothing to do.
 */
bool crew_take(struct crew *crew, struct crew_place *place, void *event)
{
    bool may_be_parked = place->is_alone;
    place->is_alone = false;
    if (are_too_many(crew))
        park_if(crew, place, are_too_many);
    while (!crew->calls.take(crew->calls.context, event, false)) {
        if (!may_be_parked || !is_another_waiting(crew))
            return wait_for_event(crew, event);
        park_if(crew, place, is_another_waiting);
        may_be_parked = false;
    }
    return true;
}

void crew_work_alone(struct crew *crew, struct crew_place *place)
{
    place->is_alone = true;
    atomic_store(&crew->is_one_alone, true);
}

void crew_call_another(struct crew *crew)
{
    if (atomic_load(&crew->waiting) > 0 || atomic_load(&crew->engaged) >= atomic_load(&crew->room))
        return;
    pthread_mutex_lock(&crew->mutex);
    hire(crew);
    pthread_mutex_unlock(&crew->mutex);
}

/* --- The governor --- */

/* Under the mutex, which it gives back meanwhile. */
static void sleep_for(struct crew *crew, long ns)
{
    pthread_mutex_unlock(&crew->mutex);
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
    pthread_mutex_lock(&crew->mutex);
}

static int wait_for_a_calm_tick(struct crew *crew)
{
    const struct timespec until = clock_monotonic_in(CALM_TICK_MS);
    return pthread_cond_clockwait(&crew->work, &crew->mutex, CLOCK_MONOTONIC, &until);
}

/* Under the mutex, which it gives back meanwhile. The last thread to wait that took an event before it could
 * see that the governor sleeps is seen here. Returns whether none waits, for a moment at least: another one
 * may be about to. */
static bool sleep_while_calm(struct crew *crew, bool is_idle)
{
    int error = 0;
    atomic_store(&crew->asleep, true);
    if (atomic_load(&crew->waiting) < LEAST)
        hire(crew);
    if (atomic_load(&crew->waiting) > 0 && is_idle)
        error = pthread_cond_wait(&crew->work, &crew->mutex);
    else if (atomic_load(&crew->waiting) > 0)
        error = wait_for_a_calm_tick(crew);
    atomic_store(&crew->asleep, false);
    return error == 0 && !crew->ended;
}

/* Under the mutex. It grows at once, and shrinks by one a look: a request that has just begun is held up in a
 * moment, and a thread that is parked meanwhile would be woken for it. Returns whether it is as at rest. */
static bool set_room(struct crew *crew, long held_up)
{
    const long room = atomic_load(&crew->room);
    const long now = crew->cpus + held_up;
    atomic_store(&crew->room, now < room ? room - 1 : now);
    return held_up == 0 && room == crew->cpus;
}

static void *govern(void *context)
{
    struct crew *crew = context;
    int calm = 0;
    long tick_ns = TICK_NS;
    bool is_idle = false; /* nothing is in hand, and room is as it is at rest */
    pthread_mutex_lock(&crew->mutex);
    while (!crew->ended) {
        const bool is_woken = calm == CALM_LOOKS && sleep_while_calm(crew, is_idle);
        if (is_woken) {
            calm = atomic_exchange(&crew->is_one_alone, false) ? 0 : calm;
            tick_ns = TICK_NS;
        }
        if (is_woken || calm < CALM_LOOKS)
            sleep_for(crew, tick_ns);
        const long held_up = crew->calls.count_held_up(crew->calls.context, held_up_ms);
        const bool is_at_rest = set_room(crew, held_up);
        const long waiting = atomic_load(&crew->waiting);
        const bool is_short = !atomic_exchange(&crew->has_waited, false) && waiting == 0;
        if (is_short)
            hire(crew);
        is_idle = is_at_rest && waiting >= atomic_load(&crew->engaged);
        calm = waiting == 0 ? 0 : calm < CALM_LOOKS ? calm + 1 : calm;
        tick_ns = !is_at_rest || is_short ? TICK_NS : tick_ns < LONG_TICK_NS ? 2 * tick_ns : tick_ns;
    }
    pthread_mutex_unlock(&crew->mutex);
    return NULL;
}

/* --- Its life --- */

struct crew *crew_new(const struct crew_calls *calls)
{
    struct crew *crew = calloc(1, sizeof *crew);
    if (crew == NULL)
        return NULL;
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    crew->calls = *calls;
    crew->cpus = cpus > LEAST ? cpus : LEAST;
    crew->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    crew->work = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    atomic_init(&crew->room, crew->cpus);
    return crew;
}

/* The governor waits for the mutex, so that it hires nobody where it is to end at once. */
bool crew_begin(struct crew *crew)
{
    pthread_mutex_lock(&crew->mutex);
    const int error = pthread_create(&crew->governor, NULL, govern, crew);
    if (error == 0)
        hire(crew);
    const bool begun = atomic_load(&crew->engaged) > 0;
    crew->ended = !begun;
    pthread_mutex_unlock(&crew->mutex);
    if (error == 0 && !begun)
        pthread_join(crew->governor, NULL);
    errno = error != 0 ? error : EAGAIN;
    return begun;
}

long crew_idle(struct crew *crew)
{
    pthread_mutex_lock(&crew->mutex);
    const long idle = atomic_load(&crew->waiting) + crew->parked;
    pthread_mutex_unlock(&crew->mutex);
    return idle;
}

void crew_end(struct crew *crew)
{
    pthread_mutex_lock(&crew->mutex);
    crew->ended = true;
    while (crew->last != NULL)
        call_last(crew);
    pthread_cond_signal(&crew->work);
    pthread_mutex_unlock(&crew->mutex);
    pthread_join(crew->governor, NULL);
}

void crew_free(struct crew *crew)
{
    free(crew);
}
