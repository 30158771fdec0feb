/* token.conf: `key = value` lines (CONTRACT: configuration). One table has every key with its default and
 * range. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/diagnostics.h"
#include "base/log.h"
#include "base/refcount.h"
#include "base/text.h"

/* The largest `threads` and `verify_concurrency`. */
enum { CONFIG_THREADS = 4096, CONFIG_VERIFIERS = 256 };

struct config {
    refcount holders;
    uint64_t given; /* one bit for each row of config_keys (config_key.h): the file has it */
    char *file;     /* the path of the configuration file */
    char *issuer;
    char *audience;
    char *accounts; /* this and the paths below are resolved */
    char *keys;
    char *state;
    char *log;
    char *token_typ;
    char *authorization_endpoint; /* NULL: none */
    char *status_from;            /* networks, separated by commas */
    char *user;                   /* NULL: none */
    uid_t owner;     /* files may belong to this user, as to root and the user of this process; 0: to no other
                        user */
    char *group;     /* NULL: none */
    char *sync;      /* where the engine is that machines exchange failures and revocations through: see
                        config/sync_address.h; NULL: nowhere */
    char *sync_user; /* NULL: the engine's default user */
    char *sync_password_file; /* NULL: no password */
    char *sync_name;          /* NULL: the host's name */
    char *mount_path; /* the path of the issuer, percent-decoded, without a trailing slash: "/apiops/auth", or
                         "" */
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
    long clock_skew;
    long check_max_age;
    long keys_max_age;
    long sync_wait;
    enum log_level log_level;
    enum log_format log_format;
    bool strict_rfc6749;
    bool check_accounts;
    bool allow_legacy_hashes;
    bool sandbox;
    bool sync_tls;
};

/* Returns the path from `option` (-c), otherwise $TOKEN_CONF, otherwise the compiled-in default. Never
 * NULL. */
const char *config_path(const char *option);

/* Reads and checks the whole file, and adds every error and warning to `diagnostics`. Sets
 * `diagnostics->user` to the configuration's `owner`, so that the files that it names are judged by it.
 * Returns NULL if there was an error or memory runs out. The caller holds the one reference. */
struct config *config_load(const char *path, struct diagnostics *diagnostics);
/* As config_load(), for `content` that is to replace that of the file at `path`, whose owner and mode are in
 * `status`. */
struct config *config_load_text(const char *path, struct text content, const struct stat *status,
                                struct diagnostics *diagnostics);
struct config *config_hold(struct config *config);
/* Drops a reference. NULL is allowed. */
void config_release(struct config *config);

#endif
