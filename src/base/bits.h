/** Bitmaps in arrays of u64. */
#ifndef SEEP_BASE_BITS_H
#define SEEP_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEP_BITS_WORDS(n) (((size_t)(n) + 63) / 64)

static inline bool seep_bit_get(const uint64_t *bits, size_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}
static inline void seep_bit_set(uint64_t *bits, size_t i)
{
	bits[i / 64] |= (uint64_t)1 << (i % 64);
}
static inline void seep_bit_clear(uint64_t *bits, size_t i)
{
	bits[i / 64] &= ~((uint64_t)1 << (i % 64));
}

#endif
