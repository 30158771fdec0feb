/* Messages between machines, sealed: who reads or writes the stream that they go through learns no client_id,
 * no address and no token, and forges none.
 *
 * A message is, in this order:
 *
 *     "TS", the version (1 byte)
 *     the length of the name (1 byte), the name of the machine that sent it
 *     a fingerprint of the key (8 bytes): HMAC of the name under the derived key
 *     the session (16 random bytes), the counter of the session (8 bytes)
 *     the sealed body
 *     the tag (16 bytes)
 *
 * The body is sealed by ChaCha20-Poly1305 (RFC 8439), and everything before it is authenticated with it. The
 * key is derived by HKDF (RFC 5869) from the pepper of the key set, the issuer and the session, and the nonce
 * is the counter. A session is one run of the sender, so no nonce is used twice, whatever happens to the
 * state folder. The name is readable, so that a machine whose pepper differs can be named in the log. */
#ifndef SYNC_MESSAGE_H
#define SYNC_MESSAGE_H

#include <nettle/chacha-poly1305.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "config/sync_address.h"
#include "database/outbox.h"
#include "token/pepper.h"

enum sync_kind { SYNC_REVOCATIONS = 1, SYNC_FAILURES = 2 };

enum { SYNC_SESSION_SIZE = 16, SYNC_DERIVED_SIZE = 32, SYNC_BODY_MAX = 16384, SYNC_SEALED_MAX = 17 * 1024 };

/* The derived key, as secret as the pepper: the caller wipes it. */
struct sync_secret {
    unsigned char bytes[SYNC_DERIVED_SIZE];
};

/* Messages of another issuer are of another key, so that nobody can copy them from its streams. */
void sync_secret_derive(const unsigned char pepper[PEPPER_SIZE], struct text issuer,
                        struct sync_secret *secret);

/* --- Writing --- */

/* The entries of one outbox, whose numbers follow each other. */
struct sync_message {
    enum sync_kind kind;
    unsigned char instance[OUTBOX_INSTANCE_SIZE]; /* of the outbox */
    uint64_t first;  /* number of the first entry; 0: the entries have no numbers */
    int64_t sent_ms; /* by the clock of the sender */
    size_t count;    /* of the entries */

    /* Private */
    size_t size;
    size_t at; /* of the next entry to read */
    unsigned char body[SYNC_BODY_MAX];
};

void sync_message_begin(struct sync_message *message, enum sync_kind kind,
                        const unsigned char instance[OUTBOX_INSTANCE_SIZE], uint64_t first);

/* Returns false if the message has no place for the entry, which has at most OUTBOX_CHUNK_MAX bytes. */
bool sync_message_add(struct sync_message *message, const void *bytes, size_t size);

/* One run of a sender. The caller wipes it. */
struct sync_session {
    char name[SYNC_NAME_MAX + 1];
    unsigned char id[SYNC_SESSION_SIZE];
    uint64_t counter;
    struct sync_secret secret;
    struct chacha_poly1305_ctx cipher;
};

/* `name` has at most SYNC_NAME_MAX bytes. Returns false if there are no random bytes. */
bool sync_session_start(struct sync_session *session, const struct sync_secret *secret, const char *name);

/* Seals the message into `out`, which holds SYNC_SEALED_MAX bytes. Returns their number. Messages can be
 * sealed again, to be sent again. */
size_t sync_message_seal(struct sync_message *message, struct sync_session *session, int64_t sent_ms,
                         unsigned char *out);

/* --- Reading --- */

enum { SYNC_KNOWN_SESSIONS = 8 };

/* The keys of sessions from which messages came last. The caller wipes it. Starts with only `secret`. */
struct sync_opener {
    struct sync_secret secret;
    struct {
        bool is_used;
        unsigned char id[SYNC_SESSION_SIZE];
        struct chacha_poly1305_ctx cipher;
    } sessions[SYNC_KNOWN_SESSIONS];
    size_t next;
};

enum sync_opened {
    SYNC_OPENED,
    SYNC_FOREIGN,       /* not a message of this program */
    SYNC_OTHER_VERSION, /* of a version that this program does not know */
    SYNC_OTHER_PEPPER,  /* of a machine whose key set has another pepper */
    SYNC_FORGED,        /* changed, or not made by who it says */
};

/* What can be read of a message without its key. */
struct sync_origin {
    struct text name; /* points into the sealed bytes; foreign text unless the message was opened */
    unsigned char session[SYNC_SESSION_SIZE];
};

/* The message is valid if the result is SYNC_OPENED, and the origin unless it is SYNC_FOREIGN or
 * SYNC_OTHER_VERSION. */
enum sync_opened sync_message_open(struct sync_opener *opener, const unsigned char *bytes, size_t size,
                                   struct sync_message *message, struct sync_origin *origin);

/* Reads the next entry, which points into the message. Returns false behind the last one. */
bool sync_message_next(struct sync_message *message, const unsigned char **bytes, size_t *size);

#endif
