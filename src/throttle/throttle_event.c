#include "throttle/throttle_event.h"

#include <string.h>

#include "base/byte_order.h"

/* The type, the time, the tenths and the size of the key; then the key; then the network, if there is one. */
enum { TYPE_SIZE = 1, TIME_SIZE = 8, TENTHS_SIZE = 4, KEY_SIZE_SIZE = 1, NETWORK_SIZE = 17, MOST_BITS = 128 };
enum { HEAD_SIZE = TYPE_SIZE + TIME_SIZE + TENTHS_SIZE + KEY_SIZE_SIZE };

size_t throttle_event_write(const struct throttle_event *event, unsigned char *out)
{
    const unsigned char *begin = out;
    out = bytes_put(out, event->type, TYPE_SIZE);
    out = bytes_put(out, (uint64_t)event->time_ms, TIME_SIZE);
    out = bytes_put(out, event->tenths, TENTHS_SIZE);
    out = bytes_put(out, event->key.size, KEY_SIZE_SIZE);
    memcpy(out, event->key.bytes, event->key.size);
    out += event->key.size;
    if (event->has_network) {
        memcpy(out, event->network.address.bytes, sizeof event->network.address.bytes);
        out = bytes_put(out + sizeof event->network.address.bytes, event->network.prefix, 1);
    }
    return (size_t)(out - begin);
}

static bool read_event_network(const unsigned char *bytes, size_t size, struct throttle_event *event)
{
    event->has_network = size > 0;
    if (size == 0)
        return true;
    if (size != NETWORK_SIZE || event->type != THROTTLE_EVENT_CLEAR || bytes[NETWORK_SIZE - 1] > MOST_BITS)
        return false;
    memcpy(event->network.address.bytes, bytes, sizeof event->network.address.bytes);
    event->network.prefix = bytes[NETWORK_SIZE - 1];
    return true;
}

/* A pair may be one that no key of this program can be, but then it is one that nobody asks for. */
bool throttle_event_read(const void *bytes, size_t size, struct throttle_event *event)
{
    const unsigned char *at = bytes;
    *event = (struct throttle_event){.tenths = 0};
    if (size < HEAD_SIZE || at[0] < THROTTLE_EVENT_TENTH || at[0] > THROTTLE_EVENT_CLEAR)
        return false;
    event->type = (enum throttle_event_type)at[0];
    at += TYPE_SIZE;
    event->time_ms = (int64_t)bytes_get(at, TIME_SIZE);
    at += TIME_SIZE;
    event->tenths = (uint32_t)bytes_get(at, TENTHS_SIZE);
    at += TENTHS_SIZE;
    const size_t key_size = *at++;
    if (key_size > size - HEAD_SIZE || !throttle_key_read(at, key_size, &event->key))
        return false;
    const enum throttle_level level = throttle_key_level(&event->key);
    return (level == THROTTLE_PAIR || level == THROTTLE_LONG_PAIR) && event->time_ms >= 0 &&
           (event->tenths == 0 || event->type == THROTTLE_EVENT_MATCH) &&
           read_event_network(at + key_size, size - HEAD_SIZE - key_size, event);
}
