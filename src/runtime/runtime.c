// Puts the model together; each part is read by its own file.
#include "runtime/internal.h"

#include <stdlib.h>

/** The copy first, then what of the executable is not in it. */
static struct seep_error *join_memory(struct seep_runtime *rt, struct seep_target *target)
{
	struct seep_error *err = NULL;
	const struct seep_memory *parts[] = { seep_target_memory(target),
					      &rt->binary->image.memory };

	for (size_t p = 0; p < 2; p++)
		for (size_t i = 0; !err && i < parts[p]->len; i++)
			err = seep_memory_add(&rt->memory, parts[p]->segments[i]);
	return err;
}

static void check_stacks(struct seep_runtime *rt)
{
	for (size_t i = 0; i < rt->goroutines.len; i++) {
		struct seep_goroutine *g = &rt->goroutines.data[i];
		struct seep_unwinder u;
		if (seep_unwind_start(rt, g, &u)) {
			while (seep_unwind_next(&u))
				;
			g->unwound = u.complete;
		}
		if (!g->unwound)
			rt->not_unwound++;
		if (!g->stack)
			rt->unread_stacks++;
	}
}

struct seep_error *seep_runtime_read(struct seep_target *target, const struct seep_binary *binary,
				     struct seep_runtime **ret)
{
	struct seep_error *err;
	struct seep_runtime *rt = calloc(1, sizeof(*rt));
	if (!rt)
		return &seep_enomem;
	rt->binary = binary;
	rt->threads = seep_target_threads(target, &rt->thread_count);
	rt->now = seep_target_moment(target).monotonic_ns;
	rt->wall_now = seep_target_moment(target).realtime_ns;
	err = join_memory(rt, target);
	seep_types_init(&rt->types, &rt->memory, &binary->pclntab.module, binary->minor);
	if (!err)
		err = seep_heap_read(&rt->memory, binary, &rt->types, &rt->heap);
	if (!err)
		err = seep_sites_init(rt);
	if (!err)
		err = seep_goroutines_read(rt);
	if (!err && rt->now == 0)
		seep_clock_read(rt);
	if (!err)
		err = seep_waits_read(rt);
	if (!err)
		err = seep_timers_read(rt);
	if (!err)
		err = seep_specials_read(rt);
	if (err) {
		seep_runtime_destroy(rt);
		return err;
	}
	check_stacks(rt);
	struct seep_stop_stats stats = seep_target_stats(target);
	rt->unread_parts = stats.pages_unreadable + stats.spans_left_out;
	*ret = rt;
	return NULL;
}

bool seep_runtime_is_blind(const struct seep_runtime *rt)
{
	return rt->binary->pclntab.module.next != 0 || rt->heap.unread_spans || rt->unread_stacks ||
	       rt->unread_parts;
}

void seep_runtime_destroy(struct seep_runtime *rt)
{
	if (!rt)
		return;
	seep_heap_deinit(&rt->heap);
	seep_types_deinit(&rt->types);
	seep_sites_destroy(rt->sites);
	seep_memory_deinit(&rt->memory);
	seep_map_deinit(&rt->goroutine_of);
	seep_map_deinit(&rt->timer_of_channel);
	seep_vec_free(&rt->goroutines);
	seep_vec_free(&rt->waits);
	seep_vec_free(&rt->timers);
	seep_vec_free(&rt->specials);
	seep_vec_free(&rt->queued);
	seep_vec_free(&rt->queue);
	seep_vec_free(&rt->runtime_edges);
	seep_vec_free(&rt->tiny_blocks);
	seep_vec_free(&rt->thread_words);
	free(rt);
}
