/* What a request is answered with: configuration, accounts, keys and log, as one immutable snapshot. A
 * request holds the one it started with; a reload puts another in its place. */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "account/account_scan.h"
#include "account/account_table.h"
#include "base/log.h"
#include "config/config.h"
#include "password/verifier.h"
#include "throttle/throttle_store.h"
#include "token/jwt_issue.h"

struct service {
    refcount holders;
    struct config *config;
    struct account_table *accounts; /* NULL where there is `scan` */
    struct account_scan *scan;      /* of a service for one request */
    struct password_units *units;   /* what hashes cost here */
    struct keyset *keys;
    struct jwt_issuer *signer; /* of access tokens, by the keys and the configuration */
    struct log *log;
    struct throttle_store *state; /* NULL: failures are not counted */
    struct verifier *verifier;    /* NULL: whoever asks hashes, as a plain CGI process does */
};

/* Loads everything that `config_file` names but the state, and opens the log; every problem goes to `report`.
 * NULL: there was an error. */
struct service *service_load(const char *config_file, struct diagnostics *diagnostics);

/* The same for a process that has loaded one before: what was measured then is taken over. */
struct service *service_load_again(const struct service *previous, struct diagnostics *diagnostics);

/* What the accounts' hashes are judged by. It lives as long as the service. */
struct password_policy service_password_policy(const struct service *service);

/* Opens the state that the configuration names, or shares that of `previous` (NULL: none) if it is the same.
 * False: there was an error. */
bool service_open_throttle_store(struct service *service, const struct service *previous,
                                 struct diagnostics *diagnostics);

/* Both for a program that starts: problems go to standard error and, once it is open, to the log, as
 * spawn-fcgi throws standard error away. Code that a later reload may need is loaded, too: the process may be
 * confined then. */
struct service *service_start(const char *config_file);

/* Makes the signer anew, after the keys have changed. False: no memory; reported. */
bool service_prepare_issuer(struct service *service, struct diagnostics *diagnostics);

/* The same with standard error in the place of the log. */
struct service *service_load_quietly(const char *config_file, struct diagnostics *diagnostics);

/* What `token.fcgi -t` and `tokenctl check` do: becomes the configuration's user, if root called it, loads
 * all of it, looks whether the log could be opened, which it does not do, as a file of the wrong owner would
 * stay behind, and likewise at the state, measures the accounts' hashes (which a start does not), prints
 * every problem to standard error and, where there is no error, a summary to standard output. False: the
 * program would not start. */
bool service_check(const char *config_file);

/* Puts a service for one request, with nothing loaded that it may not need, together from a configuration and
 * a log, whose holds it takes over, whatever the result. NULL: there was an error. */
struct service *service_for_one_request(struct config *config, struct log *log,
                                        struct diagnostics *diagnostics);

/* The lines of one client_id, in the order of the file: start with `*cursor` 0. The texts of an entry live
 * until the next call. */
enum account_found service_find_account(const struct service *service, struct text client_id, size_t *cursor,
                                        struct account_entry *entry);

/* A usable line that has a hash, always the same for the same choice and file. */
enum account_found service_decoy_account(const struct service *service, uint64_t choice,
                                         struct account_entry *entry);

/* Logs that the program serves from now on: version, configuration, whom it runs as, how many accounts, how
 * many of them are unusable, how many keys. */
void service_log_started(const struct service *service);

struct service *service_hold(struct service *service);
void service_release(struct service *service); /* NULL is allowed */

#endif
