/* Where the current snapshot stands, and what puts a newer one there: SIGHUP, and a change of the files on
 * disk. */
#ifndef SERVICE_RELOAD_H
#define SERVICE_RELOAD_H

#include "service/service.h"

struct reload;

/* Takes over the caller's hold of `first`, and gives it a verifier, which later snapshots share. NULL: out of
 * memory, and the hold stays the caller's. */
struct reload *reload_new(struct service *first);
void reload_free(struct reload *reload);

/* The current snapshot, never NULL: service_release() it. Any thread may call it at any time. */
struct service *reload_current(struct reload *reload);

/* Opens the log again, and loads everything anew from the configuration file. What is wrong is logged, and
 * the old stays. One thread calls this and the next. */
void reload_all(struct reload *reload);

/* Looks at the accounts and key files, and takes a change over once the file has been still for a tenth of a
 * second, or half a second after the change was seen: so that a file is not read while it is written. One
 * that cannot be used is tried again every ten seconds. Call it again after the milliseconds it returns. */
int reload_if_changed(struct reload *reload);

#endif
