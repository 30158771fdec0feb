#include "gateway/crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* The governor looks every TICK, and sleeps when nothing was in hand for so many of them. */
enum { TICK_NS = 1000000, QUIET_TICKS = 100, LEAST_ROOM = 2 };
static const double held_up_ms = 1.0;

struct crew {
    struct crew_calls calls;
    long cpus;
    atomic_long room;    /* threads that may be awake */
    atomic_long engaged; /* threads that are */
    atomic_long waiting; /* of those, the ones that wait for an event */
    atomic_bool asleep;  /* the governor */
    pthread_t governor;
    pthread_mutex_t mutex; /* guards all below, and the changes of `engaged` */
    pthread_cond_t hiring;
    pthread_cond_t work; /* for the governor */
    long parked;
    long hired; /* parked threads that have been called and have not come yet */
    bool ended;
};

/* Under the mutex. */
static void hire(struct crew *crew)
{
    if (crew->ended || atomic_load(&crew->engaged) >= atomic_load(&crew->room))
        return;
    if (crew->parked > crew->hired) {
        crew->hired++;
        atomic_fetch_add(&crew->engaged, 1);
        pthread_cond_signal(&crew->hiring);
    } else if (crew->calls.start(crew->calls.context)) {
        atomic_fetch_add(&crew->engaged, 1);
    }
}

/* Under the mutex. */
static void park(struct crew *crew)
{
    atomic_fetch_sub(&crew->engaged, 1);
    crew->parked++;
    while (!crew->ended && crew->hired == 0)
        pthread_cond_wait(&crew->hiring, &crew->mutex);
    crew->parked--;
    if (crew->hired > 0)
        crew->hired--;
}

static bool is_too_many(struct crew *crew)
{
    return atomic_load(&crew->engaged) > atomic_load(&crew->room);
}

bool crew_await(struct crew *crew)
{
    if (is_too_many(crew)) {
        pthread_mutex_lock(&crew->mutex);
        if (is_too_many(crew) && !crew->ended)
            park(crew);
        const bool ended = crew->ended;
        pthread_mutex_unlock(&crew->mutex);
        if (ended)
            return false;
    }
    atomic_fetch_add(&crew->waiting, 1);
    return true;
}

void crew_busy(struct crew *crew)
{
    const bool was_last = atomic_fetch_sub(&crew->waiting, 1) == 1;
    const bool asleep = atomic_load(&crew->asleep);
    if (!asleep && (!was_last || atomic_load(&crew->engaged) >= atomic_load(&crew->room)))
        return;
    pthread_mutex_lock(&crew->mutex);
    if (was_last)
        hire(crew);
    if (asleep)
        pthread_cond_signal(&crew->work);
    pthread_mutex_unlock(&crew->mutex);
}

/* --- The governor --- */

/* Under the mutex, which it gives back meanwhile. */
static void sleep_for_a_tick(struct crew *crew)
{
    pthread_mutex_unlock(&crew->mutex);
    nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
    pthread_mutex_lock(&crew->mutex);
}

/* Under the mutex, which it gives back meanwhile. A thread that took an event before it could see that the
 * governor sleeps is seen here. */
static void sleep_until_work(struct crew *crew)
{
    atomic_store(&crew->asleep, true);
    if (atomic_load(&crew->waiting) >= atomic_load(&crew->engaged))
        pthread_cond_wait(&crew->work, &crew->mutex);
    atomic_store(&crew->asleep, false);
}

/* Under the mutex. Returns whether nothing is in hand. */
static bool look_after(struct crew *crew)
{
    atomic_store(&crew->room, crew->cpus + crew->calls.count_held_up(crew->calls.context, held_up_ms));
    const long waiting = atomic_load(&crew->waiting);
    if (waiting == 0)
        hire(crew);
    return waiting >= atomic_load(&crew->engaged);
}

static void *govern(void *context)
{
    struct crew *crew = context;
    int quiet = 0;
    pthread_mutex_lock(&crew->mutex);
    while (!crew->ended) {
        if (quiet < QUIET_TICKS) {
            sleep_for_a_tick(crew);
        } else {
            sleep_until_work(crew);
        }
        quiet = look_after(crew) ? quiet + 1 : 0;
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
    crew->cpus = cpus > LEAST_ROOM ? cpus : LEAST_ROOM;
    crew->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    crew->hiring = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    crew->work = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    atomic_init(&crew->room, crew->cpus);
    return crew;
}

bool crew_begin(struct crew *crew)
{
    pthread_mutex_lock(&crew->mutex);
    hire(crew);
    const bool begun = atomic_load(&crew->engaged) > 0;
    pthread_mutex_unlock(&crew->mutex);
    const int error = begun ? pthread_create(&crew->governor, NULL, govern, crew) : errno;
    errno = error;
    return error == 0;
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
    pthread_cond_broadcast(&crew->hiring);
    pthread_cond_signal(&crew->work);
    pthread_mutex_unlock(&crew->mutex);
    pthread_join(crew->governor, NULL);
}

void crew_free(struct crew *crew)
{
    free(crew);
}
