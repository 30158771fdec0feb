/* Configuration, accounts, keys and log as one immutable snapshot. A request keeps the snapshot that it
 * started with; a reload replaces the current one. */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "account/account_scan.h"
#include "account/account_table.h"
#include "base/hmac.h"
#include "base/log.h"
#include "config/config.h"
#include "metrics/metrics.h"
#include "password/verifier.h"
#include "service/load_status.h"
#include "throttle/throttle_store.h"
#include "token/jwt_issue.h"
#include "token/revocation.h"

struct service {
    refcount holders;
    struct config *config;
    struct account_table *accounts; /* NULL if `scan` is set */
    struct account_scan *scan;      /* for service_for_one_request() */
    struct password_units *units;   /* cost of hashes, as measured on this machine */
    struct keyset *keys;
    struct jwt_issuer *issuer; /* issues access tokens; depends on keys and config */
    struct hmac pepper;        /* key of service_digest(); depends on keys */
    struct log *log;
    struct load_status *status;
    struct metrics *metrics;         /* NULL: nothing is counted */
    struct throttle_store *throttle; /* NULL: failures are not counted */
    struct revocations *revocations;
    struct verifier *verifier; /* NULL: the calling thread hashes, as in a plain CGI process */
};

/* Loads everything that `config_file` names except the throttle store, and opens the log. All messages go to
 * `diagnostics`. Returns NULL on error. */
struct service *service_load(const char *config_file, struct diagnostics *diagnostics);

/* Like service_load(), but reuses the measurements of `previous`. */
struct service *service_load_again(const struct service *previous, struct diagnostics *diagnostics);

/* Returns the policy for the accounts' hashes. It is valid as long as the service. */
struct password_policy service_password_policy(const struct service *service);

/* Opens the throttle store of the configuration and the metrics of its folder, or shares those of `previous`
 * (NULL: none) if they are the same. Returns false if there is no throttle store. */
bool service_open_throttle_store(struct service *service, const struct service *previous,
                                 struct diagnostics *diagnostics);

/* Calls service_load() and service_open_throttle_store() for a program that starts. Messages go to standard
 * error and, once it is open, to the log, as spawn-fcgi discards standard error. Code that a later reload may
 * need is loaded now, as the process may be sandboxed then. */
struct service *service_start(const char *config_file);

/* Replaces the issuer of tokens and the pepper after the keys have changed. Returns false if memory runs out,
 * after adding an error. */
bool service_prepare_issuer(struct service *service, struct diagnostics *diagnostics);

/* Returns a digest of `text` keyed with the pepper of the key set: the same in every process and after a
 * rotation. It cannot be predicted from outside. */
uint64_t service_digest(const struct service *service, struct text text);

/* Writes what is loaded: "50 accounts, 22 unusable; 1 key". Returns `out`. */
enum { SERVICE_SUMMARY_SIZE = 96 };
const char *service_summary(const struct service *service, char out[SERVICE_SUMMARY_SIZE]);

/* Like service_load(), with standard error as the log. */
struct service *service_load_quietly(const char *config_file, struct diagnostics *diagnostics);

struct service_counts {
    size_t accounts; /* lines */
    size_t unusable;
    size_t keys;
};

/* Implements `token.fcgi -t` and `tokenctl check`. If root calls it, it becomes the configuration's user. It
 * loads everything, checks whether the log and the throttle store could be opened (without opening them, as
 * that would leave files of the wrong owner), and measures the accounts' hashes, which a start does not do.
 * Returns false if the program would not start; else `counts` is filled. */
bool service_examine(const char *config_file, struct diagnostics *diagnostics, struct service_counts *counts);

/* Calls service_examine(), and prints all messages to standard error and, if there is no error, a summary to
 * standard output. */
bool service_check(const char *config_file);

/* Makes a service for one request from a configuration and a log. It loads nothing that the request may not
 * need. Takes both references, whatever the result. Returns NULL on error. */
struct service *service_for_one_request(struct config *config, struct log *log,
                                        struct diagnostics *diagnostics);

/* Iterates over the lines of a client_id in the order of the file; start with `*cursor` 0. The texts of an
 * entry are valid as long as the service. */
enum account_found service_find_account(const struct service *service, struct text client_id, size_t *cursor,
                                        struct account_entry *entry);

/* Finds a usable line that has a hash, always the same one for the same `choice` and file. */
enum account_found service_decoy_account(const struct service *service, uint64_t choice,
                                         struct account_entry *entry);

/* Logs the start: version, configuration, user, and the numbers of accounts, unusable ones and keys. */
void service_log_started(const struct service *service);

struct service *service_hold(struct service *service);
void service_release(struct service *service); /* NULL is allowed */

#endif
