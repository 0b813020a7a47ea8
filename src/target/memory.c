/*
 * Sorted segments of target memory.
 *
 * There are tens to a few thousand segments and millions of lookups, so the array is kept sorted at
 * insertion and searched by halving. Segments never overlap: an addition that meets what is there
 * already is cut into the pieces that fall into gaps, so whoever adds first decides. The bytes are
 * borrowed; only the array is ours.
 */
#include "target/memory.h"

#include "base/vec.h"

/** Index of the first segment that ends above addr; len when there is none. */
static size_t first_above(const struct seep_memory *memory, seep_addr addr)
{
	size_t low = 0, high = memory->len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (memory->segments[mid].end > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static struct seep_error *insert(struct seep_memory *memory, size_t at, struct seep_segment segment)
{
	if (memory->len == memory->cap && !seep_vec_grow_((void **)&memory->segments, &memory->cap,
							  memory->len + 1, sizeof(segment)))
		return &seep_enomem;
	struct seep_segment *slot = memory->segments + at;
	memmove(slot + 1, slot, (memory->len - at) * sizeof(segment));
	*slot = segment;
	memory->len++;
	return NULL;
}

struct seep_error *seep_memory_add(struct seep_memory *memory, struct seep_segment segment)
{
	struct seep_error *err;
	seep_addr at = segment.start;

	for (size_t i = first_above(memory, at); at < segment.end; i++) {
		const struct seep_segment *next = i < memory->len ? memory->segments + i : NULL;
		seep_addr gap_end = next && next->start < segment.end ? next->start : segment.end;
		seep_addr next_end = next ? next->end : segment.end;
		if (at < gap_end) {
			struct seep_segment piece = { at, gap_end,
						      segment.bytes + (at - segment.start) };
			err = insert(memory, i, piece);
			if (err)
				return err;
			i++;
		}
		at = next_end;
	}
	return NULL;
}

void seep_memory_deinit(struct seep_memory *memory)
{
	free(memory->segments);
	*memory = (struct seep_memory){};
}

const struct seep_segment *seep_memory_find(const struct seep_memory *memory, seep_addr addr)
{
	size_t i = first_above(memory, addr);

	return i < memory->len && memory->segments[i].start <= addr ? memory->segments + i : NULL;
}
