// Goroutines: runtime.allgs, their states, and where each one's stack is to be unwound from.
//
// allgs never shrinks; dead goroutines are reused. A blocked, runnable or system-call goroutine has its pc and sp saved in
// g.sched or g.syscallpc/sp. A running one is on a thread (m.curg): then the registers decide, by the stack that the
// stack pointer is in: the goroutine's own; the thread's g0 (then g.sched was saved by systemstack or mcall); the signal
// stack (then the kernel's frame holds the interrupted registers); or C code and vdso.
#include "runtime/internal.h"

#include <stdio.h>
#include <string.h>

enum { GOROUTINES_MAX = 1 << 26, REASONS_MAX = 64, STATUS_SCAN = 0x1000, ALLM_MAX = 1 << 20 };

bool seep_allgs(const struct seep_memory *memory, const struct seep_globals *globals,
		seep_addr *array_ret, uint64_t *count_ret)
{
	return seep_memory_u64(memory, globals->allglen, count_ret) &&
	       seep_memory_u64(memory, globals->allgptr, array_ret) && *count_ret <= GOROUTINES_MAX;
}

/** Ms by the goroutine that they run. */
struct thread_of {
	const struct seep_thread *thread;
	seep_addr m, g, g0_lo, g0_hi, signal_lo, signal_hi;
};
struct threads_of {
	struct seep_vec(struct thread_of) v;
	struct seep_map by_g;
};

static seep_addr word(const struct seep_memory *memory, seep_addr addr)
{
	uint64_t v;

	return seep_memory_u64(memory, addr, &v) ? v : 0;
}

static struct seep_error *read_ms(struct seep_runtime *rt, struct threads_of *ret)
{
	const struct seep_layout *l = &rt->binary->layout;
	const struct seep_memory *memory = &rt->memory;
	seep_addr m = word(memory, rt->binary->globals.allm);

	for (size_t n = 0; m && n < ALLM_MAX; n++, m = word(memory, m + l->m_alllink)) {
		struct thread_of t = { .m = m, .g = word(memory, m + l->m_curg) };
		uint64_t procid = word(memory, m + l->m_procid);
		seep_addr g0 = word(memory, m + l->m_g0), gsignal = word(memory, m + l->m_gsignal);
		if (!t.g)
			continue;
		if (g0) {
			t.g0_lo = word(memory, g0 + l->g_stack_lo);
			t.g0_hi = word(memory, g0 + l->g_stack_hi);
		}
		if (gsignal) {
			t.signal_lo = word(memory, gsignal + l->g_stack_lo);
			t.signal_hi = word(memory, gsignal + l->g_stack_hi);
		}
		for (size_t i = 0; i < rt->thread_count; i++)
			if (rt->threads[i].stopped && (uint64_t)rt->threads[i].procid == procid)
				t.thread = &rt->threads[i];
		uint64_t *slot = seep_map_put(&ret->by_g, t.g, NULL);
		if (!slot || !seep_vec_push(&ret->v, t))
			return &seep_enomem;
		*slot = ret->v.len; // index + 1
	}
	return NULL;
}

/**
 * The registers that a signal interrupted, from the signal frame on the gsignal stack: the return address to the sigreturn
 * trampoline, then struct ucontext with gregs at +40 (rsp is gregs[15], rip gregs[16]).
 */
static bool find_signal_frame(struct seep_runtime *rt, const struct thread_of *t, seep_addr *pc_ret,
			      seep_addr *sp_ret)
{
	static const char *const names[] = { "runtime.sigreturn__sigaction", "runtime.sigreturn" };
	struct seep_func funcs[2];
	seep_addr v;

	seep_pclntab_find_names(&rt->binary->pclntab, names, 2, funcs);
	seep_addr trampoline = funcs[0].raw ? funcs[0].entry : funcs[1].raw ? funcs[1].entry : 0;
	for (seep_addr a = t->thread->sp & ~7ull;
	     trampoline && a + 8 <= t->signal_hi && seep_memory_u64(&rt->memory, a, &v); a += 8)
		if (v == trampoline) {
			*sp_ret = word(&rt->memory, a + 8 + 160);
			*pc_ret = word(&rt->memory, a + 8 + 168);
			return *pc_ret != 0;
		}
	return false;
}

static void start_running(struct seep_runtime *rt, struct seep_goroutine *g,
			  const struct thread_of *t)
{
	const struct seep_layout *l = &rt->binary->layout;
	const struct seep_thread *thread = t ? t->thread : NULL;
	struct seep_func func;

	// Between states, or its thread could not be stopped: the saved state is the best there is, and every word may be a pointer.
	g->pc = word(&rt->memory, g->addr + l->g_sched_pc);
	g->sp = word(&rt->memory, g->addr + l->g_sched_sp);
	if (!thread) {
		g->conservative = true;
		return;
	}
	g->thread = thread;
	if (thread->sp >= g->stack_lo && thread->sp < g->stack_hi) {
		g->pc = thread->pc;
		g->sp = thread->sp;
	} else if (thread->sp >= t->signal_lo && thread->sp < t->signal_hi) {
		seep_addr pc, sp;
		if (!find_signal_frame(rt, t, &pc, &sp)) {
			g->conservative = true;
		} else if (sp >= g->stack_lo && sp < g->stack_hi) {
			g->pc = pc;
			g->sp = sp;
		} // else the signal came on g0: g.sched holds
	} else if (!(thread->sp >= t->g0_lo && thread->sp < t->g0_hi)) {
		seep_addr vdso_sp = l->m_vdso_sp >= 0 ? word(&rt->memory, t->m + l->m_vdso_sp) : 0;
		if (vdso_sp >= g->stack_lo && vdso_sp < g->stack_hi) {
			g->sp = vdso_sp;
			g->pc = word(&rt->memory, t->m + l->m_vdso_pc);
		}
	}
	if (!seep_pclntab_find(&rt->binary->pclntab, g->pc, &func))
		g->conservative = true;
}

static bool has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/** runtime/traceback.go isSystemGoroutine, and os/signal's own loop. */
static bool is_system(struct seep_runtime *rt, const struct seep_goroutine *g)
{
	struct seep_func func;

	if (g->startpc == 0)
		return true;
	if (!seep_pclntab_find(&rt->binary->pclntab, g->startpc, &func))
		return false;
	if (has_prefix(func.name, "os/signal."))
		return true;
	if (!has_prefix(func.name, "runtime."))
		return false;
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
	uint32_t status = seep_le32(p + l->g_atomicstatus) & ~STATUS_SCAN;
	if (status == SEEP_STATUS_DEAD || status == SEEP_STATUS_DEADEXTRA ||
	    status == SEEP_STATUS_IDLE || status > SEEP_STATUS_LEAKED) {
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
	g.system = is_system(rt, &g);
	const uint64_t *running = seep_map_get(&threads->by_g, addr);
	uint64_t syscall_sp = seep_le64(p + l->g_syscallsp);
	if (status == SEEP_STATUS_COPYSTACK) {
		g.conservative = true;
	} else if (status == SEEP_STATUS_RUNNING) {
		start_running(rt, &g, running ? &threads->v.data[*running - 1] : NULL);
	} else {
		g.pc = syscall_sp ? seep_le64(p + l->g_syscallpc) : seep_le64(p + l->g_sched_pc);
		g.sp = syscall_sp ? syscall_sp : seep_le64(p + l->g_sched_sp);
	}
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
		seep_addr text = word(&rt->memory, rt->binary->globals.wait_reasons + 16 * n);
		uint64_t len = word(&rt->memory, rt->binary->globals.wait_reasons + 16 * n + 8);
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
		seep_addr g = word(&rt->memory, array + 8 * i);
		if (g)
			err = read_goroutine(rt, g, &threads, reasons, reason_count);
	}
	seep_vec_free(&threads.v);
	seep_map_deinit(&threads.by_g);
	return err;
}
