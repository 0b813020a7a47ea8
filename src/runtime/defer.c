// Chains of defer records (runtime/runtime2.go, type _defer; runtime/panic.go).
//
// g._defer leads to the newest one, link to the next older. A record belongs to the frame whose stack pointer is its sp, so
// a frame's records stand next to each other. Where Go 1.23 and later defer in the body of a range-over-func loop, the function
// around it has one record with `head`, and that leads to a list of its own: records with nothing but fn and link. When the
// function has left the loop for good, the word at head is 1 and the list's records stand in the chain.
#include "runtime/defer.h"

static uint64_t field(const struct seep_defers *w, seep_addr addr, int32_t offset)
{
	return offset >= 0 ? seep_memory_word(&w->runtime->memory, addr + offset) : 0;
}

static void load(struct seep_defers *w, seep_addr addr)
{
	const struct seep_layout *l = &w->runtime->binary->layout;
	struct seep_defer d = { .addr = addr };

	w->valid = addr != 0 && seep_memory_u64(&w->runtime->memory, addr + l->defer_fn, &d.fn) &&
		   seep_memory_u64(&w->runtime->memory, addr + l->defer_link, &d.link);
	if (!w->valid)
		return;
	d.sp = field(w, addr, l->defer_sp);
	d.pc = field(w, addr, l->defer_pc);
	d.head = field(w, addr, l->defer_head);
	w->at = d;
}

void seep_defers_start(const struct seep_runtime *rt, const struct seep_goroutine *g,
		       struct seep_defers *ret)
{
	*ret = (struct seep_defers){ .runtime = rt };
	load(ret, seep_memory_word(&rt->memory, g->addr + rt->binary->layout.g_defer));
}

void seep_defers_start_list(const struct seep_runtime *rt, const struct seep_defer *loop,
			    struct seep_defers *ret)
{
	*ret = (struct seep_defers){ .runtime = rt };
	if (loop->head)
		load(ret, seep_memory_word(&rt->memory, loop->head));
}

/**
 * A chain that was caught in a change, or made up, may lead back into itself. At each power of two the record is remembered
 * (Brent); whoever comes by it again has been around.
 */
void seep_defers_next(struct seep_defers *w)
{
	if (!w->valid)
		return;
	if ((w->steps & (w->steps - 1)) == 0)
		w->mark = w->at.addr;
	w->steps++;
	load(w, w->at.link);
	if (w->valid && w->at.addr == w->mark)
		w->valid = false;
}
