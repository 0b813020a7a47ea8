// Goroutines: runtime.allgs, their states, and where each one's stack is to be unwound from.
//
// allgs never shrinks; dead goroutines are reused. A blocked, runnable or system-call goroutine has its pc and sp saved in
// g.sched or g.syscallpc/sp. A running one is on a thread (m.curg): then the registers decide, by the stack that the
// stack pointer is in: the goroutine's own; the thread's g0 (then g.sched was saved by systemstack or mcall); the signal
// stack (then the kernel's frame holds the interrupted registers); or C code and vdso.
#include "runtime/internal.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

enum { REASONS_MAX = 64, ALLM_MAX = 1 << 20, G0_MAX = 1 << 20 };

bool seep_allgs(const struct seep_memory *memory, const struct seep_globals *globals,
		seep_addr *array_ret, uint64_t *count_ret)
{
	return seep_memory_u64(memory, globals->allglen, count_ret) &&
	       seep_memory_u64(memory, globals->allgptr, array_ret) &&
	       *count_ret <= SEEP_GOROUTINES_MAX;
}

/** A thread of the runtime's, and what it was doing. */
struct thread_of {
	const struct seep_thread *thread;
	seep_addr m, g, g0_lo, g0_hi, g0_sp, signal_lo, signal_hi;
	seep_addr pc, sp, lr; /** its own, or what a signal interrupted; lr: arch->link_register */
	seep_addr saved_regs; /** interrupted by a signal: where the registers are, else 0 */
	seep_addr vdso_pc, vdso_sp; /** of the caller of vdso code, 0 outside it */
	bool unknown; /** in a signal handler, and the signal's frame was not found */
};
struct threads_of {
	struct seep_vec(struct thread_of) v;
	struct seep_map by_g;
	seep_addr gogo, gogo_end;
};

/**
 * The registers that a signal interrupted, from the kernel's frame on the gsignal stack: a struct ucontext {flags, link (0),
 * the signal stack's own begin, flags and size, and, as arch.h has it, the registers}. It is
 * known by the signal stack's bounds; the return address below it is the runtime's, or with cgo the C library's.
 */
static void find_signal_frame(const struct seep_memory *memory, const struct seep_arch *arch,
			      struct thread_of *t)
{
	seep_addr context = t->sp & ~7ull;

	while (context < t->signal_hi &&
	       (seep_memory_word(memory, context + 8) != 0 ||
		seep_memory_word(memory, context + 16) != t->signal_lo ||
		seep_memory_word(memory, context + 32) != t->signal_hi - t->signal_lo))
		context += 8;
	if (context >= t->signal_hi || !seep_memory_word(memory, context + arch->signal_pc_at)) {
		t->unknown = true;
		return;
	}
	t->saved_regs = context + arch->signal_registers_at;
	t->sp = seep_memory_word(memory, context + arch->signal_sp_at);
	t->pc = seep_memory_word(memory, context + arch->signal_pc_at);
	if (arch->link_register)
		t->lr = seep_memory_word(memory, t->saved_regs + 8 * arch->return_register);
}

static void read_m(struct seep_runtime *rt, struct thread_of *t)
{
	const struct seep_arch *arch = rt->binary->image.arch;
	const struct seep_layout *l = &rt->binary->layout;
	const struct seep_memory *memory = &rt->memory;
	seep_addr g0 = seep_memory_word(memory, t->m + l->m_g0),
		  gsignal = seep_memory_word(memory, t->m + l->m_gsignal);
	uint64_t procid = seep_memory_word(memory, t->m + l->m_procid);

	if (g0) {
		t->g0_lo = seep_memory_word(memory, g0 + l->g_stack_lo);
		t->g0_hi = seep_memory_word(memory, g0 + l->g_stack_hi);
	}
	if (gsignal) {
		t->signal_lo = seep_memory_word(memory, gsignal + l->g_stack_lo);
		t->signal_hi = seep_memory_word(memory, gsignal + l->g_stack_hi);
	}
	for (size_t i = 0; i < rt->thread_count; i++)
		if (rt->threads[i].stopped && (uint64_t)rt->threads[i].procid == procid)
			t->thread = &rt->threads[i];
	if (!t->thread)
		return;
	t->pc = t->thread->pc;
	t->sp = t->thread->sp;
	if (arch->link_register)
		t->lr = t->thread->regs[arch->return_register];
	if (t->sp >= t->signal_lo && t->sp < t->signal_hi)
		find_signal_frame(memory, arch, t);
	t->vdso_sp = l->m_vdso_sp >= 0 ? seep_memory_word(memory, t->m + l->m_vdso_sp) : 0;
	t->vdso_pc = t->vdso_sp ? seep_memory_word(memory, t->m + l->m_vdso_pc) : 0;
}

static struct seep_error *read_ms(struct seep_runtime *rt, struct threads_of *ret)
{
	static const char *const names[] = { "gogo" };
	const struct seep_layout *l = &rt->binary->layout;
	struct seep_func gogo;
	seep_addr m = seep_memory_word(&rt->memory, rt->binary->globals.allm);

	seep_pclntab_find_names(&rt->binary->pclntab, names, 1, &gogo);
	if (gogo.raw) {
		ret->gogo = gogo.entry;
		ret->gogo_end = gogo.end;
	}
	for (size_t n = 0; m && n < ALLM_MAX;
	     n++, m = seep_memory_word(&rt->memory, m + l->m_alllink)) {
		struct thread_of t = { .m = m, .g = seep_memory_word(&rt->memory, m + l->m_curg) };
		read_m(rt, &t);
		uint64_t *slot = t.g ? seep_map_put(&ret->by_g, t.g, NULL) : NULL;
		if ((t.g && !slot) || !seep_vec_push(&ret->v, t))
			return &seep_enomem;
		if (slot)
			*slot = ret->v.len; // index + 1
	}
	return NULL;
}

static bool is_go(const struct seep_runtime *rt, seep_addr pc)
{
	struct seep_func func;

	return seep_pclntab_find(&rt->binary->pclntab, pc, &func);
}

/** Of a goroutine that has not been started, or was stopped where a function begins, the return address is in no frame yet. */
static seep_addr sched_lr(const struct seep_runtime *rt, seep_addr g)
{
	const struct seep_layout *l = &rt->binary->layout;

	return rt->binary->image.arch->link_register && l->g_sched_lr >= 0 ?
		       seep_memory_word(&rt->memory, g + l->g_sched_lr) :
		       0;
}

static void start_running(struct seep_runtime *rt, struct seep_goroutine *g,
			  const struct threads_of *all, const struct thread_of *t)
{
	const struct seep_layout *l = &rt->binary->layout;

	// Between states, or its thread could not be stopped: nothing is known.
	if (!t || !t->thread || t->unknown) {
		g->thread = t ? t->thread : NULL;
		g->conservative = true;
		return;
	}
	g->thread = t->thread;
	g->saved_regs = t->saved_regs;
	g->pc = seep_memory_word(&rt->memory, g->addr + l->g_sched_pc);
	g->lr = sched_lr(rt, g->addr);
	if (t->sp >= g->stack_lo && t->sp < g->stack_hi) {
		g->sp = t->sp;
		// gogo has taken the goroutine's stack and will jump to sched.pc; it clears sched.sp.
		if (!(t->pc >= all->gogo && t->pc < all->gogo_end)) {
			g->pc = t->pc;
			g->lr = t->lr;
		}
	} else if (t->vdso_sp >= g->stack_lo && t->vdso_sp < g->stack_hi) {
		// nanotime and walltime change to g0's stack without saving anything in g.sched.
		g->sp = t->vdso_sp;
		g->pc = t->vdso_pc;
		g->lr = 0;
	} else {
		g->sp = seep_memory_word(&rt->memory, g->addr + l->g_sched_sp);
	}
	if (!is_go(rt, g->pc) || g->sp < g->stack_lo || g->sp > g->stack_hi)
		g->conservative = true;
}

/** Innermost to outermost: does a stack that starts at pc and sp show a thread that has nothing in hand? */
static bool is_idle(struct seep_runtime *rt, const struct thread_of *t, seep_addr pc, seep_addr sp,
		    seep_addr lr)
{
	static const char *const names[] = { "runtime.mPark",	      "runtime.stopm",
					     "runtime.stoplockedm",   "runtime.gcstopm",
					     "runtime.sysmon",	      "runtime.netpoll",
					     "runtime.templateThread" };
	struct seep_goroutine stack = {
		.stack_lo = sp & ~7ull, .stack_hi = t->g0_hi, .pc = pc, .sp = sp, .lr = lr
	};
	struct seep_unwinder u;

	stack.stack = seep_memory_at(&rt->memory, stack.stack_lo, stack.stack_hi - stack.stack_lo);
	if (!seep_unwind_start(rt, &stack, &u))
		return false;
	do {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (strcmp(u.frame.site->func.name, names[i]) == 0)
				return true;
	} while (seep_unwind_next(&u));
	return false;
}

static bool add_thread_word(struct seep_runtime *rt, seep_addr value)
{
	struct seep_object object;

	return !seep_heap_find(&rt->heap, value, &object) ||
	       !seep_heap_allocated(&rt->heap, object) || seep_vec_push(&rt->thread_words, value);
}

/**
 * What a thread holds that works on its own stack (g0), for a goroutine or for none: the function of a `go` statement before
 * the new goroutine has it, a timer's argument between the heap of timers and its callback, what a blocked goroutine was just
 * handed. The collector need not look there, for it waits until the threads have come to rest.
 */
static bool read_thread(struct seep_runtime *rt, const struct thread_of *t)
{
	seep_addr pc = t->pc, sp = t->sp, lr = t->lr;
	bool ok = true;

	if (!t->thread || t->unknown)
		return true;
	if (!is_go(rt, pc) && t->vdso_sp) {
		pc = t->vdso_pc;
		sp = t->vdso_sp;
		lr = 0;
	}
	// C code has only what a goroutine's frames keep for it.
	if (sp < t->g0_lo || sp >= t->g0_hi || !is_go(rt, pc) || is_idle(rt, t, pc, sp, lr))
		return true;
	for (size_t i = 0; ok && i < sizeof(t->thread->regs) / sizeof(t->thread->regs[0]); i++)
		ok = add_thread_word(rt, t->thread->regs[i]);
	for (unsigned i = 0; ok && t->saved_regs && i < rt->binary->image.arch->signal_registers;
	     i++)
		ok = add_thread_word(rt, seep_memory_word(&rt->memory, t->saved_regs + 8 * i));
	for (seep_addr a = sp & ~7ull, v;
	     ok && a < t->g0_hi && a < sp + G0_MAX && seep_memory_u64(&rt->memory, a, &v); a += 8)
		ok = add_thread_word(rt, v);
	return ok;
}

static enum seep_runs runs(const struct seep_func *start)
{
	if (strcmp(start->name, "runtime.runfinq") == 0 || // to Go 1.24
	    strcmp(start->name, "runtime.runFinalizers") == 0)
		return SEEP_RUNS_FINALIZERS;
	return strcmp(start->name, "runtime.runCleanups") == 0 ? SEEP_RUNS_CLEANUPS :
								 SEEP_RUNS_NOTHING;
}

/** Is some function on its stack not the runtime's? */
static bool runs_user_code(struct seep_runtime *rt, const struct seep_goroutine *g)
{
	struct seep_unwinder u;

	if (g->conservative || !seep_unwind_start(rt, g, &u))
		return false;
	do {
		if (u.frame.site->func.raw && !u.frame.site->runtime)
			return true;
	} while (seep_unwind_next(&u));
	return false;
}

/**
 * runtime/traceback.go isSystemGoroutine, and os/signal's own loop. A goroutine for finalizers is the user's as long as it is in one;
 * the runtime keeps flags for that, its stack says the same.
 */
static bool is_system(struct seep_runtime *rt, struct seep_goroutine *g)
{
	struct seep_func func;

	if (g->startpc == 0)
		return true;
	if (!seep_pclntab_find(&rt->binary->pclntab, g->startpc, &func))
		return false;
	if (seep_has_prefix(func.name, "os/signal."))
		return true;
	if (!seep_has_prefix(func.name, "runtime."))
		return false;
	g->runs = runs(&func);
	if (g->runs)
		return !runs_user_code(rt, g);
	return strcmp(func.name, "runtime.main") != 0 &&
	       strcmp(func.name, "runtime.corostart") != 0;
}

static struct seep_error *read_goroutine(struct seep_runtime *rt, seep_addr addr,
					 const struct threads_of *threads,
					 const char *const *reasons, size_t reason_count)
{
	static const char *const statuses[] = { "idle",		 "runnable",  "running", "syscall",
						"waiting",	 "",	      "dead",	 "",
						"copying stack", "preempted", "waiting" };
	const struct seep_layout *l = &rt->binary->layout;
	const unsigned char *p = seep_memory_at(&rt->memory, addr, l->g_size);

	if (!p)
		return NULL;
	uint32_t status = seep_le32(p + l->g_atomicstatus);
	bool owned = status & SEEP_STATUS_SCAN; // by the collector
	status &= ~(uint32_t)SEEP_STATUS_SCAN;
	if (seep_status_is_dead(status)) {
		rt->dead_goroutines++;
		return NULL;
	}
	struct seep_goroutine g = {
		.addr = addr,
		.id = seep_le64(p + l->g_goid),
		.parent_id = l->g_parent_goid >= 0 ? seep_le64(p + l->g_parent_goid) : 0,
		.stack_lo = seep_le64(p + l->g_stack_lo),
		.stack_hi = seep_le64(p + l->g_stack_hi),
		.gopc = seep_le64(p + l->g_gopc),
		.startpc = seep_le64(p + l->g_startpc),
		.wait_since = seep_le64(p + l->g_waitsince),
		.status = status,
		.reason = statuses[status],
		.wait = SEEP_WAIT_NONE,
	};
	if (g.stack_lo < g.stack_hi)
		g.stack = seep_memory_at(&rt->memory, g.stack_lo, g.stack_hi - g.stack_lo);
	bool blocked = status == SEEP_STATUS_WAITING || status == SEEP_STATUS_LEAKED;
	uint8_t reason = p[l->g_waitreason];
	if (blocked && reason < reason_count)
		g.reason = reasons[reason];
	g.async_preempted = p[l->g_async_safe_point];
	const uint64_t *running = seep_map_get(&threads->by_g, addr);
	uint64_t syscall_sp = seep_le64(p + l->g_syscallsp);
	if (status == SEEP_STATUS_RUNNING) {
		start_running(rt, &g, threads, running ? &threads->v.data[*running - 1] : NULL);
	} else {
		g.pc = syscall_sp ? seep_le64(p + l->g_syscallpc) : seep_le64(p + l->g_sched_pc);
		g.sp = syscall_sp ? syscall_sp : seep_le64(p + l->g_sched_sp);
		g.lr = syscall_sp ? 0 : sched_lr(rt, addr);
		// Its stack may be moving: then the frames are all there, but pointers into the stack may still mean the old one.
		g.conservative = owned || status == SEEP_STATUS_COPYSTACK;
	}
	g.system = is_system(rt, &g);
	uint64_t *slot = seep_map_put(&rt->goroutine_of, addr, NULL);
	if (!slot || !seep_vec_push(&rt->goroutines, g))
		return &seep_enomem;
	*slot = rt->goroutines.len - 1;
	return NULL;
}

/** The runtime's own words for why a goroutine waits: their numbers change from release to release, the words hardly. */
static size_t read_reasons(struct seep_runtime *rt, const char **ret)
{
	size_t n = 0;

	for (; n < REASONS_MAX && n < rt->binary->globals.wait_reason_count; n++) {
		seep_addr text =
			seep_memory_word(&rt->memory, rt->binary->globals.wait_reasons + 16 * n);
		uint64_t len = seep_memory_word(&rt->memory,
						rt->binary->globals.wait_reasons + 16 * n + 8);
		const char *s = len < 100 ? seep_memory_at(&rt->memory, text, len) : NULL;
		if (!s && len != 0)
			break;
		ret[n] = seep_intern(rt, s ? s : "", len);
		if (!ret[n])
			break;
	}
	return n;
}

struct seep_error *seep_goroutines_read(struct seep_runtime *rt)
{
	struct seep_error *err;
	struct threads_of threads = {};
	const char *reasons[REASONS_MAX];
	seep_addr array;
	uint64_t count;

	if (!seep_allgs(&rt->memory, &rt->binary->globals, &array, &count))
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "the list of goroutines cannot be read");
	size_t reason_count = read_reasons(rt, reasons);
	if (reason_count < 20)
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "the runtime's wait reasons cannot be read");
	err = read_ms(rt, &threads);
	for (uint64_t i = 0; !err && i < count; i++) {
		seep_addr g = seep_memory_word(&rt->memory, array + 8 * i);
		if (g)
			err = read_goroutine(rt, g, &threads, reasons, reason_count);
	}
	for (size_t i = 0; !err && i < threads.v.len; i++)
		if (!read_thread(rt, &threads.v.data[i]))
			err = &seep_enomem;
	seep_vec_free(&threads.v);
	seep_map_deinit(&threads.by_g);
	return err;
}
