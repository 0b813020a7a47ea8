// Allocation stacks: a sampled object has a special that leads to a bucket of the memory profile.
//
// The special is {header, *bucket}. A bucket (runtime/mprof.go), in every release from 1.18 to 1.27:
//
//	offset	size
//	0	8	next in the hash table
//	8	8	next of all
//	16	8	kind: 1 = memory
//	24	8	hash
//	32	8	bytes of the object as asked for
//	40	8	pcs that follow
//	48	8 each	return addresses, innermost first; then the counts, which change between releases and are not needed
//
// The stacks are "logical": the runtime has expanded inlined calls when it took them (runtime.tracebackPCs, and gentraceback
// before), all but those of the outermost entry where the stack was too long.
//
// What says whether anything is sampled at all is runtime.MemProfileRate. The linker has it set to 0 in programs that do not use the profile
// (runtime.disableMemoryProfiling), which are most of those that do not import net/http/pprof.
#include "runtime/profile.h"

enum { BUCKET_KIND = 16, BUCKET_COUNT = 40, BUCKET_STACK = 48, KIND_MEMORY = 1 };
enum { SPECIALS_IN_SPAN_MAX = 1 << 20 };
/** That much heap without one sample means that there are none, at 512 KiB between two of them. */
enum { UNSAMPLED_BYTES = 64 << 20 };

enum seep_sampling seep_sampling(const struct seep_runtime *rt, uint64_t *rate_ret)
{
	uint64_t rate = 0;
	bool known = rt->binary->globals.mem_profile_rate &&
		     seep_memory_u64(&rt->memory, rt->binary->globals.mem_profile_rate, &rate);

	if ((int64_t)rate < 0)
		rate = 0;
	if (rate_ret)
		*rate_ret = rate;
	// Some are always sampled before a program comes to set the rate to 0.
	if (known)
		return rate ? SEEP_SAMPLING_ON : SEEP_SAMPLING_OFF;
	if (rt->sampled_objects)
		return SEEP_SAMPLING_ON;
	return rt->heap.bytes >= UNSAMPLED_BYTES ? SEEP_SAMPLING_OFF : SEEP_SAMPLING_UNKNOWN;
}

/** The bucket of an object, 0 if it has none. */
static seep_addr find_bucket(const struct seep_runtime *rt, struct seep_object object)
{
	const struct seep_layout *l = &rt->binary->layout;
	const struct seep_span *span = &rt->heap.spans.data[object.span];
	seep_addr next = span->specials;

	for (uint32_t n = 0; next && n < SPECIALS_IN_SPAN_MAX; n++) {
		const unsigned char *p = seep_memory_at(&rt->memory, next, l->special_size + 8);
		if (!p)
			return 0;
		uint64_t slot = seep_special_offset(l, p) / span->elem_size;
		if (slot > object.slot) // sorted
			return 0;
		if (slot == object.slot && p[l->special_kind] == l->special_kind_profile)
			return seep_le64(p + l->special_size);
		next = seep_le64(p + l->special_next);
	}
	return 0;
}

bool seep_allocation_stack(const struct seep_runtime *rt, struct seep_object object, seep_addr *pcs,
			   size_t max, size_t *count_ret)
{
	const struct seep_span *span = &rt->heap.spans.data[object.span];

	if (rt->binary->newer_than_known || !rt->sampled_objects || span->tiny || !span->elem_size)
		return false;
	seep_addr bucket = find_bucket(rt, object);
	const unsigned char *head = bucket ? seep_memory_at(&rt->memory, bucket, BUCKET_STACK) :
					     NULL;
	if (!head || seep_le64(head + BUCKET_KIND) != KIND_MEMORY)
		return false;
	uint64_t count = seep_le64(head + BUCKET_COUNT);
	if (count > SEEP_ALLOCATION_DEPTH_MAX)
		return false;
	const unsigned char *stack = seep_memory_at(&rt->memory, bucket + BUCKET_STACK, count * 8);
	if (!stack || count == 0)
		return false;
	if (count > max)
		count = max;
	for (uint64_t i = 0; i < count; i++)
		pcs[i] = seep_le64(stack + 8 * i);
	*count_ret = count;
	return true;
}
