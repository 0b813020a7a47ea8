// Timers that will still fire.
//
// Up to Go 1.22 every P has a heap of *timer, in which deleted timers linger with a status; from 1.23 on a heap of
// {*timer, when}, in which stopped ones linger as zombies. A channel timer of 1.23 and later is in a heap only while a goroutine
// waits for its channel. What a pending timer refers to can still be used, what a stopped one refers to cannot: so the
// heaps' arrays are no edges, and each pending timer is a root (runtime/time.go of each release).
#include "runtime/internal.h"

enum { TIMERS_MAX = 1 << 26, PS_MAX = 1 << 16 };
enum { STATUS_NONE = 0, STATUS_DELETED = 3, STATUS_REMOVED = 5 }; // ≤1.22
enum { STATE_ZOMBIE = 4 }; // 1.23+

static bool is_pending(const unsigned char *t, const struct seep_layout *l)
{
	if (l->timer_status >= 0) {
		uint32_t status = seep_le32(t + l->timer_status);
		return status != STATUS_NONE && status != STATUS_DELETED &&
		       status != STATUS_REMOVED;
	}
	return !(t[l->timer_state] & STATE_ZOMBIE) && seep_le64(t + l->timer_when) != 0;
}

static bool read_timer(struct seep_runtime *rt, seep_addr addr)
{
	const struct seep_layout *l = &rt->binary->layout;
	const unsigned char *t = seep_memory_at(&rt->memory, addr, l->timer_size);
	uint64_t f = 0;

	if (!t || !is_pending(t, l))
		return true;
	seep_memory_u64(&rt->memory, seep_le64(t + l->timer_f), &f);
	return seep_vec_push(&rt->timers, (struct seep_timer){
						  .addr = addr,
						  .f = f,
						  .arg = seep_le64(t + l->timer_arg + 8),
						  .when = seep_le64(t + l->timer_when),
						  .period = seep_le64(t + l->timer_period),
					  });
}

static bool read_heap(struct seep_runtime *rt, seep_addr header, uint64_t stride)
{
	uint64_t array, count, timer;

	if (!seep_memory_u64(&rt->memory, header, &array) ||
	    !seep_memory_u64(&rt->memory, header + 8, &count) || count > TIMERS_MAX)
		return true;
	if (array && !seep_vec_push(&rt->runtime_edges, array))
		return false;
	for (uint64_t i = 0; i < count && seep_memory_u64(&rt->memory, array + i * stride, &timer);
	     i++)
		if (timer && !read_timer(rt, timer))
			return false;
	return true;
}

struct seep_error *seep_timers_read(struct seep_runtime *rt)
{
	const struct seep_layout *l = &rt->binary->layout;
	uint64_t array, count, p, mcache, tiny;
	bool in_struct = l->timers_heap >= 0;

	if (!seep_memory_u64(&rt->memory, rt->binary->globals.allp, &array) ||
	    !seep_memory_u64(&rt->memory, rt->binary->globals.allp + 8, &count) || count == 0 ||
	    count > PS_MAX)
		return seep_error_format(SEEP_ERROR_BAD_DATA, "the list of Ps cannot be read");
	for (uint64_t i = 0; i < count && seep_memory_u64(&rt->memory, array + 8 * i, &p); i++) {
		if (!p)
			continue;
		if (!read_heap(rt, p + l->p_timers + (in_struct ? l->timers_heap : 0),
			       in_struct ? 16 : 8))
			return &seep_enomem;
		if (seep_memory_u64(&rt->memory, p + l->p_mcache, &mcache) && mcache &&
		    seep_memory_u64(&rt->memory, mcache + l->mcache_tiny, &tiny) && tiny &&
		    !seep_vec_push(&rt->tiny_blocks, tiny))
			return &seep_enomem;
	}
	return NULL;
}
