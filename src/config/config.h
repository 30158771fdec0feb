/* token.conf: `key = value` lines (CONTRACT: configuration). One table holds every key with its default and
 * range. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/diagnostics.h"
#include "base/log.h"
#include "base/refcount.h"

/* The most that `threads` and `verify_concurrency` may be. */
enum { CONFIG_THREADS = 4096, CONFIG_VERIFIERS = 256 };

struct config {
    refcount holders;
    char *file; /* where it was read from */
    char *issuer;
    char *audience;
    char *accounts; /* paths are resolved */
    char *keys;
    char *state;
    char *log;
    char *token_typ;
    char *user;       /* NULL: none */
    uid_t owner;      /* who may own the files beside root and the user of this process; 0: nobody */
    char *group;      /* NULL: none */
    char *mount_path; /* of the issuer, percent-decoded, without a slash at its end: "/apiops/auth", or "" */
    long token_lifetime;
    long threads;
    long idle_timeout;
    long verify_concurrency;
    long verify_queue;
    long verify_cost_limit; /* ms */
    long verify_cache_ttl;
    long throttle_failures;
    long throttle_window;
    long throttle_source_failures;
    long max_body;
    long request_timeout;
    long backlog;
    enum log_level log_level;
    bool strict_rfc6749;
    bool allow_legacy_hashes;
    bool sandbox;
};

/* The file that `option` (-c), else $TOKEN_CONF, else the compiled-in default names. Never NULL. */
const char *config_path(const char *option);

/* Reads and checks the whole file; every problem goes to `report`, whose `user` becomes the configuration's
 * `owner`: the files that it names are judged by that. NULL: there was an error, or no memory.
 * The caller is its one holder. */
struct config *config_load(const char *path, struct diagnostics *diagnostics);
struct config *config_hold(struct config *config);
/* NULL is allowed. */
void config_release(struct config *config);

#endif
