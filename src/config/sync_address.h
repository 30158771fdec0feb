/* The value of the key `sync`: addresses of Redis or Valkey, or of Sentinels that know it. */
#ifndef CONFIG_SYNC_ADDRESS_H
#define CONFIG_SYNC_ADDRESS_H

#include <stdbool.h>

#include "base/text.h"

enum { SYNC_NAME_MAX = 64 };

struct sync_address {
    struct text path; /* of a Unix socket; else absent */
    struct text host; /* a name or an address, without brackets; else absent */
    long port;
};

/* Returns the error in the list, with its remedy; NULL if there is none. It has one address or more, which
 * spaces separate: `unix:/path`, `host:port`, `[address]:port`; or `sentinel:NAME@host:port`, after which
 * more Sentinels may follow as `host:port`. */
const char *sync_addresses_fault(struct text list);

/* Returns the NAME under which the Sentinels know the engine. Absent: the addresses are those of the engine.
 */
struct text sync_addresses_sentinel(struct text list);

/* Reads the address in front of the rest of a valid list, and sets `rest` behind it. Returns false at the
 * end. */
bool sync_address_next(struct text *rest, struct sync_address *address);

#endif
