/* What a process knows of its loads: when it began, and what it refused last. All snapshots of a process
 * share one. */
#ifndef SERVICE_LOAD_STATUS_H
#define SERVICE_LOAD_STATUS_H

#include <stdint.h>

/* The most bytes of a reason, with its NUL. */
enum { LOAD_STATUS_REASON = 512 };

struct load_status;

/* The process begins now. The caller holds one reference. NULL if memory runs out. */
struct load_status *load_status_new(void);
struct load_status *load_status_hold(struct load_status *status);
void load_status_release(struct load_status *status); /* NULL is allowed */

/* Notes why a file was refused now. Thread-safe, as the next one. */
void load_status_refuse(struct load_status *status, const char *reason);

/* Copies the last reason. Returns the Unix time when it was noted; 0: there is none. */
int64_t load_status_refused(struct load_status *status, char reason[LOAD_STATUS_REASON]);

/* Returns the seconds since load_status_new(). */
int64_t load_status_uptime(const struct load_status *status);

#endif
