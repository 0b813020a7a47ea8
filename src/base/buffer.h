/**
 * Bounds-checked reading of little-endian bytes that nobody vouches for.
 *
 * Every read states its size and fails by returning false; on failure nothing advances and nothing is stored.
 */
#ifndef SEEP_BASE_BUFFER_H
#define SEEP_BASE_BUFFER_H

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** An address in the target; never a host pointer. */
typedef uint64_t seep_addr;

static inline uint16_t seep_le16(const void *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}
static inline uint32_t seep_le32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}
static inline uint64_t seep_le64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/** A cursor over [pos, end); the bytes are borrowed. */
struct seep_buffer {
	const unsigned char *pos, *end;
};

static inline struct seep_buffer seep_buffer_of(const void *bytes, size_t len)
{
	return (struct seep_buffer){ bytes, (const unsigned char *)bytes + len };
}
static inline size_t seep_buffer_left(const struct seep_buffer *buf)
{
	return buf->end - buf->pos;
}
/** The next len bytes, passed over; NULL when there are fewer. */
static inline const void *seep_buffer_bytes(struct seep_buffer *buf, size_t len)
{
	if (len > seep_buffer_left(buf))
		return NULL;
	const void *p = buf->pos;
	buf->pos += len;
	return p;
}
#define SEEP_BUFFER_READ_(bits)                                                      \
	_must_check_ static inline bool seep_buffer_u##bits(struct seep_buffer *buf, \
							    uint##bits##_t *ret)     \
	{                                                                            \
		const void *p = seep_buffer_bytes(buf, bits / 8);                    \
		if (p)                                                               \
			memcpy(ret, p, bits / 8);                                    \
		return p != NULL;                                                    \
	}
SEEP_BUFFER_READ_(8)
SEEP_BUFFER_READ_(16)
SEEP_BUFFER_READ_(32)
SEEP_BUFFER_READ_(64)

/** Unsigned LEB128 ("uvarint" of the Go sources), at most 64 bits. */
_must_check_ static inline bool seep_buffer_uvarint(struct seep_buffer *buf, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 10 && i < seep_buffer_left(buf); i++) {
		unsigned char b = buf->pos[i];
		if (i == 9 && b > 1)
			return false;
		v |= (uint64_t)(b & 0x7f) << (7 * i);
		if (b < 0x80) {
			buf->pos += i + 1;
			*ret = v;
			return true;
		}
	}
	return false;
}
/** The NUL-terminated string at the cursor, passed over with its NUL; NULL when no NUL comes within max bytes. */
static inline const char *seep_buffer_cstring(struct seep_buffer *buf, size_t max)
{
	size_t left = seep_buffer_left(buf);
	const unsigned char *nul = left ? memchr(buf->pos, 0, left < max ? left : max) : NULL;
	const char *s = (const char *)buf->pos;

	if (!nul)
		return NULL;
	buf->pos = nul + 1;
	return s;
}

#endif
