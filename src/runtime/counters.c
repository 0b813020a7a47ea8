// The counters of a running process.
//
// The heap is a word of runtime.gcController, which the collector itself goes by. The number of goroutines is nowhere as a word that could be
// found: runtime.allglen counts the dead, too, which wait to be used again, so it is only the most that there ever were at a time. That
// is enough as long as it is below what is watched for; else the status of each is read. A runtime.g is never freed, and the
// list of them only grows: into a new array, the old one being garbage then, which is noticed.
#include "runtime/counters.h"

#include "runtime/internal.h"
#include "runtime/memory_stats.h"

#include <stdlib.h>

/** Those that lie together are read together. */
enum { BLOCK_BYTES = 64 << 10, TRIES = 3 };

static struct seep_error *read_word(struct seep_target *target, seep_addr addr, uint64_t *ret)
{
	unsigned char bytes[8];
	struct seep_error *err = seep_target_read(target, addr, bytes, sizeof(bytes));

	if (!err)
		*ret = seep_le64(bytes);
	return err;
}

/** runtime.gcController.heapLive; 0 where it is not known. */
static seep_addr find_heap_live(struct seep_target *target, const struct seep_binary *binary)
{
	const struct seep_layout *l = &binary->layout;
	seep_addr at = binary->globals.gc_controller;

	if (!at || l->gc_controller_size <= 0 || l->gc_controller_heap_live < 0)
		return 0;
	_cleanup_free_ unsigned char *bytes = malloc(l->gc_controller_size);
	if (!bytes)
		return 0;
	struct seep_error *err = seep_target_read(target, at, bytes, l->gc_controller_size);
	bool is_it = !err && seep_is_gc_controller(l, bytes);
	seep_error_destroy(err);
	return is_it ? at + (uint32_t)l->gc_controller_heap_live : 0;
}

struct seep_counters seep_counters_find(struct seep_target *target,
					const struct seep_binary *binary)
{
	return (struct seep_counters){
		.allglen = binary->globals.allglen,
		.allgptr = binary->globals.allgptr,
		.status = (uint32_t)binary->layout.g_atomicstatus,
		.heap_live = find_heap_live(target, binary),
	};
}

struct seep_error *seep_counters_alive(struct seep_target *target,
				       const struct seep_counters *counters)
{
	uint64_t word;

	return read_word(target, counters->allglen, &word);
}

struct seep_error *seep_counters_heap(struct seep_target *target,
				      const struct seep_counters *counters, uint64_t *ret)
{
	if (!counters->heap_live)
		return seep_error_format(
			SEEP_ERROR_MISSING_INFO,
			"where the runtime counts its heap is not known for this program");
	return read_word(target, counters->heap_live, ret);
}

/** How many of the goroutines, which lie in any order, are not dead. */
static struct seep_error *count_living(struct seep_target *target, uint32_t status,
				       const unsigned char *gs, uint64_t count, uint64_t *ret)
{
	_cleanup_free_ unsigned char *block = malloc(BLOCK_BYTES);
	struct seep_error *err;
	uint64_t living = 0;

	if (!block)
		return &seep_enomem;
	for (uint64_t i = 0, next; i < count; i = next) {
		seep_addr start = seep_le64(gs + 8 * i), last = start;
		for (next = i + 1; next < count; next++) {
			seep_addr g = seep_le64(gs + 8 * next);
			if (g < last || g - start > BLOCK_BYTES - 4)
				break;
			last = g;
		}
		err = seep_target_read(target, start + status, block, last - start + 4);
		if (err)
			return err;
		for (; i < next; i++)
			living += !seep_status_is_dead(
				seep_le32(block + (seep_le64(gs + 8 * i) - start)));
	}
	*ret = living;
	return NULL;
}

/** *again_ret: the list moved meanwhile. */
static struct seep_error *count_once(struct seep_target *target, const struct seep_counters *c,
				     uint64_t enough, uint64_t *ret, bool *again_ret)
{
	struct seep_error *err;
	uint64_t count = 0, array = 0, after = 0;

	*again_ret = false;
	// In this order: a list has room for the number that was published after it.
	err = read_word(target, c->allglen, &count);
	if (!err && count > SEEP_GOROUTINES_MAX)
		err = seep_error_format(SEEP_ERROR_BAD_DATA,
					"the number of goroutines makes no sense");
	if (err || count <= enough) {
		*ret = count;
		return err;
	}
	_cleanup_free_ unsigned char *gs = malloc(8 * count);
	if (!gs)
		return &seep_enomem;
	err = read_word(target, c->allgptr, &array);
	if (!err)
		err = seep_target_read(target, array, gs, 8 * count);
	if (!err)
		err = count_living(target, c->status, gs, count, ret);
	if (err && err->code != SEEP_ERROR_FAULT)
		return err;
	struct seep_error *other = read_word(target, c->allgptr, &after);
	*again_ret = !other && after != array;
	if (err)
		seep_error_destroy(other);
	return err ? err : other;
}

struct seep_error *seep_counters_goroutines(struct seep_target *target,
					    const struct seep_counters *counters, uint64_t enough,
					    uint64_t *ret)
{
	struct seep_error *err = NULL;
	bool again = true;

	for (unsigned i = 0; again && i < TRIES; i++) {
		seep_error_destroy(err);
		err = count_once(target, counters, enough, ret, &again);
	}
	if (again && !err)
		*ret = enough; // nothing is known but that there may be more: the next look will tell
	return err;
}
