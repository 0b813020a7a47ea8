// runtime.allm lists every m that was ever made and not let go; the runtime keeps threads for later work and rarely ends one.
//
// m.curg is the goroutine that the thread works for, also while it is in a system call or in C: only when the scheduler takes
// the processor away does it forget. A goroutine that is locked to a thread (LockOSThread) names it in g.lockedm, and the
// thread names the goroutine in m.lockedg; while that goroutine is parked, the thread does nothing else.
#include "runtime/thread.h"

enum { MS_MAX = 1 << 20 };

static struct seep_range stack_of(const struct seep_runtime *rt, seep_addr g)
{
	const struct seep_layout *l = &rt->binary->layout;
	struct seep_range r = {};

	if (g)
		r = (struct seep_range){ seep_memory_word(&rt->memory, g + l->g_stack_lo),
					 seep_memory_word(&rt->memory, g + l->g_stack_hi) };
	return r.start < r.end ? r : (struct seep_range){};
}

static uint32_t goroutine_at(const struct seep_runtime *rt, seep_addr g)
{
	const uint64_t *index = g ? seep_map_get(&rt->goroutine_of, g) : NULL;

	return index ? (uint32_t)*index : SEEP_NO_GOROUTINE;
}

static struct seep_error *index_threads(const struct seep_runtime *rt, struct seep_map *ret)
{
	for (size_t i = 0; i < rt->thread_count; i++) {
		uint64_t *slot = rt->threads[i].procid > 0 ?
					 seep_map_put(ret, rt->threads[i].procid, NULL) :
					 NULL;
		if (slot)
			*slot = i;
		else if (rt->threads[i].procid > 0)
			return &seep_enomem;
	}
	return NULL;
}

struct seep_error *seep_ms_read(const struct seep_runtime *rt, struct seep_ms *ret)
{
	struct seep_error *err;
	const struct seep_layout *l = &rt->binary->layout;
	const struct seep_memory *memory = &rt->memory;
	struct seep_map by_procid _cleanup_(seep_map_deinit) = {};

	*ret = (struct seep_ms){};
	err = index_threads(rt, &by_procid);
	if (err)
		return err;
	seep_addr m = seep_memory_word(memory, rt->binary->globals.allm);
	for (size_t n = 0; m && n < MS_MAX; n++, m = seep_memory_word(memory, m + l->m_alllink)) {
		uint64_t procid = seep_memory_word(memory, m + l->m_procid);
		const uint64_t *thread = procid ? seep_map_get(&by_procid, procid) : NULL;
		struct seep_m item = {
			.addr = m,
			.thread = thread ? &rt->threads[*thread] : NULL,
			.curg = goroutine_at(rt, seep_memory_word(memory, m + l->m_curg)),
			.lockedg = goroutine_at(rt, seep_memory_word(memory, m + l->m_lockedg)),
			.g0 = stack_of(rt, seep_memory_word(memory, m + l->m_g0)),
			.signal = stack_of(rt, seep_memory_word(memory, m + l->m_gsignal)),
		};
		if (!seep_vec_push(&ret->v, item)) {
			seep_ms_deinit(ret);
			return &seep_enomem;
		}
	}
	return NULL;
}

void seep_ms_deinit(struct seep_ms *ms)
{
	seep_vec_free(&ms->v);
}
