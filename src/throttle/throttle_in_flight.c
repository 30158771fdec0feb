#include "throttle/throttle_in_flight.h"

void throttle_in_flight_init(struct throttle_in_flight *in_flight)
{
    *in_flight = (struct throttle_in_flight){.mutex = PTHREAD_MUTEX_INITIALIZER};
}

static bool is_same_secret(const struct throttle_secret *one, const struct throttle_secret *other)
{
    return one->digests[0] == other->digests[0] && one->digests[1] == other->digests[1];
}

/* FNV-1a of the source, so that a lookup does not walk the attempts of all other sources. */
static size_t bucket_of(const struct throttle_key *pair)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < THROTTLE_HEAD_SIZE - 1; i++)
        hash = (hash ^ pair->bytes[i]) * 16777619U;
    return (hash >> 16) % THROTTLE_IN_FLIGHT_BUCKETS;
}

/* There are at most as many as verifications that run or wait. */
static struct throttle_in_flight_count count_locked(const struct throttle_in_flight *in_flight,
                                                    const struct throttle_key *pair,
                                                    const struct throttle_secret *secret)
{
    struct throttle_in_flight_count found = {.of_pair = 0};
    for (const struct throttle_in_flight_attempt *run = in_flight->buckets[bucket_of(pair)]; run != NULL;
         run = run->next) {
        if (!throttle_key_is_of_source(run->pair, pair))
            continue;
        found.of_source += run->is_source_counted ? 0 : 1;
        if (!throttle_key_equal(run->pair, pair))
            continue;
        found.of_pair++;
        found.has_same |= is_same_secret(&run->secret, secret);
    }
    return found;
}

struct throttle_in_flight_count throttle_in_flight_count(struct throttle_in_flight *in_flight,
                                                         const struct throttle_key *pair,
                                                         const struct throttle_secret *secret)
{
    pthread_mutex_lock(&in_flight->mutex);
    const struct throttle_in_flight_count found = count_locked(in_flight, pair, secret);
    pthread_mutex_unlock(&in_flight->mutex);
    return found;
}

long throttle_in_flight_of_pair(struct throttle_in_flight *in_flight, const struct throttle_key *pair)
{
    static const struct throttle_secret none = {{0}};
    return in_flight->count > 0 ? throttle_in_flight_count(in_flight, pair, &none).of_pair : 0;
}

static void link_attempt_locked(struct throttle_in_flight *in_flight, struct throttle_in_flight_attempt *run)
{
    struct throttle_in_flight_attempt **bucket = &in_flight->buckets[bucket_of(run->pair)];
    run->next = *bucket;
    run->link = bucket;
    if (run->next != NULL)
        run->next->link = &run->next;
    *bucket = run;
    run->is_in_flight = true;
    in_flight->count++;
}

struct throttle_in_flight_count throttle_in_flight_add(struct throttle_in_flight *in_flight,
                                                       struct throttle_in_flight_attempt *run,
                                                       long quota_of_pair, long quota_of_source)
{
    pthread_mutex_lock(&in_flight->mutex);
    const struct throttle_in_flight_count found = count_locked(in_flight, run->pair, &run->secret);
    if (!found.has_same && found.of_pair < quota_of_pair && found.of_source < quota_of_source)
        link_attempt_locked(in_flight, run);
    pthread_mutex_unlock(&in_flight->mutex);
    return found;
}

void throttle_in_flight_remove(struct throttle_in_flight *in_flight, struct throttle_in_flight_attempt *run)
{
    if (!run->is_in_flight)
        return;
    pthread_mutex_lock(&in_flight->mutex);
    *run->link = run->next;
    if (run->next != NULL)
        run->next->link = run->link;
    in_flight->count--;
    pthread_mutex_unlock(&in_flight->mutex);
    run->is_in_flight = false;
}
