#include "sync/message.h"

#include <nettle/hkdf.h>
#include <nettle/hmac.h>
#include <string.h>

#include "base/byte_order.h"
#include "base/secret.h"

enum {
    VERSION = 1,
    MAGIC_SIZE = 2,
    FINGERPRINT_SIZE = 8,
    COUNTER_SIZE = 8,
    TAG_SIZE = 16,
    /* the two bytes, the version and the length of the name */
    BEFORE_NAME = MAGIC_SIZE + 2,
    BEHIND_NAME = FINGERPRINT_SIZE + SYNC_SESSION_SIZE + COUNTER_SIZE,
    /* The body ends in zeros, so that its size tells little about the lengths in it. */
    BODY_UNIT = 64,
    LENGTH_SIZE = 2,
};

/* The body: kind, instance, number of the first entry, time and count; then each entry with its length. */
enum {
    KIND_AT = 0,
    INSTANCE_AT = 1,
    FIRST_AT = INSTANCE_AT + OUTBOX_INSTANCE_SIZE,
    TIME_AT = FIRST_AT + 8,
    COUNT_AT = TIME_AT + 8,
    ENTRIES_AT = COUNT_AT + 2,
    COUNT_MAX = UINT16_MAX,
};

/* Times can be subtracted from each other. */
static const int64_t latest_ms = INT64_MAX / 4;

static const unsigned char magic[MAGIC_SIZE] = {'T', 'S'};

_Static_assert(SYNC_SEALED_MAX >= BEFORE_NAME + SYNC_NAME_MAX + BEHIND_NAME + SYNC_BODY_MAX + TAG_SIZE,
               "a sealed message has a place");
_Static_assert(SYNC_BODY_MAX % BODY_UNIT == 0, "a full body has no more zeros");

/* --- Keys --- */

static void hkdf(const struct sync_secret *secret, struct text label, const void *info, size_t size,
                 unsigned char out[SYNC_DERIVED_SIZE])
{
    struct hmac_sha256_ctx hmac;
    unsigned char text[64 + SYNC_NAME_MAX];
    memcpy(text, label.data, label.length);
    memcpy(text + label.length, info, size);
    hmac_sha256_set_key(&hmac, sizeof secret->bytes, secret->bytes);
    hkdf_expand(&hmac, (nettle_hash_update_func *)hmac_sha256_update,
                (nettle_hash_digest_func *)hmac_sha256_digest, SHA256_DIGEST_SIZE, label.length + size, text,
                SYNC_DERIVED_SIZE, out);
    secret_wipe(&hmac, sizeof hmac);
}

/* HKDF-Extract of the pepper, which always has the same size, and the issuer behind it. */
void sync_secret_derive(const unsigned char pepper[PEPPER_SIZE], struct text issuer,
                        struct sync_secret *secret)
{
    static const unsigned char salt[] = "token-sync";
    struct hmac_sha256_ctx hmac;
    hmac_sha256_set_key(&hmac, sizeof salt - 1, salt);
    hmac_sha256_update(&hmac, PEPPER_SIZE, pepper);
    hmac_sha256_update(&hmac, issuer.length, (const unsigned char *)issuer.data);
    hmac_sha256_digest(&hmac, SYNC_DERIVED_SIZE, secret->bytes);
    secret_wipe(&hmac, sizeof hmac);
}

static void make_fingerprint(const struct sync_secret *secret, struct text name,
                             unsigned char out[SYNC_DERIVED_SIZE])
{
    hkdf(secret, text_of("name "), name.data, name.length, out);
}

static void make_cipher(const struct sync_secret *secret, const unsigned char id[SYNC_SESSION_SIZE],
                        struct chacha_poly1305_ctx *cipher)
{
    unsigned char key[SYNC_DERIVED_SIZE];
    hkdf(secret, text_of("session "), id, SYNC_SESSION_SIZE, key);
    chacha_poly1305_set_key(cipher, key);
    secret_wipe(key, sizeof key);
}

static void set_nonce(struct chacha_poly1305_ctx *cipher, uint64_t counter)
{
    unsigned char nonce[CHACHA_POLY1305_NONCE_SIZE] = {0};
    bytes_put(nonce + sizeof nonce - COUNTER_SIZE, counter, COUNTER_SIZE);
    chacha_poly1305_set_nonce(cipher, nonce);
}

/* --- Writing --- */

void sync_message_begin(struct sync_message *message, enum sync_kind kind,
                        const unsigned char instance[OUTBOX_INSTANCE_SIZE], uint64_t first)
{
    message->kind = kind;
    memcpy(message->instance, instance, OUTBOX_INSTANCE_SIZE);
    message->first = first;
    message->count = 0;
    message->size = ENTRIES_AT;
}

bool sync_message_add(struct sync_message *message, const void *bytes, size_t size)
{
    if (message->count == COUNT_MAX || SYNC_BODY_MAX - message->size < LENGTH_SIZE + size)
        return false;
    memcpy(bytes_put(message->body + message->size, size, LENGTH_SIZE), bytes, size);
    message->size += LENGTH_SIZE + size;
    message->count++;
    return true;
}

bool sync_session_start(struct sync_session *session, const struct sync_secret *secret, const char *name)
{
    *session = (struct sync_session){.counter = 0, .secret = *secret};
    strncpy(session->name, name, sizeof session->name - 1);
    if (!secret_random(session->id, sizeof session->id))
        return false;
    make_cipher(secret, session->id, &session->cipher);
    return true;
}

/* Returns the end of what was written. */
static unsigned char *write_message_head(const struct sync_session *session, unsigned char *out)
{
    unsigned char fingerprint[SYNC_DERIVED_SIZE];
    const struct text name = text_of(session->name);
    memcpy(out, magic, MAGIC_SIZE);
    out = bytes_put(out + MAGIC_SIZE, VERSION, 1);
    out = bytes_put(out, name.length, 1);
    memcpy(out, name.data, name.length);
    out += name.length;
    make_fingerprint(&session->secret, name, fingerprint);
    memcpy(out, fingerprint, FINGERPRINT_SIZE);
    out += FINGERPRINT_SIZE;
    memcpy(out, session->id, SYNC_SESSION_SIZE);
    return bytes_put(out + SYNC_SESSION_SIZE, session->counter, COUNTER_SIZE);
}

/* Returns the size of the body, which is a multiple of BODY_UNIT. */
static size_t finish_body(struct sync_message *message)
{
    const size_t size = (message->size + BODY_UNIT - 1) / BODY_UNIT * BODY_UNIT;
    bytes_put(message->body + KIND_AT, message->kind, 1);
    memcpy(message->body + INSTANCE_AT, message->instance, OUTBOX_INSTANCE_SIZE);
    bytes_put(message->body + FIRST_AT, message->first, 8);
    bytes_put(message->body + TIME_AT, (uint64_t)message->sent_ms, 8);
    bytes_put(message->body + COUNT_AT, message->count, 2);
    memset(message->body + message->size, 0, size - message->size);
    return size;
}

size_t sync_message_seal(struct sync_message *message, struct sync_session *session, int64_t sent_ms,
                         unsigned char *out)
{
    message->sent_ms = sent_ms;
    session->counter++;
    const size_t size = finish_body(message);
    unsigned char *sealed = write_message_head(session, out);
    set_nonce(&session->cipher, session->counter);
    chacha_poly1305_update(&session->cipher, (size_t)(sealed - out), out);
    chacha_poly1305_encrypt(&session->cipher, size, sealed, message->body);
    chacha_poly1305_digest(&session->cipher, TAG_SIZE, sealed + size);
    return (size_t)(sealed - out) + size + TAG_SIZE;
}

/* --- Reading --- */

static struct chacha_poly1305_ctx *find_cipher(struct sync_opener *opener,
                                               const unsigned char id[SYNC_SESSION_SIZE])
{
    for (size_t i = 0; i < SYNC_KNOWN_SESSIONS; i++) {
        if (opener->sessions[i].is_used && memcmp(opener->sessions[i].id, id, SYNC_SESSION_SIZE) == 0)
            return &opener->sessions[i].cipher;
    }
    const size_t i = opener->next;
    opener->next = (i + 1) % SYNC_KNOWN_SESSIONS;
    opener->sessions[i].is_used = true;
    memcpy(opener->sessions[i].id, id, SYNC_SESSION_SIZE);
    make_cipher(&opener->secret, id, &opener->sessions[i].cipher);
    return &opener->sessions[i].cipher;
}

/* Reads the opened body. Returns false if it is none. */
static bool read_message_body(struct sync_message *message)
{
    const unsigned char *body = message->body;
    message->kind = (enum sync_kind)body[KIND_AT];
    memcpy(message->instance, body + INSTANCE_AT, OUTBOX_INSTANCE_SIZE);
    message->first = bytes_get(body + FIRST_AT, 8);
    message->sent_ms = (int64_t)bytes_get(body + TIME_AT, 8);
    message->count = (size_t)bytes_get(body + COUNT_AT, 2);
    message->at = ENTRIES_AT;
    if ((message->kind != SYNC_REVOCATIONS && message->kind != SYNC_FAILURES) || message->sent_ms < 0 ||
        message->sent_ms > latest_ms || message->first > UINT64_MAX - COUNT_MAX)
        return false;
    size_t at = ENTRIES_AT;
    for (size_t i = 0; i < message->count; i++) {
        if (message->size - at < LENGTH_SIZE)
            return false;
        const size_t size = (size_t)bytes_get(body + at, LENGTH_SIZE);
        at += LENGTH_SIZE;
        if (message->size - at < size)
            return false;
        at += size;
    }
    return true;
}

bool sync_message_next(struct sync_message *message, const unsigned char **bytes, size_t *size)
{
    if (message->count == 0)
        return false;
    message->count--;
    *size = (size_t)bytes_get(message->body + message->at, LENGTH_SIZE);
    *bytes = message->body + message->at + LENGTH_SIZE;
    message->at += LENGTH_SIZE + *size;
    return true;
}

static enum sync_opened open_body(struct sync_opener *opener, const unsigned char *bytes, size_t head,
                                  size_t size, struct sync_message *message, const struct sync_origin *origin)
{
    unsigned char tag[TAG_SIZE];
    const unsigned char *sealed = bytes + head;
    struct chacha_poly1305_ctx *cipher = find_cipher(opener, origin->session);
    message->size = size - head - TAG_SIZE;
    set_nonce(cipher, bytes_get(sealed - COUNTER_SIZE, COUNTER_SIZE));
    chacha_poly1305_update(cipher, head, bytes);
    chacha_poly1305_decrypt(cipher, message->size, message->body, sealed);
    chacha_poly1305_digest(cipher, TAG_SIZE, tag);
    return secret_equal(tag, sealed + message->size, TAG_SIZE) && read_message_body(message) ? SYNC_OPENED
                                                                                             : SYNC_FORGED;
}

enum sync_opened sync_message_open(struct sync_opener *opener, const unsigned char *bytes, size_t size,
                                   struct sync_message *message, struct sync_origin *origin)
{
    unsigned char fingerprint[SYNC_DERIVED_SIZE];
    if (size < BEFORE_NAME || memcmp(bytes, magic, MAGIC_SIZE) != 0)
        return SYNC_FOREIGN;
    if (bytes[MAGIC_SIZE] != VERSION)
        return SYNC_OTHER_VERSION;
    const size_t name_size = bytes[MAGIC_SIZE + 1];
    const size_t head = BEFORE_NAME + name_size + BEHIND_NAME;
    if (name_size > SYNC_NAME_MAX || size < head + ENTRIES_AT + TAG_SIZE ||
        size > head + SYNC_BODY_MAX + TAG_SIZE)
        return SYNC_FOREIGN;
    origin->name = (struct text){(const char *)bytes + BEFORE_NAME, name_size};
    memcpy(origin->session, bytes + BEFORE_NAME + name_size + FINGERPRINT_SIZE, SYNC_SESSION_SIZE);
    make_fingerprint(&opener->secret, origin->name, fingerprint);
    if (memcmp(fingerprint, bytes + BEFORE_NAME + name_size, FINGERPRINT_SIZE) != 0)
        return SYNC_OTHER_PEPPER;
    return open_body(opener, bytes, head, size, message, origin);
}
