// thread-pileup: OS threads that goroutines keep from other work.
//
// A goroutine in a system call or in C has a thread to itself until the call returns, and so has one that called
// runtime.LockOSThread, even while it is parked. When such calls last, the runtime makes another thread for the next
// goroutine, without limit up to 10,000 (debug.SetMaxThreads), where it ends the program. Network and pipe reads through
// package net and os do not: they park the goroutine in the poller. Threads that are parked because nothing is to be done
// are the runtime's reserve, however many a burst of work has left, and no finding.
//
// The registers say what a thread was blocked in: the kernel keeps the number of the system call there. What the goroutine
// does is on its stack, the call into C included: a stub NAME._Cfunc_FUNCTION stands between the caller and runtime.cgocall.
#include "detect/explain_wait.h"

#include "base/str.h"
#include "runtime/thread.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/**
 * A pool of workers around blocking calls has as many threads as there are processors, or some. Several dozen at one place are
 * more than a program needs by design, and each costs the kernel 16 KiB besides.
 */
enum { THREADS_MIN = 32, FRAMES_MAX = 8, POSITIONS_MAX = 16 };

enum kind { IN_SYSCALL, IN_C, LOCKED };

struct group {
	enum kind kind;
	const char *
		what; /** system call (of one that is known) or C function, NULL = unknown; owned by the report */
	bool various; /** in several system calls at one place */
	struct seep_frame_text where, created;
	uint64_t stack_bytes; /** resident, of the threads' own stacks */
	uint64_t computing; /** IN_C: threads that were not blocked in a system call */
	struct seep_vec(uint32_t) goroutines;
};

struct detector {
	const struct seep_view *view;
	struct seep_report *report;
	struct seep_ms ms;
	struct seep_vec(struct group) groups;
	struct seep_map by_key;
	uint64_t idle;
};

static void detector_deinit(struct detector *d)
{
	seep_vec_foreach(group, &d->groups)
		seep_vec_free(&group->goroutines);
	seep_vec_free(&d->groups);
	seep_map_deinit(&d->by_key);
	seep_ms_deinit(&d->ms);
}

/** The C function that the goroutine is in: "sleep" of main._Cfunc_sleep. *in_c_ret: whether it is in C at all. */
static const char *c_function(const struct detector *d, const struct seep_goroutine *g,
			      bool *in_c_ret)
{
	struct seep_position p[POSITIONS_MAX];
	struct seep_unwinder u;
	unsigned frames = 0;

	*in_c_ret = false;
	if (!seep_unwind_start(d->view->runtime, g, &u))
		return NULL;
	do {
		size_t n = seep_frame_positions(d->view->runtime, &u.frame, u.depth == 0, p,
						POSITIONS_MAX);
		for (size_t i = 0; i < n; i++) {
			const char *name = seep_text_c_function(p[i].function);
			if (strcmp(p[i].function, "runtime.cgocall") == 0)
				*in_c_ret = true;
			else if (*in_c_ret && name)
				return seep_report_format(d->report, "%s", name);
		}
	} while (++frames < FRAMES_MAX && seep_unwind_next(&u));
	return NULL;
}

/**
 * The system call that a thread is blocked in, NULL if it is unknown: the sleep that somebody's stop has interrupted goes on under
 * a number that all such calls share.
 */
static const char *system_call(const struct seep_m *m)
{
	const char *name = m->thread ? seep_syscall_name(m->thread->syscall) : NULL;

	return name && strcmp(name, "restart_syscall") != 0 ? name : NULL;
}

/** What tells a group apart in its kind. System calls are told apart by place alone, as not every thread knows which it is in. */
static const char *distinction(const struct group *group)
{
	return group->kind == IN_C && group->what ? group->what : "";
}

static uint64_t key_of(const struct group *group)
{
	char kind[32];

	snprintf(kind, sizeof(kind), "%d,%d", group->kind, group->where.line);
	return seep_detect_signature("thread-pileup", kind, distinction(group),
				     group->where.function ? group->where.function : "?",
				     group->where.file ? group->where.file : "?", NULL);
}

static bool add_thread(struct detector *d, const struct seep_m *m, uint32_t goroutine,
		       const struct group *like)
{
	const struct seep_usage *usage = d->view->usage;
	bool added;
	uint64_t *slot = seep_map_put(&d->by_key, key_of(like) & ~(1ull << 63), &added);

	if (!slot)
		return false;
	if (added) {
		*slot = d->groups.len;
		if (!seep_vec_push(&d->groups, *like))
			return false;
	}
	struct group *group = &d->groups.data[*slot];
	if (!group->what)
		group->what = like->what;
	group->various |= like->what && strcmp(group->what, like->what) != 0;
	group->computing += m->thread && m->thread->stopped && m->thread->syscall < 0;
	if (usage && usage->by_page)
		group->stack_bytes += seep_usage_resident(usage, m->g0.start, m->g0.end) +
				      seep_usage_resident(usage, m->signal.start, m->signal.end);
	return seep_vec_push(&group->goroutines, goroutine);
}

/** Sorts a thread into its group, if a goroutine keeps it; false when memory is out. */
static bool classify(struct detector *d, const struct seep_m *m)
{
	const struct seep_runtime *rt = d->view->runtime;
	uint32_t i = m->curg != SEEP_NO_GOROUTINE ? m->curg : m->lockedg;
	struct group group = {};
	bool in_c;

	if (i == SEEP_NO_GOROUTINE) {
		d->idle++;
		return true;
	}
	const struct seep_goroutine *g = &rt->goroutines.data[i];
	if (g->system)
		return true;
	if (g->status == SEEP_STATUS_SYSCALL && i == m->curg) {
		group.what = c_function(d, g, &in_c);
		group.kind = in_c ? IN_C : IN_SYSCALL;
		// On its way out of a call: not blocked.
		if (!in_c && m->thread && m->thread->stopped && m->thread->syscall < 0)
			return true;
		if (!in_c)
			group.what = system_call(m);
	} else if (g->status == SEEP_STATUS_WAITING && i == m->lockedg) {
		group.kind = LOCKED;
	} else {
		return true;
	}
	group.where = seep_text_blocked_at(d->view, g);
	group.created = seep_text_created_at(d->view, g);
	return add_thread(d, m, i, &group);
}

static void explain(const struct detector *d, const struct group *group, struct seep_finding *f)
{
	static const char *const fixes[] = {
		[IN_SYSCALL] =
			"wait through package os or net, which needs no thread (os.NewFile on a non-blocking descriptor); or let only a few goroutines call it at a time",
		[IN_C] =
			"let only a few goroutines call into C at a time (a channel with so much room as a semaphore), and give the C call a timeout",
		[LOCKED] =
			"call runtime.UnlockOSThread when the thread is not needed any more (defer it after LockOSThread), or let one locked goroutine serve the others",
	};
	const char *what = group->various ? NULL : group->what;

	f->fix = fixes[group->kind];
	if (group->kind == IN_SYSCALL)
		f->summary = what ? seep_report_format(d->report,
						       "OS threads blocked in the system call %s.",
						       what) :
				    "OS threads blocked in a system call.";
	else if (group->kind == IN_C)
		f->summary = what ? seep_report_format(d->report,
						       "OS threads in the C function %s.", what) :
				    "OS threads in C code.";
	else
		f->summary =
			"OS threads that wait for goroutines locked to them, which are parked.";
	seep_text_why(
		d->report, f, "%s",
		group->kind == LOCKED ?
			"each goroutine called runtime.LockOSThread: its thread does nothing else, also while the goroutine waits" :
			"a goroutine in such a call has a thread to itself until the call returns; for the next one the runtime makes another");
	if (group->kind == IN_C && group->computing)
		seep_text_why(d->report, f,
			      "%" PRIu64 " of them were computing, not blocked in a system call",
			      group->computing);
	seep_text_why(d->report, f,
		      "the process has %zu threads, %" PRIu64
		      " of them idle; at 10,000 the runtime ends the program",
		      d->view->runtime->thread_count, d->idle);
	seep_text_why(
		d->report, f,
		"%d or more at one place are a suspect: that they stay so long, or become more, a second look has to show",
		THREADS_MIN);
}

static struct seep_error *make_finding(const struct detector *d, const struct group *group,
				       struct seep_finding *ret)
{
	static const char *const kinds[] = { "syscall", "C", "locked" };
	struct seep_error *err;
	const struct seep_runtime *rt = d->view->runtime;
	const char *function = group->where.function ? group->where.function : "";
	char line[16];

	snprintf(line, sizeof(line), "%d", group->where.line);
	*ret = (struct seep_finding){
		.cause = "thread-pileup",
		.verdict = SEEP_VERDICT_SUSPECT,
		.signature = seep_detect_signature("thread-pileup", kinds[group->kind],
						   distinction(group), function, line, NULL),
		.noun = "thread",
		.count = group->goroutines.len,
		.retained_bytes = group->stack_bytes,
		.where = seep_text_own(d->report, group->where),
		.created = seep_text_own(d->report, group->created),
	};
	explain(d, group, ret);
	for (size_t i = 0; i < group->goroutines.len && i < SEEP_FINDING_GOROUTINES_MAX; i++) {
		struct seep_finding_goroutine text;
		err = seep_text_goroutine(d->view, d->report,
					  &rt->goroutines.data[group->goroutines.data[i]], &text);
		if (err)
			return err;
		if (!seep_vec_push(&ret->goroutines, text))
			return &seep_enomem;
	}
	return NULL;
}

static int compare_indexes(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static struct seep_error *make_findings(struct detector *d)
{
	struct seep_error *err = NULL;

	for (size_t i = 0; !err && i < d->groups.len; i++) {
		struct group *group = &d->groups.data[i];
		struct seep_finding finding;
		if (group->goroutines.len < THREADS_MIN)
			continue;
		qsort(group->goroutines.data, group->goroutines.len,
		      sizeof(*group->goroutines.data), compare_indexes);
		err = make_finding(d, group, &finding);
		if (!err && !seep_vec_push(&d->report->findings, finding))
			err = &seep_enomem;
		if (err) {
			seep_vec_free(&finding.why);
			seep_vec_free(&finding.goroutines);
		}
	}
	return err;
}

struct seep_error *seep_detect_threads(const struct seep_view *view, struct seep_report *report)
{
	struct seep_error *err;
	_cleanup_(detector_deinit) struct detector d = { .view = view, .report = report };

	if (!seep_detect_wanted(view, "thread-pileup", SEEP_VERDICT_SUSPECT))
		return NULL;
	err = seep_ms_read(view->runtime, &d.ms);
	if (err)
		return err;
	for (size_t i = 0; i < d.ms.v.len; i++)
		if (!classify(&d, &d.ms.v.data[i]))
			return &seep_enomem;
	return make_findings(&d);
}
