#include "account/verifier.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "account/key_memory.h"
#include "base/clock.h"
#include "base/hmac.h"
#include "base/refcount.h"
#include "base/secret.h"
#include "base/waiting.h"

enum { BUCKETS = 256, STACK_SIZE = 256 * 1024, LONGEST_RETRY = 60 };

/* What requests that are served at once lose to hashing, and hashing to them: see make bench, "flood". */
enum { VERIFIER_NICE = 2 };

/* One verification that somebody waits for. The texts are those of the caller that began it, who waits, too.
 */
struct job {
    struct memory_key key;
    const struct password_method *method;
    struct text hash;
    struct text secret;
    bool is_decoy;
    enum password_result result;
    atomic_uint holders; /* callers that wait; grows under the mutex, and the last one frees */
    sem_t finished;      /* once for each */
    struct job *next_in_queue;
    struct job *next_in_bucket;
};

struct verifier {
    refcount holders;
    struct hmac hmac; /* under a key of this process, which is nowhere else */
    struct key_memory *proven;
    struct key_memory *refused;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t work;
    struct verifier_limits limits;
    struct job *buckets[BUCKETS]; /* all jobs that are not finished, by key */
    struct job *first;
    struct job **last;
    long pending; /* jobs that wait or run */
    long queued;  /* those that wait */
    long waiting; /* callers */
    long threads;
    long idle; /* some of them may have been told of a job and not yet have woken */
    bool ending;
    pthread_cond_t ended;
    double average_ms; /* of a verification, lately */
};

static uint32_t seconds(void)
{
    return (uint32_t)(clock_coarse_ms() / 1000) + 1;
}

static struct text bytes_of(const size_t *length)
{
    return (struct text){(const char *)length, sizeof *length};
}

/* The lengths are in it, so that no two credentials run into one, and whether it is a decoy's, so that what
 * is remembered of it says nothing of an account of that name. */
static struct memory_key derive_key(const struct verifier *verifier, struct text client_id, struct text hash,
                                    struct text secret, bool is_decoy)
{
    struct memory_key key;
    unsigned char digest[HMAC_SIZE];
    const char kind = is_decoy ? 'd' : 'a';
    const struct text pieces[] = {{&kind, 1}, bytes_of(&client_id.length), client_id, bytes_of(&hash.length),
                                  hash,       bytes_of(&secret.length),    secret};
    hmac_compute(&verifier->hmac, pieces, sizeof pieces / sizeof *pieces, digest);
    memcpy(&key, digest, sizeof key);
    return key;
}

/* --- What is remembered --- */

static bool recall(struct verifier *verifier, struct memory_key key, enum password_result *result)
{
    const uint32_t now = seconds();
    *result = PASSWORD_MATCH;
    if (key_memory_holds(verifier->proven, key, now))
        return true;
    *result = PASSWORD_MISMATCH;
    return key_memory_holds(verifier->refused, key, now);
}

static void remember(struct verifier *verifier, const struct job *job, long ttl)
{
    const uint32_t until = seconds() + (uint32_t)ttl;
    if (ttl == 0 || (job->result != PASSWORD_MATCH && job->result != PASSWORD_MISMATCH))
        return;
    const bool is_proof = job->result == PASSWORD_MATCH && !job->is_decoy;
    key_memory_add(is_proof ? verifier->proven : verifier->refused, job->key, until);
}

/* Whoever asks what is remembered does not ask for how long, which would take the mutex. */
static void forget_after(struct verifier *verifier, long ttl)
{
    const uint32_t until = seconds() + (uint32_t)ttl;
    key_memory_shorten(verifier->proven, until);
    key_memory_shorten(verifier->refused, until);
}

/* --- The threads that hash --- */

static struct job **bucket_of(struct verifier *verifier, struct memory_key key)
{
    return &verifier->buckets[key.words[1] % BUCKETS];
}

static void leave_bucket(struct verifier *verifier, const struct job *job)
{
    struct job **place = bucket_of(verifier, job->key);
    while (*place != job)
        place = &(*place)->next_in_bucket;
    *place = job->next_in_bucket;
}

static struct job *take_job(struct verifier *verifier)
{
    struct job *job = verifier->first;
    verifier->first = job->next_in_queue;
    if (verifier->first == NULL)
        verifier->last = &verifier->first;
    verifier->queued--;
    return job;
}

/* Under the mutex. Returns how many callers are to be told. */
static unsigned finish_job(struct verifier *verifier, struct job *job, double took_ms)
{
    static const double weight = 0.1;
    verifier->average_ms += (took_ms - verifier->average_ms) * weight;
    /* Remembered before it is taken away, so that whoever comes finds the one or the other. */
    remember(verifier, job, verifier->limits.memory_ttl);
    leave_bucket(verifier, job);
    verifier->pending--;
    verifier->waiting -= job->holders;
    return job->holders;
}

/* Not under the mutex, which each of them would have to wait for. After the last one the job may be gone. */
static void tell_callers(struct job *job, unsigned count)
{
    for (; count > 0; count--)
        sem_post(&job->finished);
}

static double run_job(struct job *job, struct password_workspace **workspace)
{
    const double began_ms = clock_monotonic_ms();
    if (*workspace == NULL)
        *workspace = password_workspace_new();
    job->result = *workspace != NULL ? password_verify(*workspace, job->method, job->hash, job->secret)
                                     : PASSWORD_NO_MEMORY;
    return clock_monotonic_ms() - began_ms;
}

static void *verify_jobs(void *context)
{
    struct verifier *verifier = context;
    struct password_workspace *workspace = NULL; /* kept from one job to the next */
    setpriority(PRIO_PROCESS, (id_t)gettid(), VERIFIER_NICE);
    pthread_mutex_lock(&verifier->mutex);
    while (!verifier->ending && verifier->threads <= verifier->limits.concurrency) {
        if (verifier->first == NULL) {
            verifier->idle++;
            pthread_cond_wait(&verifier->work, &verifier->mutex);
            verifier->idle--;
            continue;
        }
        struct job *job = take_job(verifier);
        pthread_mutex_unlock(&verifier->mutex);
        const double took_ms = run_job(job, &workspace);
        pthread_mutex_lock(&verifier->mutex);
        const unsigned callers = finish_job(verifier, job, took_ms);
        pthread_mutex_unlock(&verifier->mutex);
        tell_callers(job, callers);
        pthread_mutex_lock(&verifier->mutex);
    }
    password_workspace_free(workspace);
    verifier->threads--;
    pthread_cond_signal(&verifier->ended);
    pthread_mutex_unlock(&verifier->mutex);
    return NULL;
}

/* Under the mutex, for one more job. False: there is no thread at all, nor can there be. */
static bool see_to_threads(struct verifier *verifier)
{
    pthread_attr_t attributes;
    pthread_t thread;
    if (verifier->idle > verifier->queued || verifier->threads >= verifier->limits.concurrency)
        return true;
    if (pthread_attr_init(&attributes) != 0)
        return verifier->threads > 0;
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, verify_jobs, verifier) == 0)
        verifier->threads++;
    pthread_attr_destroy(&attributes);
    return verifier->threads > 0;
}

/* --- The callers --- */

static struct job *find_job(struct verifier *verifier, struct memory_key key)
{
    struct job *job = *bucket_of(verifier, key);
    while (job != NULL && memcmp(&job->key, &key, sizeof key) != 0)
        job = job->next_in_bucket;
    return job;
}

/* Puts a copy of `pattern` into the queue. NULL: no memory, or no thread. */
static struct job *add_job(struct verifier *verifier, const struct job *pattern)
{
    struct job *job = malloc(sizeof *job);
    if (job == NULL || !see_to_threads(verifier)) {
        free(job);
        return NULL;
    }
    *job = *pattern;
    sem_init(&job->finished, 0, 0);
    struct job **bucket = bucket_of(verifier, job->key);
    job->next_in_bucket = *bucket;
    *bucket = job;
    *verifier->last = job;
    verifier->last = &job->next_in_queue;
    verifier->pending++;
    verifier->queued++;
    pthread_cond_signal(&verifier->work);
    return job;
}

static enum password_result wait_for(struct job *job)
{
    waiting_begins();
    while (sem_wait(&job->finished) != 0) /* interrupted by a signal */
        ;
    waiting_ends();
    const enum password_result result = job->result;
    if (atomic_fetch_sub(&job->holders, 1) == 1) {
        sem_destroy(&job->finished);
        free(job);
    }
    return result;
}

/* Under the mutex. Whether one more caller is too many, for `job` or, where that is NULL, for one of its own.
 * One that has had a secret hashed already would learn something and have nothing counted. */
static bool is_full(const struct verifier *verifier, const struct verifier_gate *gate, const struct job *job)
{
    const struct verifier_limits *limits = &verifier->limits;
    if (gate != NULL && gate->is_passed)
        return false;
    return verifier->waiting >= limits->waiters ||
           (job == NULL && verifier->pending >= limits->concurrency + limits->queue);
}

/* Under the mutex. The job to wait for; NULL: there is none, but `result`. */
static struct job *join_job(struct verifier *verifier, const struct verifier_gate *gate,
                            const struct job *pattern, enum password_result *result)
{
    struct job *job = find_job(verifier, pattern->key);
    if (job == NULL && verifier->limits.memory_ttl > 0 && recall(verifier, pattern->key, result))
        return NULL;
    *result = PASSWORD_BUSY;
    if (is_full(verifier, gate, job))
        return NULL;
    *result = PASSWORD_NO_MEMORY;
    if (job == NULL)
        job = add_job(verifier, pattern);
    if (job == NULL)
        return NULL;
    job->holders++;
    verifier->waiting++;
    return job;
}

static bool is_admitted(const struct verifier_gate *gate)
{
    return gate == NULL || gate->admits(gate->context);
}

/* The gate is asked of what would be a verification of its own, and not where there is no place for it: to be
 * asked costs it more than all the rest, and a flood would have it asked each time. */
static bool may_begin(struct verifier *verifier, const struct verifier_gate *gate, struct memory_key key,
                      enum password_result *refusal)
{
    pthread_mutex_lock(&verifier->mutex);
    const struct job *job = find_job(verifier, key);
    const bool full = is_full(verifier, gate, job);
    pthread_mutex_unlock(&verifier->mutex);
    *refusal = full ? PASSWORD_BUSY : PASSWORD_REFUSED;
    return !full && (job != NULL || is_admitted(gate));
}

enum password_result verifier_verify(struct verifier *verifier, const struct verifier_gate *gate,
                                     struct text client_id, const struct password_method *method,
                                     struct text hash, struct text secret)
{
    if (verifier == NULL)
        return is_admitted(gate) ? password_verify(NULL, method, hash, secret) : PASSWORD_REFUSED;
    const bool is_decoy = gate != NULL && gate->is_decoy;
    const struct job pattern = {.key = derive_key(verifier, client_id, hash, secret, is_decoy),
                                .method = method,
                                .hash = hash,
                                .secret = secret,
                                .is_decoy = is_decoy};
    enum password_result result;
    if (recall(verifier, pattern.key, &result))
        return result;
    if (!may_begin(verifier, gate, pattern.key, &result))
        return result;
    pthread_mutex_lock(&verifier->mutex);
    struct job *job = join_job(verifier, gate, &pattern, &result);
    pthread_mutex_unlock(&verifier->mutex);
    return job != NULL ? wait_for(job) : result;
}

long verifier_retry_after(struct verifier *verifier)
{
    pthread_mutex_lock(&verifier->mutex);
    const double left_ms =
        verifier->average_ms * (double)verifier->pending / (double)verifier->limits.concurrency;
    pthread_mutex_unlock(&verifier->mutex);
    const long whole = (long)(left_ms / 1000) + 1;
    return whole < LONGEST_RETRY ? whole : LONGEST_RETRY;
}

/* --- Its life --- */

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
    key_memory_free(verifier->proven);
    key_memory_free(verifier->refused);
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
    verifier->last = &verifier->first;
    verifier->proven = key_memory_new();
    verifier->refused = key_memory_new();
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

void verifier_set_limits(struct verifier *verifier, const struct verifier_limits *limits)
{
    pthread_mutex_lock(&verifier->mutex);
    if (limits->memory_ttl < verifier->limits.memory_ttl)
        forget_after(verifier, limits->memory_ttl);
    verifier->limits = *limits;
    pthread_cond_broadcast(&verifier->work);
    pthread_mutex_unlock(&verifier->mutex);
}
