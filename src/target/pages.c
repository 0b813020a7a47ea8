// Sets of pages, a word of 64 at a time.
#include "target/pages.h"

/** The bits [first, end) of one word, 0 <= first < end <= 64. */
static uint64_t mask_of(unsigned first, unsigned end)
{
	return UINT64_MAX << first & UINT64_MAX >> (64 - end);
}

void seep_pages_put(uint64_t *bits, size_t first, size_t end, bool value)
{
	for (size_t next; first < end; first = next) {
		size_t word = first / 64;
		next = (word + 1) * 64 < end ? (word + 1) * 64 : end;
		uint64_t mask = mask_of(first % 64, next - word * 64);
		bits[word] = value ? bits[word] | mask : bits[word] & ~mask;
	}
}

size_t seep_pages_next(const uint64_t *bits, size_t first, size_t end, bool value)
{
	for (size_t next; first < end; first = next) {
		size_t word = first / 64;
		next = (word + 1) * 64 < end ? (word + 1) * 64 : end;
		uint64_t found = (value ? bits[word] : ~bits[word]) &
				 mask_of(first % 64, next - word * 64);
		if (found)
			return word * 64 + __builtin_ctzll(found);
	}
	return end;
}
