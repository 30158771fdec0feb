/* What a request is answered with: configuration, accounts, keys and log, as one immutable snapshot. A request holds the
 * one it started with; a reload puts another in its place. */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "account/account_table.h"
#include "base/config.h"
#include "base/log.h"
#include "token/keyset.h"

struct service {
    refcount holders;
    struct config *config;
    struct account_table *accounts;
    struct keyset *keys;
    struct log *log;
};

/* Loads everything that `config_file` names; every problem goes to `report`. NULL: there was an error. */
struct service *service_load(const char *config_file, struct report *report);
void service_release(struct service *service); /* NULL is allowed */

/* The place where the current snapshot stands. Threads may share it. */
struct service_slot;
struct service_slot *service_slot_new(struct service *first); /* takes over the caller's hold; NULL: out of memory */
void service_slot_free(struct service_slot *slot);
struct service *service_slot_hold(struct service_slot *slot); /* never NULL; service_release() it */

/* Loads everything anew from the configuration file (SIGHUP). What is wrong is logged, and the old stays. */
void service_slot_reload(struct service_slot *slot);

/* Looks at the accounts and key files and takes over a change once the file has been still for a tenth of a second, or half a
 * second after it was first seen. Call it from one thread, again after the milliseconds it returns. */
int service_slot_watch(struct service_slot *slot);

#endif
