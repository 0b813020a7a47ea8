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
	CLEANUPS_PER_BLOCK_MAX = 4096,
	OBLET_BYTES = 128 << 10, // maxObletBytes of runtime/mgcmark.go
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

/** Adds an entry's words, unless they are all zero: a cleanup that has run. */
static bool add_queued(struct seep_runtime *rt, struct seep_queued entry, const seep_addr *words,
		       uint32_t count)
{
	seep_addr any = 0;

	for (uint32_t i = 0; i < count; i++)
		any |= words[i];
	if (!any)
		return true;
	entry.first_word = rt->queued.len;
	entry.word_count = count;
	for (uint32_t i = 0; i < count; i++)
		if (!seep_vec_push(&rt->queued, words[i]))
			return false;
	return seep_vec_push(&rt->queue, entry);
}

/** Is a goroutine in a finalizer's or cleanup's function, with that word on its stack? 0 = any word. */
static bool is_running(const struct seep_runtime *rt, enum seep_runs runs, seep_addr value)
{
	for (size_t i = 0; i < rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[i];
		uint64_t word;
		if (g->runs != runs || g->system)
			continue;
		if (!value)
			return true;
		for (seep_addr at = g->sp & ~7ull; seep_stack_word(g, at, &word); at += 8)
			if (word == value)
				return true;
	}
	return false;
}

/** Blocks of finalizers that nobody has begun with yet. */
static bool read_waiting_blocks(const struct seep_runtime *rt, struct seep_map *ret)
{
	seep_addr block = seep_memory_word(&rt->memory, rt->binary->globals.finq);

	for (size_t n = 0; block && n < BLOCKS_MAX; n++) {
		if (!seep_map_put(ret, block, NULL))
			return false;
		block = seep_memory_word(&rt->memory, block + rt->binary->layout.fin_block_next);
	}
	return true;
}

static bool read_finalizer_block(struct seep_runtime *rt, seep_addr block, uint32_t count)
{
	const struct seep_layout *l = &rt->binary->layout;

	for (uint32_t i = 0; i < count; i++) {
		seep_addr f = block + l->fin_block_fin + i * (seep_addr)l->finalizer_size;
		const int32_t fields[] = { l->finalizer_fn, l->finalizer_arg, l->finalizer_fint,
					   l->finalizer_ot };
		seep_addr words[SEEP_QUEUED_WORDS];
		for (unsigned k = 0; k < SEEP_QUEUED_WORDS; k++)
			words[k] = seep_memory_word(&rt->memory, f + fields[k]);
		struct seep_queued entry = { .object = words[1], .type = words[3] };
		if (!add_queued(rt, entry, words, SEEP_QUEUED_WORDS))
			return false;
	}
	return true;
}

/**
 * The goroutine takes the whole chain of blocks, runs the first from its end, and gives each block back when it is through: so the entry at work is
 * the last of the one block that is neither waiting nor behind another one of those taken.
 */
static bool read_finalizer_queue(struct seep_runtime *rt)
{
	const struct seep_layout *l = &rt->binary->layout;
	seep_addr block = seep_memory_word(&rt->memory, rt->binary->globals.allfin);
	struct seep_map waiting = {}, behind = {};
	struct seep_vec(uint64_t) heads = {}; // {block, its last entry + 1}
	bool ok = read_waiting_blocks(rt, &waiting);

	for (size_t n = 0; ok && block && n < BLOCKS_MAX;
	     n++, block = seep_memory_word(&rt->memory, block + l->fin_block_alllink)) {
		uint32_t count = 0;
		if (!seep_memory_u32(&rt->memory, block + l->fin_block_cnt, &count) ||
		    count > FIN_PER_BLOCK_MAX)
			break;
		ok = read_finalizer_block(rt, block, count);
		if (count == 0 || seep_map_get(&waiting, block))
			continue;
		seep_addr next = seep_memory_word(&rt->memory, block + l->fin_block_next);
		ok = ok && (!next || seep_map_put(&behind, next, NULL)) &&
		     seep_vec_push(&heads, block) && seep_vec_push(&heads, rt->queue.len);
	}
	for (size_t i = 0; is_running(rt, SEEP_RUNS_FINALIZERS, 0) && i + 1 < heads.len; i += 2)
		if (!seep_map_get(&behind, heads.data[i]) && heads.data[i + 1] > 0)
			rt->queue.data[heads.data[i + 1] - 1].running = true;
	seep_map_deinit(&waiting);
	seep_map_deinit(&behind);
	seep_vec_free(&heads);
	return ok;
}

static bool read_cleanup_queue(struct seep_runtime *rt)
{
	const struct seep_layout *l = &rt->binary->layout;
	seep_addr words[SEEP_QUEUED_WORDS];

	if (!rt->binary->globals.cleanups || l->cleanup_queue_all < 0)
		return true;
	seep_addr block =
		seep_memory_word(&rt->memory, rt->binary->globals.cleanups + l->cleanup_queue_all);
	uint32_t size = l->cleanup_fn_size > 0 ? l->cleanup_fn_size / 8 :
						 1; // 1.25: just the function

	if (size > SEEP_QUEUED_WORDS)
		size = SEEP_QUEUED_WORDS;
	for (size_t n = 0; block && n < BLOCKS_MAX;
	     n++, block = seep_memory_word(&rt->memory, block + l->cleanup_block_alllink)) {
		uint32_t count = 0;
		if (!seep_memory_u32(&rt->memory, block + l->cleanup_block_n, &count) ||
		    count > CLEANUPS_PER_BLOCK_MAX)
			return true;
		// In 1.25 the entry at work is the first that has not been cleared; since 1.26 it is cleared before.
		bool running = size == 1 && count && is_running(rt, SEEP_RUNS_CLEANUPS, block);
		for (uint32_t i = 0; i < count; i++) {
			struct seep_queued entry = { .cleanup = true, .running = running };
			for (uint32_t k = 0; k < size; k++)
				words[k] = seep_memory_word(&rt->memory,
							    block + l->cleanup_block_cleanups +
								    8ull * (i * size + k));
			if (!add_queued(rt, entry, words, size))
				return false;
			running = running && !words[0];
		}
	}
	return true;
}

bool seep_pointer_to_self(const struct seep_span *span, seep_addr object, seep_addr addr,
			  seep_addr value)
{
	uint64_t len = span->elem_size;

	if (len > OBLET_BYTES) {
		object += (addr - object) / OBLET_BYTES * OBLET_BYTES;
		len = OBLET_BYTES;
	}
	return value - object < len;
}

void seep_special_pointers(const struct seep_runtime *rt, const struct seep_special *s,
			   void (*visit)(seep_addr value, bool precise, void *arg), void *arg)
{
	const struct seep_span *span = &rt->heap.spans.data[s->object.span];
	seep_addr object = seep_heap_address(&rt->heap, s->object), value;
	struct seep_pointers walk;
	uint64_t word;

	for (unsigned k = 0; k < 3; k++)
		if (s->words[k])
			visit(s->words[k], false, arg);
	if (s->kind != SEEP_SPECIAL_FINALIZER || span->noscan)
		return;
	seep_pointers_start(&rt->heap, s->object, &walk);
	while (seep_pointers_next(&walk, &word, &value))
		if (value && !seep_pointer_to_self(span, object, object + 8 * word, value))
			visit(value, !walk.guess, arg);
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
