/**
 * The target's memory at one moment, as host copies: sorted segments that do not overlap. Whoever
 * analyses reads through this alone, wherever the bytes came from (the executable's file, a stopped
 * process, later a core file).
 */
#ifndef SEEP_TARGET_MEMORY_H
#define SEEP_TARGET_MEMORY_H

#include "base/buffer.h"
#include "base/error.h"

struct seep_segment {
	seep_addr start, end;
	const unsigned char *bytes; /** [start, end); borrowed from whoever made the segment. */
};

struct seep_memory {
	struct seep_segment *segments; /** sorted by start */
	size_t len, cap;
};

/** Adds [segment.start, segment.end) where no segment stands yet: what is there already wins. */
struct seep_error *seep_memory_add(struct seep_memory *memory, struct seep_segment segment)
	_must_check_;
void seep_memory_deinit(struct seep_memory *memory);

/** The segment that holds addr, or NULL. */
const struct seep_segment *seep_memory_find(const struct seep_memory *memory, seep_addr addr);

/** The len bytes at addr, or NULL unless one segment holds them all. */
static inline const void *seep_memory_at(const struct seep_memory *memory, seep_addr addr,
					 uint64_t len)
{
	const struct seep_segment *s = seep_memory_find(memory, addr);

	return s && len <= s->end - addr ? s->bytes + (addr - s->start) : NULL;
}
/**
 * From addr to the end of its segment, at most max bytes; an empty buffer when nothing is there.
 */
static inline struct seep_buffer seep_memory_buffer(const struct seep_memory *memory,
						    seep_addr addr, uint64_t max)
{
	const struct seep_segment *s = seep_memory_find(memory, addr);

	if (!s)
		return (struct seep_buffer){};
	uint64_t left = s->end - addr;
	return seep_buffer_of(s->bytes + (addr - s->start), left < max ? left : max);
}
static inline bool seep_memory_u64(const struct seep_memory *memory, seep_addr addr, uint64_t *ret)
{
	const void *p = seep_memory_at(memory, addr, 8);

	if (p)
		*ret = seep_le64(p);
	return p != NULL;
}
/** The word at addr, 0 if it cannot be read: for pointers, where both mean that there is nothing. */
static inline uint64_t seep_memory_word(const struct seep_memory *memory, seep_addr addr)
{
	const void *p = seep_memory_at(memory, addr, 8);

	return p ? seep_le64(p) : 0;
}
static inline bool seep_memory_u32(const struct seep_memory *memory, seep_addr addr, uint32_t *ret)
{
	const void *p = seep_memory_at(memory, addr, 4);

	if (p)
		*ret = seep_le32(p);
	return p != NULL;
}

#endif
