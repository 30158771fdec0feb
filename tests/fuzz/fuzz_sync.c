/* Messages between machines: of foreign bytes none is opened, and what is sealed is opened as it was, with
 * the events and revocations in it read as any bytes may be. */
#include "sync/message.h"

#include <stdlib.h>
#include <string.h>

#include "config/sync_address.h"
#include "throttle/throttle_event.h"
#include "token/revocation_table.h"

#include "fuzz.h"

static void check_event(const unsigned char *bytes, size_t size)
{
    unsigned char written[THROTTLE_EVENT_SIZE];
    struct throttle_event event;
    if (!throttle_event_read(bytes, size, &event))
        return;
    REQUIRE(throttle_event_write(&event, written) == size);
    REQUIRE(memcmp(written, bytes, size) == 0);
}

static void check_revocation(const unsigned char *bytes, size_t size)
{
    unsigned char written[REVOCATION_ENTRY_SIZE];
    struct revocation_entry entry;
    if (!revocation_entry_read(bytes, size, &entry))
        return;
    REQUIRE(revocation_entry_write(&entry, written) == size);
    REQUIRE(memcmp(written, bytes, size) == 0);
}

/* Seals the bytes as the one entry of a message. */
static void check_sealed(const struct sync_secret *secret, const char *bytes, size_t size)
{
    static const unsigned char instance[OUTBOX_INSTANCE_SIZE] = {1};
    static unsigned char sealed[SYNC_SEALED_MAX];
    struct sync_opener opener = {.secret = *secret};
    static struct sync_message message;
    struct sync_session session;
    struct sync_origin origin;
    const unsigned char *entry;
    size_t entry_size;
    REQUIRE(sync_session_start(&session, secret, "fuzz"));
    sync_message_begin(&message, SYNC_FAILURES, instance, 1);
    if (!sync_message_add(&message, bytes, size))
        return;
    const size_t sealed_size = sync_message_seal(&message, &session, 1, sealed);
    REQUIRE(sync_message_open(&opener, sealed, sealed_size, &message, &origin) == SYNC_OPENED);
    REQUIRE(sync_message_next(&message, &entry, &entry_size));
    REQUIRE(entry_size == size && memcmp(entry, bytes, size) == 0);
    REQUIRE(!sync_message_next(&message, &entry, &entry_size));
}

static void check_addresses(struct text text)
{
    struct text rest = text;
    struct sync_address address;
    if (sync_addresses_fault(text) != NULL)
        return;
    size_t count = 0;
    while (sync_address_next(&rest, &address)) {
        REQUIRE((address.path.data != NULL) != (address.host.data != NULL));
        REQUIRE(address.host.data == NULL || (address.port >= 1 && address.port <= 65535));
        REQUIRE(fuzz_is_inside(address.path.data != NULL ? address.path : address.host, text));
        count++;
    }
    REQUIRE(count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char pepper[PEPPER_SIZE] = {1};
    static struct sync_message message;
    const struct text text = fuzz_text(data, size);
    char *copy = fuzz_copy(text);
    struct sync_opener opener = {.next = 0};
    struct sync_origin origin;
    sync_secret_derive(pepper, text_of("https://api.example.com"), &opener.secret);
    const enum sync_opened opened =
        sync_message_open(&opener, (const unsigned char *)copy, size, &message, &origin);
    REQUIRE(opened != SYNC_OPENED);
    if (opened == SYNC_OTHER_PEPPER)
        REQUIRE(fuzz_is_inside(origin.name, (struct text){copy, size}));
    check_event((const unsigned char *)copy, size);
    check_revocation((const unsigned char *)copy, size);
    check_sealed(&opener.secret, copy, size);
    check_addresses((struct text){copy, size});
    free(copy);
    return 0;
}
