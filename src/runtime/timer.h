/** Timers and their channels: which run, who waits, and for how long nobody has. */
#ifndef SEEP_RUNTIME_TIMER_H
#define SEEP_RUNTIME_TIMER_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/vec.h"

struct seep_runtime;

/** What a timer does when it fires, by its callback. */
enum seep_timer_kind {
	SEEP_TIMER_OTHER, /** the runtime's own work: deadlines of connections and the like */
	SEEP_TIMER_CHANNEL, /** time.NewTicker, NewTimer, After: sends the time */
	SEEP_TIMER_FUNC, /** time.AfterFunc: starts a goroutine */
	SEEP_TIMER_SLEEP, /** time.Sleep: wakes a goroutine */
};

/** A timer that will still fire. */
struct seep_timer {
	seep_addr addr; /** of the runtime's struct; lies within what time.Ticker and time.Timer point to */
	seep_addr f,
		arg; /** f: pc of the callback; arg: data word of its argument: channel, func value, goroutine */
	uint64_t when, period; /** next firing in nanotime; ns, 0 = fires once */
	uint8_t kind; /** enum seep_timer_kind */
	bool collected; /** CHANNEL: the collector frees it as soon as the program has let go of it, though it runs (since Go 1.23) */
	uint32_t p; /** number of the P whose heap has it, UINT32_MAX = none */
	bool changing; /** caught while it was being started, stopped or set: may not run any more in a moment */
};

/** A channel as package time makes them: room for one time.Time. */
struct seep_timer_channel {
	seep_addr timer; /** the runtime.timer that feeds it, as far as the channel knows (since Go 1.23); else 0 */
	seep_addr buffer; /** of the one element */
	bool waited; /** somebody waits in a receive or a select */
	bool full; /** holds a tick that nobody has received */
	uint64_t unread_ns; /** full: since when that tick is there; 0 = not known */
};

/** False if the object at that address is no such channel, or cannot be read. A program's own `make(chan time.Time, 1)` is one, too. */
bool seep_timer_channel(struct seep_runtime *runtime, seep_addr channel,
			struct seep_timer_channel *ret);
/** Whether a timer will still send to that channel, one of package time. */
bool seep_timer_will_send(struct seep_runtime *runtime, seep_addr channel);
/** For how long nobody can have received from the timer's channel, as a lower bound; 0 if somebody may have just now. */
uint64_t seep_timer_unread(const struct seep_runtime *runtime, const struct seep_timer *timer,
			   const struct seep_timer_channel *channel);

struct seep_timer_list {
	struct seep_vec(struct seep_timer) items;
};
/**
 * Timers that run without being in a heap: since Go 1.23 a channel's timer is in one only while somebody waits for the channel. They are
 * looked for among the objects of `reachable` (bit per object number). Errors: NO_MEMORY.
 */
struct seep_error *seep_timers_unqueued(struct seep_runtime *runtime, const uint64_t *reachable,
					struct seep_timer_list *ret) _must_check_;
static inline void seep_timers_deinit(struct seep_timer_list *list)
{
	seep_vec_free(&list->items);
}

#endif
