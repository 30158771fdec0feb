#include "metrics/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/refcount.h"
#include "metrics/bus_guard.h"
#include "metrics/metrics_region.h"

/* All counts are relaxed additions to the region, whose address never changes: a file that is opened later is
 * mapped over the old one, in one step of the kernel. `mutex` guards the descriptor and its locks, which only
 * the watch and the reader of the gauges use. */
struct metrics {
    refcount holders;
    char *folder;
    struct metrics_region *region;
    bool has_gauges;
    _Atomic(struct metrics_process *) process; /* of this process; NULL: it has none */
    pthread_mutex_t mutex;
    int file;           /* -1: counting in memory */
    struct stat status; /* of the file */
    bool is_reported;   /* of the watch: a fault was logged, and the recovery was not yet */
};

static const double bucket_ms[METRIC_HASH_BUCKETS - 1] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000};
const char *const metrics_hash_bounds[METRIC_HASH_BUCKETS] = {
    "0.001", "0.002", "0.005", "0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1.0", "2.0", "+Inf"};

/* --- The processes that are alive --- */

static struct flock lock_of(size_t index)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)index, .l_len = 1};
}

/* The lock ends with the process, however that ends. Without a free byte the process has no gauges. */
static void claim_process_locked(struct metrics *metrics)
{
    struct metrics_process *process = NULL;
    for (size_t i = 0; metrics->has_gauges && i < METRICS_PROCESSES && process == NULL; i++) {
        struct flock lock = lock_of(i);
        if (metrics->file < 0 || fcntl(metrics->file, F_OFD_SETLK, &lock) == 0)
            process = &metrics->region->processes[i];
    }
    for (size_t i = 0; process != NULL && i < METRIC_GAUGES; i++)
        atomic_store_explicit(&process->gauges[i], 0, memory_order_relaxed);
    if (process != NULL)
        atomic_store(&process->is_used, 1);
    atomic_store(&metrics->process, process);
}

/* A lock of this descriptor does not show here. */
static bool is_alive_locked(const struct metrics *metrics, size_t index)
{
    struct flock lock = lock_of(index);
    const struct metrics_process *process = &metrics->region->processes[index];
    if (atomic_load(&process->is_used) == 0)
        return false;
    return process == atomic_load(&metrics->process) ||
           (metrics->file >= 0 && fcntl(metrics->file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK);
}

size_t metrics_sum(struct metrics *metrics, uint64_t gauges[METRIC_GAUGES])
{
    size_t count = 0;
    memset(gauges, 0, METRIC_GAUGES * sizeof *gauges);
    if (metrics == NULL)
        return 0;
    pthread_mutex_lock(&metrics->mutex);
    for (size_t i = 0; i < METRICS_PROCESSES; i++) {
        if (!is_alive_locked(metrics, i))
            continue;
        count++;
        for (size_t j = 0; j < METRIC_GAUGES; j++)
            gauges[j] += atomic_load(&metrics->region->processes[i].gauges[j]);
    }
    pthread_mutex_unlock(&metrics->mutex);
    return count;
}

/* --- The file --- */

static bool map_locked(struct metrics *metrics, int file)
{
    const int flags = file >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
    return mmap(metrics->region, sizeof *metrics->region, PROT_READ | PROT_WRITE, flags | MAP_FIXED, file,
                0) == metrics->region;
}

/* Returns 0, or an errno: then the process goes on with what it has. */
static int open_locked(struct metrics *metrics, bool replaces_version)
{
    const int file = metrics_file_open(metrics->folder, replaces_version);
    struct stat status;
    if (file < 0)
        return errno;
    if (fstat(file, &status) != 0 || !map_locked(metrics, file)) {
        const int error = errno;
        close(file);
        return error;
    }
    if (metrics->file >= 0)
        close(metrics->file);
    metrics->file = file;
    metrics->status = status;
    claim_process_locked(metrics);
    return 0;
}

static void free_metrics(struct metrics *metrics)
{
    if (metrics->region != MAP_FAILED) {
        bus_guard_remove(metrics->region);
        munmap(metrics->region, sizeof *metrics->region);
    }
    if (metrics->file >= 0)
        close(metrics->file);
    free(metrics->folder);
    free(metrics);
}

/* Begins in memory. */
static struct metrics *metrics_new(const char *folder, bool has_gauges)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);
    if (metrics == NULL)
        return NULL;
    refcount_init(&metrics->holders);
    metrics->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    metrics->file = -1;
    metrics->has_gauges = has_gauges;
    metrics->folder = text_copy(text_of(folder));
    metrics->region =
        mmap(NULL, sizeof *metrics->region, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (metrics->folder != NULL && metrics->region != MAP_FAILED) {
        metrics_region_init(metrics->region);
        claim_process_locked(metrics);
        return metrics;
    }
    free_metrics(metrics);
    return NULL;
}

struct metrics *metrics_open(const char *folder, bool has_gauges, struct diagnostics *diagnostics)
{
    struct metrics *metrics = metrics_new(folder, has_gauges);
    if (metrics == NULL)
        return NULL;
    const bool is_guarded = bus_guard_add(metrics->region, sizeof *metrics->region);
    const int error = is_guarded ? open_locked(metrics, true) : EBUSY;
    metrics->is_reported = error != 0;
    if (error != 0)
        diagnostics_add(diagnostics, SEVERITY_WARNING, folder, 0,
                        "metrics.bin cannot be used: %s; what the metrics count is in memory, and ends with "
                        "the process",
                        strerror(error));
    return metrics;
}

struct metrics *metrics_hold(struct metrics *metrics)
{
    if (metrics != NULL)
        refcount_hold(&metrics->holders);
    return metrics;
}

void metrics_release(struct metrics *metrics)
{
    if (metrics != NULL && refcount_release(&metrics->holders))
        free_metrics(metrics);
}

bool metrics_is_of(const struct metrics *metrics, const char *folder)
{
    return metrics != NULL && strcmp(metrics->folder, folder) == 0;
}

static bool is_good_locked(const struct metrics *metrics, int folder)
{
    struct stat status;
    return metrics->file >= 0 && metrics_region_check(&metrics->region->head) == METRICS_REGION_GOOD &&
           fstatat(folder, "metrics.bin", &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           status.st_ino == metrics->status.st_ino && status.st_dev == metrics->status.st_dev &&
           status.st_size == (off_t)sizeof *metrics->region;
}

/* Memory of which the head is damaged, or that the guard has put there, begins as well. */
static void repair_locked(struct metrics *metrics)
{
    if (metrics_region_check(&metrics->region->head) == METRICS_REGION_GOOD)
        return;
    if (metrics->file >= 0 && map_locked(metrics, -1)) {
        close(metrics->file);
        metrics->file = -1;
        claim_process_locked(metrics);
    }
    metrics_region_init(metrics->region);
}

void metrics_maintain(struct metrics *metrics, struct log *log)
{
    if (metrics == NULL)
        return;
    const int folder = open(metrics->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pthread_mutex_lock(&metrics->mutex);
    const bool was_good = folder >= 0 && is_good_locked(metrics, folder);
    const int error = was_good ? 0 : open_locked(metrics, false);
    if (error != 0)
        repair_locked(metrics);
    pthread_mutex_unlock(&metrics->mutex);
    if (folder >= 0)
        close(folder);
    if (error != 0 && !metrics->is_reported)
        log_write(log, LOG_LEVEL_WARN,
                  "%s: metrics.bin cannot be used: %s; the metrics are counted in memory", metrics->folder,
                  strerror(error));
    else if (error == 0 && !was_good)
        log_write(log, LOG_LEVEL_WARN,
                  "%s: metrics.bin was opened again; counters that were lost start from 0", metrics->folder);
    metrics->is_reported = error != 0;
}

/* --- Counting --- */

void metrics_add(struct metrics *metrics, enum metric_counter counter, uint64_t count)
{
    if (metrics != NULL)
        atomic_fetch_add_explicit(&metrics->region->counters[counter], count, memory_order_relaxed);
}

void metrics_set(struct metrics *metrics, enum metric_gauge gauge, uint64_t value)
{
    struct metrics_process *process = metrics != NULL ? atomic_load(&metrics->process) : NULL;
    if (process != NULL)
        atomic_store_explicit(&process->gauges[gauge], value, memory_order_relaxed);
}

void metrics_add_hash(struct metrics *metrics, double ms)
{
    unsigned bucket = 0;
    while (bucket < METRIC_HASH_BUCKETS - 1 && ms > bucket_ms[bucket])
        bucket++;
    metrics_add(metrics, METRIC_HASHES, 1);
    metrics_add(metrics, METRIC_HASH_TIME, (uint64_t)(ms * 1000));
    metrics_add(metrics, METRIC_HASH_FIRST_BUCKET + bucket, 1);
}

uint64_t metrics_get(const struct metrics *metrics, enum metric_counter counter)
{
    return metrics != NULL ? atomic_load(&metrics->region->counters[counter]) : 0;
}

/* --- Counting by a text --- */

enum { TEXT_SIZE = METRICS_TEXT_WORDS * sizeof(uint64_t), PROBES = 32 };

union slot_text {
    char bytes[TEXT_SIZE];
    uint64_t words[METRICS_TEXT_WORDS];
};

/* The first word is written last, so that a text that has it is complete. It is 0 only in an empty text. */
static void write_slot(struct metrics_slot *slot, const union slot_text *text)
{
    for (size_t i = METRICS_TEXT_WORDS; i-- > 0;)
        atomic_store_explicit(&slot->text[i], text->words[i], memory_order_release);
}

static void add_to_slot(struct metrics_slot *slots, size_t count, const union slot_text *text, size_t length,
                        _Atomic uint64_t *other)
{
    const uint64_t key = text_hash((struct text){text->bytes, length}) | 1;
    for (size_t i = 0; i < PROBES; i++) {
        struct metrics_slot *slot = &slots[(key + i) % count];
        uint64_t found = atomic_load_explicit(&slot->key, memory_order_relaxed);
        if (found == 0 && atomic_compare_exchange_strong(&slot->key, &found, key))
            found = key;
        if (found != key)
            continue;
        if (atomic_load_explicit(&slot->text[0], memory_order_relaxed) != text->words[0])
            write_slot(slot, text);
        atomic_fetch_add_explicit(&slot->count, 1, memory_order_relaxed);
        return;
    }
    atomic_fetch_add_explicit(other, 1, memory_order_relaxed);
}

void metrics_add_answer(struct metrics *metrics, const char *endpoint, const char *outcome,
                        const char *reason)
{
    union slot_text text = {.words = {0}};
    if (metrics == NULL)
        return;
    const size_t length = strlen(endpoint) + strlen(outcome) + strlen(reason) + 2;
    _Atomic uint64_t *other = &metrics->region->counters[METRIC_OTHER_ANSWERS];
    if (length >= sizeof text.bytes) {
        atomic_fetch_add_explicit(other, 1, memory_order_relaxed);
        return;
    }
    stpcpy(stpcpy(stpcpy(stpcpy(stpcpy(text.bytes, endpoint), ","), outcome), ","), reason);
    add_to_slot(metrics->region->answers, METRICS_ANSWERS, &text, length, other);
}

void metrics_add_token(struct metrics *metrics, struct text client_id)
{
    union slot_text text = {.words = {0}};
    if (metrics == NULL)
        return;
    _Atomic uint64_t *other = &metrics->region->counters[METRIC_OTHER_CLIENTS];
    if (client_id.length >= sizeof text.bytes) {
        atomic_fetch_add_explicit(other, 1, memory_order_relaxed);
        return;
    }
    memcpy(text.bytes, client_id.data, client_id.length);
    add_to_slot(metrics->region->clients, METRICS_CLIENTS, &text, client_id.length, other);
}

/* A slot whose text is not that of its key is damaged, or not complete yet. */
static void visit_slots(const struct metrics_slot *slots, size_t count, metrics_visit *visit, void *context)
{
    for (size_t i = 0; i < count; i++) {
        union slot_text text;
        for (size_t j = 0; j < METRICS_TEXT_WORDS; j++)
            text.words[j] = atomic_load_explicit(&slots[i].text[j], memory_order_relaxed);
        text.bytes[TEXT_SIZE - 1] = '\0';
        const uint64_t key = atomic_load(&slots[i].key);
        if (key != 0 && key == (text_hash(text_of(text.bytes)) | 1))
            visit(context, text.bytes, atomic_load(&slots[i].count));
    }
}

void metrics_each_answer(const struct metrics *metrics, metrics_visit *visit, void *context)
{
    if (metrics != NULL)
        visit_slots(metrics->region->answers, METRICS_ANSWERS, visit, context);
}

void metrics_each_client(const struct metrics *metrics, metrics_visit *visit, void *context)
{
    if (metrics != NULL)
        visit_slots(metrics->region->clients, METRICS_CLIENTS, visit, context);
}
