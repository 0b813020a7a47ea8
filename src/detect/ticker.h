/** What ticker.c finds out about running timers, for ticker_text.c to put into words. */
#ifndef SEEP_DETECT_TICKER_H
#define SEEP_DETECT_TICKER_H

#include "detect/detect.h"
#include "runtime/timer.h"

enum seep_timer_class {
	SEEP_TIMER_CLASS_RUNNING, /** nothing speaks against it */
	SEEP_TIMER_CLASS_LOST, /** a ticker that nobody can receive from or stop, and that runs for ever */
	SEEP_TIMER_CLASS_UNREAD, /** tickers that the program still reaches and nobody receives from */
	SEEP_TIMER_CLASS_AFTER, /** time.After and the like: nobody can receive from it, until it fires */
	SEEP_TIMER_CLASS_FUNC, /** time.AfterFunc that nobody can stop, until it fires */
	SEEP_TIMER_CLASS_CONTEXT, /** a context with a deadline that nobody can cancel */
};

struct seep_timer_entry {
	struct seep_timer timer;
	uint8_t class; /** enum seep_timer_class */
	bool old; /** UNREAD: for so long that one alone is worth a word */
	bool full; /** CHANNEL: a tick waits in the channel */
	uint64_t unread_ns; /** for so long nobody has received from it */
	uint64_t bytes; /** what it keeps in memory */
	uint32_t holder; /** node with a pointer to it, SEEP_NODE_NONE if there is none besides the timer's own */
	uint32_t owner; /** UNREAD: index + 1 of the only goroutine that leads to it, 0 = several or others */
	seep_addr callback; /** FUNC: pc of the function it will call; 0 = none */
	seep_addr object; /** what *time.Ticker or *time.Timer point to; 0: outside the heap */
};

/** Entries of the same class, callback, period and holder. */
struct seep_timer_group {
	uint8_t class;
	uint64_t signature;
	const char *name, *holder; /** of the callback; seep_timer_holder_text() */
	uint64_t period; /** 0: fires once, or various */
	struct seep_vec(uint32_t) members;
};

struct seep_timers {
	const struct seep_view *view;
	struct seep_report *report;
	struct seep_vec(struct seep_timer_entry) entries;
	struct seep_vec(struct seep_timer_group) groups;
};

/** Adds what holds an entry, by type and field: "main.conn.ticker"; nothing if unknown. */
void seep_timer_holder_text(const struct seep_timers *timers, const struct seep_timer_entry *entry,
			    struct seep_str *text);
/** Name of the function that the timer calls, of the program if there is one: "main.expire", "time.sendTime", ... Owned by the report. */
const char *seep_timer_callback_name(const struct seep_timers *timers,
				     const struct seep_timer_entry *entry);
/** Words, numbers and places of a group's finding; ret is zeroed before. */
struct seep_error *seep_timer_finding(const struct seep_timers *timers,
				      const struct seep_timer_group *group,
				      struct seep_finding *ret) _must_check_;

#endif
