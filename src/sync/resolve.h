/* Looks up names of hosts, with a bound on the time: the C library alone may take a minute. */
#ifndef SYNC_RESOLVE_H
#define SYNC_RESOLVE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum { RESOLVE_ADDRESSES = 4 };

struct resolved {
    size_t count;
    char addresses[RESOLVE_ADDRESSES][INET6_ADDRSTRLEN];
};

/* Looks the name up in at most `ms` milliseconds. A text that is an address is not looked up. Returns NULL,
 * or why there is no address: a constant text. */
const char *resolve_host(const char *host, long ms, struct resolved *resolved);

#endif
