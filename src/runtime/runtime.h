/**
 * The Go runtime as it stood in the stop: heap, goroutines, what each waits on, timers, specials.
 *
 * goroutine  a runtime.g that is not dead
 * wait       one thing that would wake a blocked goroutine; a select has one for each channel
 * site       everything that is known about one pc on a stack, kept once however many stacks hold it
 * live       (of a goroutine) can still run, for all that is known
 */
#ifndef SEEP_RUNTIME_RUNTIME_H
#define SEEP_RUNTIME_RUNTIME_H

#include "runtime/heap.h"
#include "runtime/special.h"
#include "runtime/timer.h"
#include "target/target.h"

/** runtime/runtime2.go; 10 and 11 since Go 1.26. */
enum seep_status {
	SEEP_STATUS_IDLE = 0,
	SEEP_STATUS_RUNNABLE = 1,
	SEEP_STATUS_RUNNING = 2,
	SEEP_STATUS_SYSCALL = 3,
	SEEP_STATUS_WAITING = 4,
	SEEP_STATUS_DEAD = 6,
	SEEP_STATUS_COPYSTACK = 8,
	SEEP_STATUS_PREEMPTED = 9,
	SEEP_STATUS_LEAKED = 10,
	SEEP_STATUS_DEADEXTRA = 11,
};

/** Why a goroutine is blocked. Everything up to SEEP_WAIT_EXTERNAL can be ended by other goroutines alone. */
enum seep_wait_kind {
	SEEP_WAIT_NIL_CHANNEL, /** for ever: send or receive on a nil channel */
	SEEP_WAIT_NO_CASES, /** for ever: select {} or only nil channels */
	SEEP_WAIT_SEND,
	SEEP_WAIT_RECEIVE,
	SEEP_WAIT_SELECT,
	SEEP_WAIT_MUTEX,
	SEEP_WAIT_ONCE, /** for the mutex of a sync.Once whose function is running */
	SEEP_WAIT_RWMUTEX_READ,
	SEEP_WAIT_RWMUTEX_WRITE, /** for the readers to leave; a writer behind a writer waits for a MUTEX */
	SEEP_WAIT_WAITGROUP,
	SEEP_WAIT_COND,
	SEEP_WAIT_SEMAPHORE, /** a semaphore of no known owner */
	SEEP_WAIT_COROUTINE,
	SEEP_WAIT_EXTERNAL, /** the kernel, a timer, the runtime: always treated as live */
	SEEP_WAIT_NONE, /** not blocked */
};

struct seep_wait {
	seep_addr address; /** hchan, lock, WaitGroup, Cond, coro; 0 if it could not be found */
	uint32_t size; /** bytes of the primitive itself (for tiny blocks); 0 = the whole object */
	bool send; /** SELECT: a send case */
};

/** Package-level facts about one pc; see stack.c. */
struct seep_site {
	seep_addr pc;
	struct seep_func func; /** raw NULL: not Go code */
	int32_t spdelta;
	uint32_t local_words, arg_words;
	const uint8_t *local_map, *arg_map; /** NULL with words > 0: no map, scan conservatively */
	const unsigned char *stack_objects; /** records of 16 bytes, after the count */
	uint64_t stack_object_count;
	uint8_t role; /** enum in stack.c */
	bool runtime; /** a function of package runtime or internal/runtime */
};

struct seep_frame {
	seep_addr pc, sp;
	seep_addr fp; /** the caller's sp, before the call pushed a return address (Go's frame.fp) */
	seep_addr varp, argp; /** end of locals; begin of arguments */
	seep_addr ret; /** where in the caller it returns to; 0 = unreadable */
	const struct seep_site *site;
};

/** What a goroutine of the runtime's calls for the user. */
enum seep_runs { SEEP_RUNS_NOTHING, SEEP_RUNS_FINALIZERS, SEEP_RUNS_CLEANUPS };
struct seep_goroutine {
	seep_addr addr; /** of the runtime.g */
	uint64_t id, parent_id;
	seep_addr stack_lo, stack_hi;
	const unsigned char *stack; /** copy of [stack_lo, stack_hi), NULL if it has none */
	seep_addr pc, sp; /** where unwinding starts */
	seep_addr lr; /** the return address there, if a register has it (arch->link_register), else 0 */
	seep_addr gopc, startpc;
	uint64_t wait_since; /** nanotime, 0 = unknown */
	const char *reason; /** the runtime's words ("chan send"), or its status; borrowed */
	const struct seep_thread *thread; /** running: whose registers are roots, else NULL */
	seep_addr saved_regs; /** running and interrupted by a signal: the registers in the signal's frame (arch->signal_registers), else 0 */
	uint32_t first_wait, wait_count; /** in runtime->waits */
	uint8_t status; /** enum seep_status, without the scan bit */
	uint8_t wait; /** enum seep_wait_kind */
	bool system; /** the runtime's own, or os/signal's: never a finding */
	bool conservative; /** its maps cannot be trusted (caught in a change): every word of its stack counts as a pointer */
	bool unwound; /** unwinding reached the goroutine's first frame */
	bool async_preempted;
	uint8_t runs; /** enum seep_runs; it is in a user's function unless `system` */
};

struct seep_runtime {
	const struct seep_binary *binary;
	struct seep_memory memory; /** the copy and the executable's read-only part */
	struct seep_types types;
	struct seep_heap heap;
	const struct seep_thread *threads;
	size_t thread_count;
	struct seep_vec(struct seep_goroutine) goroutines; /** in allgs order */
	struct seep_vec(struct seep_wait) waits;
	struct seep_vec(
		struct seep_timer) timers; /** those in the Ps' heaps; more in runtime/timer.h */
	struct seep_map timer_of_channel; /** hchan address → index + 1 in timers */
	struct seep_vec(struct seep_special) specials;
	uint64_t sampled_objects; /** that have an allocation stack; see profile.h */
	struct seep_vec(seep_addr) queued; /** words of finalizer and cleanup queues */
	struct seep_vec(
		struct seep_queued) queue; /** the same by entry: finalizers, then cleanups */
	struct seep_vec(seep_addr)
		runtime_edges; /** objects whose pointers mean "known to the scheduler", not "can be used": sudogs and timer heaps */
	struct seep_vec(seep_addr) tiny_blocks; /** mcache.tiny of every P */
	struct seep_vec(seep_addr)
		thread_words; /** guesses: what threads in the middle of the runtime's work have in hand; see goroutine.c */
	struct seep_map goroutine_of; /** runtime.g address → index */
	struct seep_sites *sites; /** private: stack.c */
	uint64_t now; /** nanotime at the stop; of a core: not later than that */
	uint64_t wall_now; /** the same moment in ns since 1970; 0 = not known */
	uint64_t dead_goroutines, not_unwound;
	uint64_t unread_stacks; /** of goroutines that are not dead: what stands there is not known */
	uint64_t unread_parts; /** pages taken for empty, and mappings for which there was no room */
	uint64_t missing_waits; /** blocked goroutines whose primitive could not be found: treated as live */
};

enum seep_snapshot_method { SEEP_SNAPSHOT_AUTO, SEEP_SNAPSHOT_PRECOPY, SEEP_SNAPSHOT_STOP };
struct seep_snapshot_options {
	enum seep_snapshot_method method; /** AUTO: pre-copy where it can be had and pays */
	uint64_t max_pause_ns, max_bytes; /** of the pause; of the copy, as planned; 0 = none */
	bool may_exceed; /** a longer pause is better than no copy */
	bool values; /** also contents of memory without pointers */
};
struct seep_snapshot {
	enum seep_snapshot_method method; /** that was used: PRECOPY or STOP */
	bool values; /** it has the contents of memory without pointers */
	char why_stopped[200]; /** why it is not pre-copy, though that was tried; "" otherwise */
};
/**
 * The whole way to a copy of one moment: prepares, stops and resumes as often as the method asks for, and leaves the process running. A file is of one moment already.
 * Errors: as of seep_target_stop() and seep_target_copy(); BUDGET: max_pause_ns or max_bytes does not suffice; with PRECOPY also UNSUPPORTED, CHANGED.
 */
struct seep_error *seep_runtime_snapshot(struct seep_target *target,
					 const struct seep_binary *binary,
					 const struct seep_snapshot_options *options,
					 struct seep_snapshot *ret) _must_check_;
/** Reads the model out of the copy. target and binary are borrowed and must outlive it. */
struct seep_error *seep_runtime_read(struct seep_target *target, const struct seep_binary *binary,
				     struct seep_runtime **ret) _must_check_;
void seep_runtime_destroy(struct seep_runtime *runtime);

/** Part of memory could not be read and may lead to anything: other modules' variables, spans, stacks, pages and mappings that were not copied. */
bool seep_runtime_is_blind(const struct seep_runtime *runtime);

/** Name of a wait kind for people: "channel", "mutex", ... */
const char *seep_wait_kind_name(enum seep_wait_kind kind);
/** Unwinding. A start gives the innermost frame; next() the caller. */
struct seep_unwinder {
	struct seep_runtime *runtime;
	const struct seep_goroutine *goroutine;
	struct seep_frame frame;
	unsigned depth;
	bool complete; /** after next() returned false: the goroutine's first frame was reached */
	bool below_sigpanic, below_gosave;
};
bool seep_unwind_start(struct seep_runtime *runtime, const struct seep_goroutine *g,
		       struct seep_unwinder *ret);
bool seep_unwind_next(struct seep_unwinder *unwinder);

/** A word on a goroutine's stack (or in its registers) that may be a pointer. `precise`: a map says that it is one. */
typedef void seep_stack_visit(seep_addr value, bool precise, void *arg);
/** Visits all roots of a goroutine: stack, registers, defers, g's own fields. */
void seep_stack_roots(struct seep_runtime *runtime, const struct seep_goroutine *g,
		      seep_stack_visit *visit, void *arg);

/** The same; word is the address of the word on the stack, 0 if it is elsewhere (a register, the runtime.g). */
typedef void seep_stack_visit_word(seep_addr word, seep_addr value, bool precise, void *arg);
void seep_stack_words(struct seep_runtime *runtime, const struct seep_goroutine *g,
		      seep_stack_visit_word *visit, void *arg);

/** Positions of a frame's pc, innermost inlined call first; see seep_func_positions(). */
size_t seep_frame_positions(const struct seep_runtime *runtime, const struct seep_frame *frame,
			    bool innermost, struct seep_position *ret, size_t max);

/** A word of a goroutine's stack; false outside it. */
static inline bool seep_stack_word(const struct seep_goroutine *g, seep_addr addr, uint64_t *ret)
{
	if (!g->stack || addr < g->stack_lo || addr + 8 > g->stack_hi)
		return false;
	*ret = seep_le64(g->stack + (addr - g->stack_lo));
	return true;
}

#endif
