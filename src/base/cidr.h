/* IP addresses and networks (RFC 4632, RFC 4291 §2.3). IPv4 is stored as ::ffff:a.b.c.d, so that both
 * spellings of one address compare equal. */
#ifndef BASE_CIDR_H
#define BASE_CIDR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct address {
    unsigned char bytes[16];
};

struct network {
    struct address address;
    unsigned prefix; /* 0–128, counted in the IPv6 form: an IPv4 /24 is 120 */
};

/* Parses "192.0.2.1", "2001:db8::1" or "::ffff:192.0.2.1". */
bool address_parse(const char *text, size_t length, struct address *address);

/* Parses a client's address as web servers write REMOTE_ADDR. Beyond what address_parse() reads, it
 * accepts "fe80::1%eth0", whose zone is ignored (RFC 4007 §11), "[2001:db8::1]", "[2001:db8::1]:443" and
 * "192.0.2.1:443". RFC 3875 §4.1.8 has none of these forms. */
bool address_parse_remote(const char *text, size_t length, struct address *address);

/* Parses "ADDRESS" or "ADDRESS/PREFIX". Bits set after the prefix are an error, because they are probably
 * a typing mistake. */
bool network_parse(const char *text, size_t length, struct network *network);

/* Parses a list of networks that commas separate, with spaces around them or not. network_list_is_valid()
 * returns whether each item is one; network_list_contains() returns whether one contains `address` (NULL:
 * unknown, in none), and ignores an item that is not a network. */
bool network_list_is_valid(struct text list);
bool network_list_contains(struct text list, const struct address *address);

bool network_contains(const struct network *network, const struct address *address);

/* Returns the network with `prefix` bits, counted in the IPv6 form, that contains the address. */
struct network network_around(const struct address *address, unsigned prefix);

bool address_is_ipv4(const struct address *address);

#define NETWORK_TEXT_SIZE 64
/* Writes the same text for both forms of an address: "192.0.2.1" for "::ffff:192.0.2.1", too. */
void address_format(const struct address *address, char out[NETWORK_TEXT_SIZE]);
/* Writes "192.0.2.0/24" or "2001:db8::/48", and no prefix for a single address. */
void network_format(const struct network *network, char out[NETWORK_TEXT_SIZE]);

#endif
