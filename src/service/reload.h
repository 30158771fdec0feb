/* Holds the current snapshot, and replaces it on SIGHUP or when the files on disk change. */
#ifndef SERVICE_RELOAD_H
#define SERVICE_RELOAD_H

#include "service/service.h"

struct reload;

/* Takes the caller's reference to `first`, and gives it a verifier, which later snapshots share. Returns NULL
 * if memory runs out; the caller keeps the reference then. */
struct reload *reload_new(struct service *first);
void reload_free(struct reload *reload);

/* Returns the current snapshot, never NULL. The caller releases it with service_release(). Thread-safe. */
struct service *reload_current(struct reload *reload);

/* Writes a line of at most 255 bytes to the log of the current snapshot. Thread-safe. */
void reload_log(struct reload *reload, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As metrics_add() and metrics_set() with the metrics of the current snapshot. Thread-safe. */
void reload_count(struct reload *reload, enum metric_counter counter, uint64_t count);
void reload_set_gauge(struct reload *reload, enum metric_gauge gauge, uint64_t value);

/* Reopens the log, and reloads everything from the configuration file. Errors are logged, and the old
 * snapshot stays in force. Only one thread may call this and reload_if_changed(). */
void reload_all(struct reload *reload);

/* Checks the accounts and key files. Loads a changed file once it has not changed for 100 ms, or 500 ms after
 * the change was seen, so that a file is not read while it is written. A file that cannot be used is retried
 * every ten seconds. Returns the milliseconds after which to call it again. */
int reload_if_changed(struct reload *reload);

#endif
