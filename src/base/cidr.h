/* Internet addresses and networks (RFC 4632, RFC 4291 §2.3). IPv4 is held as ::ffff:a.b.c.d, so the two
 * spellings of one address are equal. */
#ifndef BASE_CIDR_H
#define BASE_CIDR_H

#include <stdbool.h>
#include <stddef.h>

struct address {
    unsigned char bytes[16];
};

struct network {
    struct address address;
    unsigned prefix; /* 0–128, counted in the IPv6 form: an IPv4 /24 is 120 */
};

/* Parses "192.0.2.1", "2001:db8::1" or "::ffff:192.0.2.1". */
bool address_parse(const char *text, size_t length, struct address *address);

/* Parses "ADDRESS" or "ADDRESS/PREFIX". Bits set behind the prefix are an error: it is a slip of the pen. */
bool network_parse(const char *text, size_t length, struct network *network);

bool network_contains(const struct network *network, const struct address *address);

#endif
