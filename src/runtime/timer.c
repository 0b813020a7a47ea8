// Timers that will still fire.
//
// Up to Go 1.22 every P has a heap of *timer, in which deleted timers linger with a status; from 1.23 on a heap of
// {*timer, when}, in which stopped ones linger as zombies. What a pending timer refers to can still be used, what a stopped one refers to
// cannot: so the heaps' arrays are no edges, and each pending timer is a root (runtime/time.go of each release).
//
// Since 1.23 a channel knows its timer, which is in a heap only while a goroutine waits for the channel; otherwise whoever comes to the
// channel looks at the clock and sends what is due. Such a timer is an ordinary object, and the collector frees it once the program has let go of it.
// With GODEBUG=asynctimerchan=1 (1.23 to 1.26; package time reads it at each NewTicker) the runtime is not told of
// the channel, and all is as before. So each timer says by itself which kind it is: isChan.
//
// A ticker that falls due sends without waiting: the channel has room for one tick, and further ones are dropped. So what is in a full channel is
// the first tick that nobody received, and says when it was sent:
//
//	+0  8  wall: bit 63 "has a monotonic reading"; then seconds since 1885 << 30; then ns
//	+8  8  ext: monotonic ns since the program's start; or, without such a reading, seconds since year 1
//	+16 8  *Location
#include "runtime/internal.h"

#include <string.h>

enum { TIMERS_MAX = 1 << 26, PS_MAX = 1 << 16, TIME_BYTES = 24, CHANNEL_SLACK = 16 };
enum {
	STATUS_NONE = 0,
	STATUS_WAITING = 1,
	STATUS_RUNNING = 2,
	STATUS_DELETED = 3,
	STATUS_REMOVED = 5,
	STATUS_MODIFIED_EARLIER = 7,
	STATUS_MODIFIED_LATER = 8,
	STATUS_MOVING = 9
}; // ≤1.22
enum { STATE_HEAPED = 1, STATE_ZOMBIE = 4 }; // 1.23+

/** Seconds from 1885 and from year 1 to 1970. */
static const int64_t SINCE_1885 = 2682288000, SINCE_YEAR_1 = 62135596800;
static const uint64_t NS = 1000000000, WALL_MONOTONIC = 1ull << 63;

static bool is_pending(const unsigned char *t, const struct seep_layout *l)
{
	if (l->timer_status >= 0) {
		uint32_t status = seep_le32(t + l->timer_status);
		return status != STATUS_NONE && status != STATUS_DELETED &&
		       status != STATUS_REMOVED;
	}
	return !(t[l->timer_state] & STATE_ZOMBIE) && seep_le64(t + l->timer_when) != 0;
}

static enum seep_timer_kind kind_of(const struct seep_runtime *rt, seep_addr pc)
{
	struct seep_func func;

	if (!seep_pclntab_find(&rt->binary->pclntab, pc, &func))
		return SEEP_TIMER_OTHER;
	if (strcmp(func.name, "time.sendTime") == 0)
		return SEEP_TIMER_CHANNEL;
	if (strcmp(func.name, "time.goFunc") == 0)
		return SEEP_TIMER_FUNC;
	if (strcmp(func.name, "runtime.goroutineReady") == 0)
		return SEEP_TIMER_SLEEP;
	return SEEP_TIMER_OTHER;
}

static struct seep_timer parse(const struct seep_runtime *rt, seep_addr addr,
			       const unsigned char *t)
{
	const struct seep_layout *l = &rt->binary->layout;
	struct seep_timer timer = {
		.addr = addr,
		.p = UINT32_MAX,
		.arg = seep_le64(t + l->timer_arg + 8),
		.when = seep_le64(t + l->timer_when),
		.period = seep_le64(t + l->timer_period),
		.collected = l->timer_is_chan >= 0 && t[l->timer_is_chan] != 0,
	};

	seep_memory_u64(&rt->memory, seep_le64(t + l->timer_f), &timer.f);
	timer.kind = kind_of(rt, timer.f);
	if (l->timer_status >= 0) {
		uint32_t status = seep_le32(t + l->timer_status);
		bool modified = status == STATUS_MODIFIED_EARLIER ||
				status == STATUS_MODIFIED_LATER;
		timer.changing = status != STATUS_WAITING && status != STATUS_RUNNING &&
				 status != STATUS_MOVING && !modified;
		if (modified && l->timer_nextwhen >= 0)
			timer.when = seep_le64(t + l->timer_nextwhen);
	}
	return timer;
}

static bool read_timer(struct seep_runtime *rt, seep_addr addr, uint32_t p)
{
	const struct seep_layout *l = &rt->binary->layout;
	const unsigned char *t = seep_memory_at(&rt->memory, addr, l->timer_size);

	if (!t || !is_pending(t, l))
		return true;
	struct seep_timer timer = parse(rt, addr, t);
	timer.p = p;
	if (!seep_vec_push(&rt->timers, timer))
		return false;
	if (timer.kind != SEEP_TIMER_CHANNEL)
		return true;
	uint64_t *index = seep_map_put(&rt->timer_of_channel, timer.arg, NULL);
	if (index)
		*index = rt->timers.len;
	return index != NULL;
}

static bool read_heap(struct seep_runtime *rt, seep_addr header, uint64_t stride, uint32_t p)
{
	uint64_t array, count, timer;

	if (!seep_memory_u64(&rt->memory, header, &array) ||
	    !seep_memory_u64(&rt->memory, header + 8, &count) || count > TIMERS_MAX)
		return true;
	if (array && !seep_vec_push(&rt->runtime_edges, array))
		return false;
	for (uint64_t i = 0; i < count && seep_memory_u64(&rt->memory, array + i * stride, &timer);
	     i++)
		if (timer && !read_timer(rt, timer, p))
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
			       in_struct ? 16 : 8, i))
			return &seep_enomem;
		if (seep_memory_u64(&rt->memory, p + l->p_mcache, &mcache) && mcache &&
		    seep_memory_u64(&rt->memory, mcache + l->mcache_tiny, &tiny) && tiny &&
		    !seep_vec_push(&rt->tiny_blocks, tiny))
			return &seep_enomem;
	}
	return NULL;
}

// Channels.

/** How long ago a time.Time was; 0 if it cannot be read or lies in the future. */
static uint64_t time_ago(const struct seep_runtime *rt, seep_addr addr)
{
	const unsigned char *t = seep_memory_at(&rt->memory, addr, TIME_BYTES);

	if (!t)
		return 0;
	uint64_t wall = seep_le64(t);
	int64_t seconds = wall & WALL_MONOTONIC ?
				  (int64_t)(wall << 1 >> 31) - SINCE_1885 :
				  (int64_t)(seep_le64(t + 8) - (uint64_t)SINCE_YEAR_1);
	if (seconds < 0 || seconds > INT64_MAX / (int64_t)NS - 1)
		return 0;
	uint64_t then = (uint64_t)seconds * NS + (wall & ((1 << 30) - 1));
	return then < rt->wall_now ? rt->wall_now - then : 0;
}

static bool is_time(struct seep_runtime *rt, seep_addr type)
{
	struct seep_type t;

	return strcmp(seep_type_name(&rt->types, type), "time.Time") == 0 &&
	       seep_type_read(&rt->types, type, &t) &&
	       seep_type_package_is(&rt->types, &t, "time", strlen("time"));
}

/** Room for one time.Time: what package time makes, and perhaps others. */
static bool has_shape(struct seep_runtime *rt, const unsigned char *c)
{
	const struct seep_layout *l = &rt->binary->layout;

	// Cheap questions first: every object of a channel's size is asked.
	return seep_le64(c + l->hchan_dataqsiz) == 1 &&
	       seep_le16(c + l->hchan_elemsize) == TIME_BYTES &&
	       is_time(rt, seep_le64(c + l->hchan_elemtype));
}

bool seep_timer_channel(struct seep_runtime *rt, seep_addr channel, struct seep_timer_channel *ret)
{
	const struct seep_layout *l = &rt->binary->layout;
	const unsigned char *c = seep_memory_at(&rt->memory, channel, l->hchan_size);
	uint64_t timer = c && l->hchan_timer >= 0 ? seep_le64(c + l->hchan_timer) : 0;

	if (!c || (!timer && !has_shape(rt, c)))
		return false;
	*ret = (struct seep_timer_channel){
		.timer = timer,
		.buffer = seep_le64(c + l->hchan_buf),
		.waited = seep_le64(c + l->hchan_recvq) != 0,
		.full = seep_le64(c + l->hchan_qcount) != 0,
	};
	if (ret->full)
		ret->unread_ns = time_ago(rt, ret->buffer);
	return true;
}

bool seep_timer_will_send(struct seep_runtime *rt, seep_addr channel)
{
	const struct seep_layout *l = &rt->binary->layout;
	uint64_t timer, when;

	if (l->hchan_timer >= 0 && seep_memory_u64(&rt->memory, channel + l->hchan_timer, &timer) &&
	    timer)
		return !seep_memory_u64(&rt->memory, timer + l->timer_when, &when) || when != 0;
	return seep_map_get(&rt->timer_of_channel, channel) != NULL;
}

uint64_t seep_timer_unread(const struct seep_runtime *rt, const struct seep_timer *t,
			   const struct seep_timer_channel *c)
{
	if (c->waited)
		return 0;
	if (c->full)
		return c->unread_ns;
	// Whoever looks at a channel whose timer is in no heap makes it send what is due, and sets it anew.
	return t->collected && t->when < rt->now ? rt->now - t->when : 0;
}

// Timers in no heap.

static bool add_unqueued(struct seep_runtime *rt, seep_addr channel, struct seep_timer_list *list)
{
	const struct seep_layout *l = &rt->binary->layout;
	const unsigned char *c = seep_memory_at(&rt->memory, channel, l->hchan_size);

	if (!c || !seep_le64(c + l->hchan_timer) || !has_shape(rt, c) ||
	    seep_map_get(&rt->timer_of_channel, channel))
		return true;
	seep_addr addr = seep_le64(c + l->hchan_timer);
	const unsigned char *t = seep_memory_at(&rt->memory, addr, l->timer_size);
	// A bubble's clock (testing/synctest) is its own; a timer on its way into a heap is somebody's who is about to wait.
	if (!t || !t[l->timer_is_chan] || (l->timer_is_fake >= 0 && t[l->timer_is_fake]) ||
	    (t[l->timer_state] & (STATE_HEAPED | STATE_ZOMBIE)) == STATE_HEAPED)
		return true;
	struct seep_timer timer = parse(rt, addr, t);
	if (timer.kind != SEEP_TIMER_CHANNEL || timer.arg != channel || timer.when == 0)
		return true;
	return seep_vec_push(&list->items, timer);
}

struct seep_error *seep_timers_unqueued(struct seep_runtime *rt, const uint64_t *reachable,
					struct seep_timer_list *ret)
{
	const struct seep_layout *l = &rt->binary->layout;
	bool ok = true;

	*ret = (struct seep_timer_list){};
	if (l->hchan_timer < 0 || l->timer_is_chan < 0)
		return NULL;
	for (uint32_t i = 0; ok && i < rt->heap.spans.len; i++) {
		const struct seep_span *s = &rt->heap.spans.data[i];
		if (s->noscan || s->elem_size < (uint64_t)l->hchan_size ||
		    s->elem_size >= (uint64_t)l->hchan_size + CHANNEL_SLACK)
			continue;
		for (uint32_t slot = 0; ok && slot < s->nelems; slot++)
			if (seep_bit_get(reachable, s->first + (uint64_t)slot))
				ok = add_unqueued(rt, s->base + slot * s->elem_size, ret);
	}
	if (ok)
		return NULL;
	seep_timers_deinit(ret);
	return &seep_enomem;
}
