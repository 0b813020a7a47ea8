// What time it was, by the runtime's own notes: a core has no clock.
//
//	p.sysmontick      when sysmon saw the P begin what it was doing: within 10 ms of its last activity
//	g.waitsince       the start of the collection that first saw the goroutine blocked
//	memstats          the end of the last collection
//
// The newest of them was written before the process stood still, so ages come out too small rather than too large, by as long as
// the program had been idle. Of the last collection the runtime keeps both clocks, which gives the time of day; that of the
// file may be of a copy made days later, by which a tick that has just come would have been left unread for days.
#include "runtime/internal.h"

#include "runtime/memory_stats.h"

enum { PS_MAX = 1 << 16 };
/** What is not a time since the machine's start: a thousand years. */
static const uint64_t NEVER = UINT64_C(1000) * 365 * 86400 * 1000000000;

static void take(uint64_t *newest, uint64_t time)
{
	if (time < NEVER && time > *newest)
		*newest = time;
}

static void take_field(const struct seep_runtime *rt, uint64_t *newest, seep_addr object,
		       int32_t offset)
{
	if (object && offset >= 0)
		take(newest, seep_memory_word(&rt->memory, object + offset));
}

void seep_clock_read(struct seep_runtime *rt)
{
	const struct seep_layout *l = &rt->binary->layout;
	seep_addr ps = seep_memory_word(&rt->memory, rt->binary->globals.allp);
	uint64_t count = seep_memory_word(&rt->memory, rt->binary->globals.allp + 8);
	struct seep_gc_settings gc;
	uint64_t newest = 0;

	for (uint64_t i = 0; i < count && i < PS_MAX; i++) {
		seep_addr p = seep_memory_word(&rt->memory, ps + 8 * i);
		take_field(rt, &newest, p, l->p_sched_when);
		take_field(rt, &newest, p, l->p_syscall_when);
	}
	for (size_t i = 0; i < rt->goroutines.len; i++)
		take(&newest, rt->goroutines.data[i].wait_since);
	seep_gc_settings_read(rt, &gc);
	take(&newest, gc.last_nanotime);
	rt->now = newest;
	rt->wall_now = gc.last_ns && gc.last_nanotime && gc.last_nanotime <= newest ?
			       gc.last_ns + (newest - gc.last_nanotime) :
			       0;
}
