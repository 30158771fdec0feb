#include "password/verifier.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hmac.h"
#include "base/refcount.h"
#include "base/secret.h"
#include "password/verification_queue.h"

/* The callback runs on this stack, too, up to the end of a request. */
enum { STACK_SIZE = 512 * 1024, LONGEST_RETRY = 60 };

/* At least as long as the hash of any method with a salt of usual length. */
enum { USUAL_HASH = 128 };

/* Balances the requests that need no hash against hashing: see make bench, "flood". */
enum { VERIFIER_NICE = 2 };

struct verifier {
    refcount holders;
    struct metrics *metrics;
    struct hmac hmac; /* its key is random and never leaves this process */
    struct digest_cache *proven;
    struct digest_cache *refused;
    pthread_mutex_t mutex; /* guards the members below */
    pthread_cond_t work;
    struct verifier_limits limits;
    struct verification_queue queue;
    long threads;
    long idle; /* includes threads that were signalled and have not woken yet */
    bool ending;
    pthread_cond_t ended;
    double average_ms; /* moving average of the time for one hash */
};

static uint32_t seconds(void)
{
    return (uint32_t)(clock_coarse_ms() / 1000) + 1;
}

static struct text bytes_of(const size_t *length)
{
    return (struct text){(const char *)length, sizeof *length};
}

/* The key contains the lengths, so that no two credentials have the same key. It contains the hash of an
 * account, so that a cached result does not outlive a change of the hash. It does not contain the hash of a
 * decoy: the refusal holds whichever line serves as the decoy. Zeros replace the missing bytes, so that both
 * kinds take the same time. */
static struct cache_key derive_key(const struct verifier *verifier, const struct verification *verification,
                                   bool is_decoy)
{
    static const char zeros[USUAL_HASH];
    struct cache_key key;
    unsigned char digest[HMAC_SIZE];
    const char kind = is_decoy ? 'd' : 'a';
    const struct text *client_id = &verification->client_id;
    const struct text *secret = &verification->secret;
    const struct text hash = {verification->hash.data, is_decoy ? 0 : verification->hash.length};
    const struct text padding = {zeros, hash.length < sizeof zeros ? sizeof zeros - hash.length : 0};
    const struct text pieces[] = {
        {&kind, 1}, bytes_of(&client_id->length), *client_id, bytes_of(&hash.length),
        hash,       bytes_of(&secret->length),    *secret,    padding};
    hmac_compute(&verifier->hmac, pieces, sizeof pieces / sizeof *pieces, digest);
    memcpy(&key, digest, sizeof key);
    return key;
}

/* --- The cache --- */

static bool cache_get(struct verifier *verifier, struct cache_key key, enum password_result *result)
{
    const uint32_t now = seconds();
    *result = PASSWORD_MATCH;
    if (digest_cache_get(verifier->proven, key, now))
        return true;
    *result = PASSWORD_MISMATCH;
    return digest_cache_get(verifier->refused, key, now);
}

/* Caches a refusal under both kinds of key, so that the refusals of an account outlive its removal: if the
 * secret were verified again, the response time would reveal that the account is gone. */
static void cache_put(struct verifier *verifier, const struct verification *verification, long ttl)
{
    const uint32_t until = seconds() + (uint32_t)ttl;
    const enum password_result result = verification->result;
    if (ttl == 0 || (result != PASSWORD_MATCH && result != PASSWORD_MISMATCH))
        return;
    const bool is_proof = result == PASSWORD_MATCH && !verification->is_decoy;
    digest_cache_put(is_proof ? verifier->proven : verifier->refused, verification->key, until);
    if (result == PASSWORD_MISMATCH)
        digest_cache_put(verifier->refused, derive_key(verifier, verification, !verification->is_decoy),
                         until);
}

/* Shortens the entries, because cache_get() cannot compare with the new TTL: it would have to take the mutex.
 */
static void cache_shorten(struct verifier *verifier, long ttl)
{
    const uint32_t until = seconds() + (uint32_t)ttl;
    digest_cache_shorten(verifier->proven, until);
    digest_cache_shorten(verifier->refused, until);
}

/* --- The threads that hash --- */

static enum password_result verification_compute(struct password_workspace *workspace,
                                                 const struct verification *verification)
{
    return password_verify(workspace, verification->method, verification->hash, verification->secret);
}

/* Returns the time that it took, in ms. */
static double verification_run(struct verification *verification, struct password_workspace **workspace)
{
    const double began_ms = clock_monotonic_ms();
    if (*workspace == NULL)
        *workspace = password_workspace_new();
    verification->result =
        *workspace != NULL ? verification_compute(*workspace, verification) : PASSWORD_NO_MEMORY;
    return clock_monotonic_ms() - began_ms;
}

static void count_pending_locked(const struct verifier *verifier)
{
    metrics_set(verifier->metrics, METRIC_VERIFICATIONS, (uint64_t)verifier->queue.pending);
}

static void verifier_finish_locked(struct verifier *verifier, struct verification *verification,
                                   double took_ms)
{
    static const double weight = 0.1;
    verifier->average_ms += (took_ms - verifier->average_ms) * weight;
    /* Cache the result before unlinking the entry, so that a concurrent request always finds one of the two.
     */
    cache_put(verifier, verification, verifier->limits.cache_ttl);
    verification_queue_finish(&verifier->queue, verification);
    if (verification->result != PASSWORD_NO_MEMORY)
        metrics_add_hash(verifier->metrics, took_ms);
    count_pending_locked(verifier);
}

/* The callback may free the verification, so the next one is read before. */
static void call_back_all(struct verification *verification)
{
    const enum password_result result = verification->result;
    while (verification != NULL) {
        struct verification *next = verification->next_waiter;
        verification->result = result;
        verification->on_done.call(verification->on_done.context);
        verification = next;
    }
}

static void *verifier_thread(void *context)
{
    struct verifier *verifier = context;
    struct password_workspace *workspace = NULL; /* reused for all hashes of this thread */
    setpriority(PRIO_PROCESS, (id_t)gettid(), VERIFIER_NICE);
    pthread_mutex_lock(&verifier->mutex);
    while (!verifier->ending && verifier->threads <= verifier->limits.concurrency) {
        if (verifier->queue.first == NULL) {
            verifier->idle++;
            pthread_cond_wait(&verifier->work, &verifier->mutex);
            verifier->idle--;
            continue;
        }
        struct verification *verification = verification_queue_take(&verifier->queue);
        pthread_mutex_unlock(&verifier->mutex);
        const double took_ms = verification_run(verification, &workspace);
        pthread_mutex_lock(&verifier->mutex);
        verifier_finish_locked(verifier, verification, took_ms);
        pthread_mutex_unlock(&verifier->mutex);
        call_back_all(verification);
        pthread_mutex_lock(&verifier->mutex);
    }
    password_workspace_free(workspace);
    verifier->threads--;
    pthread_cond_signal(&verifier->ended);
    pthread_mutex_unlock(&verifier->mutex);
    return NULL;
}

/* Starts a thread for one more verification, if one is needed and allowed. False: there is no thread, and
 * none can be started. */
static bool ensure_thread_locked(struct verifier *verifier)
{
    pthread_attr_t attributes;
    pthread_t thread;
    if (verifier->idle > verifier->queue.queued || verifier->threads >= verifier->limits.concurrency)
        return true;
    if (pthread_attr_init(&attributes) != 0)
        return verifier->threads > 0;
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, verifier_thread, verifier) == 0)
        verifier->threads++;
    pthread_attr_destroy(&attributes);
    return verifier->threads > 0;
}

/* --- The callers --- */

static bool has_capacity_locked(const struct verifier *verifier, const struct verification *verification)
{
    const struct verifier_limits *limits = &verifier->limits;
    return verification->bypasses_queue_limit ||
           verifier->queue.pending < limits->concurrency + limits->queue;
}

static bool look_up(struct verifier *verifier, struct verification *verification)
{
    const bool is_cached = cache_get(verifier, verification->key, &verification->result);
    metrics_add(verifier->metrics,
                !is_cached                               ? METRIC_CACHE_MISSED
                : verification->result == PASSWORD_MATCH ? METRIC_CACHE_PROVEN
                                                         : METRIC_CACHE_REFUSED,
                1);
    return is_cached;
}

/* Returns whether the key is in flight, or may be added to those that are. */
static bool may_be_submitted(struct verifier *verifier, const struct verification *verification)
{
    pthread_mutex_lock(&verifier->mutex);
    const bool is_possible = verification_queue_find_in_flight(&verifier->queue, verification->key) != NULL ||
                             has_capacity_locked(verifier, verification);
    pthread_mutex_unlock(&verifier->mutex);
    return is_possible;
}

/* Since may_be_submitted() other threads may have filled the queue, or finished the same verification. */
static enum progress submit_locked(struct verifier *verifier, struct verification *verification)
{
    struct verification *in_flight = verification_queue_find_in_flight(&verifier->queue, verification->key);
    if (in_flight != NULL) {
        verification_queue_coalesce(in_flight, verification);
        return PROGRESS_PENDING;
    }
    if (verifier->limits.cache_ttl > 0 && cache_get(verifier, verification->key, &verification->result))
        return PROGRESS_DONE;
    verification->result = PASSWORD_BUSY;
    if (!has_capacity_locked(verifier, verification))
        return PROGRESS_DONE;
    verification->result = PASSWORD_NO_MEMORY;
    if (!ensure_thread_locked(verifier))
        return PROGRESS_DONE;
    verification_queue_add(&verifier->queue, verification);
    count_pending_locked(verifier);
    pthread_cond_signal(&verifier->work);
    return PROGRESS_PENDING;
}

static enum progress finish(struct verification *verification, enum password_result result)
{
    verification->result = result;
    return PROGRESS_DONE;
}

/* The check also applies to a verification that would only become a waiter: otherwise a client that the
 * throttle refuses would learn the result of an attempt that it may not make itself. If the queue is full, no
 * attempt is made, so the check, which counts it, is not called. The mutex is not held during the check,
 * which may use the disk. */
enum progress verifier_verify(struct verifier *verifier, const struct admission_check *check,
                              struct verification *verification, struct callback on_done)
{
    if (verifier != NULL) {
        verification->on_done = on_done;
        verification->key = derive_key(verifier, verification, verification->is_decoy);
        if (look_up(verifier, verification))
            return PROGRESS_DONE;
        if (!may_be_submitted(verifier, verification))
            return finish(verification, PASSWORD_BUSY);
    }
    if (check != NULL && !check->admit(check->context))
        return finish(verification, PASSWORD_REFUSED);
    if (verifier == NULL)
        return finish(verification, verification_compute(NULL, verification));
    pthread_mutex_lock(&verifier->mutex);
    const enum progress progress = submit_locked(verifier, verification);
    pthread_mutex_unlock(&verifier->mutex);
    return progress;
}

bool verifier_cancel(struct verifier *verifier, struct verification *verification)
{
    pthread_mutex_lock(&verifier->mutex);
    const bool is_cancelled = verification_queue_cancel(&verifier->queue, verification);
    count_pending_locked(verifier);
    pthread_mutex_unlock(&verifier->mutex);
    return is_cancelled;
}

long verifier_retry_after(struct verifier *verifier)
{
    pthread_mutex_lock(&verifier->mutex);
    const double left_ms =
        verifier->average_ms * (double)verifier->queue.pending / (double)verifier->limits.concurrency;
    pthread_mutex_unlock(&verifier->mutex);
    const long whole = (long)(left_ms / 1000) + 1;
    return whole < LONGEST_RETRY ? whole : LONGEST_RETRY;
}

/* --- Creation and release --- */

static bool make_hmac(struct verifier *verifier)
{
    unsigned char key[HMAC_SIZE];
    if (!secret_random(key, sizeof key))
        return false;
    hmac_prepare(&verifier->hmac, key, sizeof key);
    secret_wipe(key, sizeof key);
    return true;
}

static void free_verifier(struct verifier *verifier)
{
    metrics_release(verifier->metrics);
    digest_cache_free(verifier->proven);
    digest_cache_free(verifier->refused);
    secret_free(verifier, sizeof *verifier);
}

struct verifier *verifier_new(const struct verifier_limits *limits)
{
    struct verifier *verifier = calloc(1, sizeof *verifier);
    if (verifier == NULL)
        return NULL;
    refcount_init(&verifier->holders);
    verifier->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    verifier->work = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    verifier->ended = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    verifier->limits = *limits;
    verification_queue_init(&verifier->queue);
    verifier->proven = digest_cache_new();
    verifier->refused = digest_cache_new();
    if (verifier->proven != NULL && verifier->refused != NULL && make_hmac(verifier))
        return verifier;
    free_verifier(verifier);
    errno = ENOMEM;
    return NULL;
}

struct verifier *verifier_hold(struct verifier *verifier)
{
    if (verifier != NULL)
        refcount_hold(&verifier->holders);
    return verifier;
}

void verifier_release(struct verifier *verifier)
{
    if (verifier == NULL || !refcount_release(&verifier->holders))
        return;
    pthread_mutex_lock(&verifier->mutex);
    verifier->ending = true;
    pthread_cond_broadcast(&verifier->work);
    while (verifier->threads > 0)
        pthread_cond_wait(&verifier->ended, &verifier->mutex);
    pthread_mutex_unlock(&verifier->mutex);
    free_verifier(verifier);
}

void verifier_count_in(struct verifier *verifier, struct metrics *metrics)
{
    verifier->metrics = metrics_hold(metrics);
}

void verifier_set_limits(struct verifier *verifier, const struct verifier_limits *limits)
{
    pthread_mutex_lock(&verifier->mutex);
    if (limits->cache_ttl < verifier->limits.cache_ttl)
        cache_shorten(verifier, limits->cache_ttl);
    verifier->limits = *limits;
    pthread_cond_broadcast(&verifier->work);
    pthread_mutex_unlock(&verifier->mutex);
}
