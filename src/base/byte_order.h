/* Numbers as bytes, the most significant one first: the same on every machine, and in the order of LMDB's
 * keys. */
#ifndef BASE_BYTE_ORDER_H
#define BASE_BYTE_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* Writes the last `size` bytes of the number. Returns the end of what was written. */
static inline unsigned char *bytes_put(unsigned char *out, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (unsigned char)(number >> (8 * (size - 1 - i)));
    return out + size;
}

/* Reads `size` bytes, at most 8. */
static inline uint64_t bytes_get(const unsigned char *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | bytes[i];
    return number;
}

#endif
