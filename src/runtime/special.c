// Specials: finalizers, weak handles and cleanups that hang on heap objects, and the queues of those about to run.
//
// Each span lists its specials {next, offset, kind} with a payload behind the header (runtime/mheap.go). The collector
// keeps a finalizer's function and all that its object points to, a weak handle, and a cleanup's function and argument. Queued finalizers
// stand in blocks of 101, all linked from allfin; cleanups since Go 1.25 in blocks linked from gcCleanups.all.
#include "runtime/internal.h"

enum {
	SPECIALS_MAX = 1 << 26,
	BLOCKS_MAX = 1 << 20,
	FIN_PER_BLOCK_MAX = 4096,
	CLEANUPS_PER_BLOCK_MAX = 4096
};

static bool read_special(struct seep_runtime *rt, uint32_t span, seep_addr addr, uint64_t offset,
			 uint8_t kind)
{
	const struct seep_layout *l = &rt->binary->layout;
	const struct seep_span *s = &rt->heap.spans.data[span];
	struct seep_special ret = { .object = { span, s->elem_size ? offset / s->elem_size : 0 } };

	if (ret.object.slot >= s->nelems)
		return true;
	if (rt->binary->newer_than_known) {
		// Kinds and payloads have no type descriptors: count whatever they may be.
		ret.kind = SEEP_SPECIAL_WEAK_HANDLE;
		for (unsigned i = 0; i < 3; i++)
			ret.words[i] =
				seep_memory_word(&rt->memory, addr + l->special_size + 8 * i);
		return seep_vec_push(&rt->specials, ret);
	}
	if (kind == l->special_kind_finalizer) {
		ret.kind = SEEP_SPECIAL_FINALIZER;
		ret.words[0] = seep_memory_word(&rt->memory, addr + l->special_finalizer_fn);
		ret.type = seep_memory_word(&rt->memory, addr + l->special_finalizer_ot);
	} else if (kind == l->special_kind_weak_handle) {
		ret.kind = SEEP_SPECIAL_WEAK_HANDLE;
		ret.words[0] = seep_memory_word(&rt->memory, addr + l->special_weak_handle_handle);
	} else if (kind == l->special_kind_cleanup) {
		ret.kind = SEEP_SPECIAL_CLEANUP;
		// {fn} up to 1.25, {call, fn, arg} since 1.26; between header and fn there are only pointers.
		unsigned n = 0;
		for (int32_t at = l->special_size; n < 3 && at + 8 <= l->special_cleanup_size - 8;
		     at += 8)
			ret.words[n++] = seep_memory_word(&rt->memory, addr + at);
	} else {
		rt->sampled_objects += kind == l->special_kind_profile;
		return true;
	}
	return seep_vec_push(&rt->specials, ret);
}

static bool read_finalizer_queue(struct seep_runtime *rt)
{
	const struct seep_layout *l = &rt->binary->layout;
	seep_addr block = seep_memory_word(&rt->memory, rt->binary->globals.allfin);

	for (size_t n = 0; block && n < BLOCKS_MAX;
	     n++, block = seep_memory_word(&rt->memory, block + l->fin_block_alllink)) {
		uint32_t count = 0;
		if (!seep_memory_u32(&rt->memory, block + l->fin_block_cnt, &count) ||
		    count > FIN_PER_BLOCK_MAX)
			return true;
		for (uint32_t i = 0; i < count; i++) {
			seep_addr f = block + l->fin_block_fin + i * (seep_addr)l->finalizer_size;
			const int32_t fields[] = { l->finalizer_fn, l->finalizer_arg,
						   l->finalizer_fint, l->finalizer_ot };
			for (unsigned k = 0; k < 4; k++)
				if (!seep_vec_push(&rt->queued,
						   seep_memory_word(&rt->memory, f + fields[k])))
					return false;
		}
	}
	return true;
}

static bool read_cleanup_queue(struct seep_runtime *rt)
{
	const struct seep_layout *l = &rt->binary->layout;

	if (!rt->binary->globals.cleanups || l->cleanup_queue_all < 0)
		return true;
	seep_addr block =
		seep_memory_word(&rt->memory, rt->binary->globals.cleanups + l->cleanup_queue_all);
	uint32_t words = l->cleanup_fn_size > 0 ? l->cleanup_fn_size / 8 :
						  1; // 1.25: just the function

	for (size_t n = 0; block && n < BLOCKS_MAX;
	     n++, block = seep_memory_word(&rt->memory, block + l->cleanup_block_alllink)) {
		uint32_t count = 0;
		if (!seep_memory_u32(&rt->memory, block + l->cleanup_block_n, &count) ||
		    count > CLEANUPS_PER_BLOCK_MAX)
			return true;
		for (uint32_t i = 0; i < count * words; i++)
			if (!seep_vec_push(
				    &rt->queued,
				    seep_memory_word(&rt->memory,
						     block + l->cleanup_block_cleanups + 8 * i)))
				return false;
	}
	return true;
}

struct seep_error *seep_specials_read(struct seep_runtime *rt)
{
	const struct seep_layout *l = &rt->binary->layout;
	size_t n = 0;

	for (size_t i = 0; i < rt->heap.spans.len; i++) {
		seep_addr next = rt->heap.spans.data[i].specials;
		for (; next && n < SPECIALS_MAX; n++) {
			const unsigned char *p = seep_memory_at(&rt->memory, next, l->special_size);
			if (!p)
				break;
			if (!read_special(rt, i, next, seep_special_offset(l, p),
					  p[l->special_kind]))
				return &seep_enomem;
			next = seep_le64(p + l->special_next);
		}
	}
	return read_finalizer_queue(rt) && read_cleanup_queue(rt) ? NULL : &seep_enomem;
}
