// Evidence in words. Addresses are given so that two lines can be seen to speak of the same thing.
#include "detect/explain_wait.h"

#include "base/str.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FRAMES_MAX = 64, POSITIONS_MAX = 16, QUEUE_MAX = 1 << 20, CANDIDATES_SHOWN = 3 };

/** Packages that implement blocking: never the place where a person would look for the leak. */
static bool is_machinery(const char *function)
{
	static const char *const prefixes[] = { "runtime.", "sync.",	      "internal/sync.",
						"iter.",    "internal/race.", "internal/runtime/" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (seep_has_prefix(function, prefixes[i]))
			return true;
	return false;
}

/**
 * Length of the folder that Go's own sources were in when the program was built, from the file of a runtime function; 0 if
 * the build cut it off (-trimpath).
 */
static size_t goroot_length(const struct seep_position *runtime_function)
{
	const char *tail = strstr(runtime_function->file, "/runtime/");

	return tail ? tail + 1 - runtime_function->file : 0;
}

/** Is the function Go's own? By its file; without folders by its import path, whose first element has no dot then. */
static bool is_standard(const struct seep_position *p, const char *goroot, size_t len)
{
	size_t first = strcspn(p->function, "./");

	if (len)
		return strncmp(p->file, goroot, len) == 0;
	return !seep_has_prefix(p->function, "main.") && p->function[first] != 0 &&
	       (p->function[first] == '/' || !strchr(p->function, '/'));
}

const char *seep_text_c_function(const char *function)
{
	static const char *const stubs[] = { "._Cfunc_", "._C2func_" };

	for (size_t i = 0; i < sizeof(stubs) / sizeof(stubs[0]); i++) {
		const char *stub = strstr(function, stubs[i]);
		if (stub)
			return stub + strlen(stubs[i]);
	}
	return NULL;
}

struct seep_frame_text seep_text_blocked_at(const struct seep_view *view,
					    const struct seep_goroutine *g)
{
	struct seep_position p[POSITIONS_MAX];
	struct seep_unwinder u;
	struct seep_frame_text innermost = {};
	const char *goroot = NULL;
	size_t goroot_len = 0;

	if (!seep_unwind_start(view->runtime, g, &u))
		return seep_text_created_at(view, g);
	do {
		size_t n = seep_frame_positions(view->runtime, &u.frame, u.depth == 0, p,
						POSITIONS_MAX);
		for (size_t i = 0; i < n; i++) {
			struct seep_frame_text at = { p[i].function, p[i].file, p[i].line };
			if (!goroot && seep_has_prefix(p[i].function, "runtime.")) {
				goroot = p[i].file;
				goroot_len = goroot_length(&p[i]);
			}
			if (seep_text_c_function(p[i].function))
				continue; // in a file that cgo made; who called it is the next
			if (!is_standard(&p[i], goroot, goroot_len))
				return at;
			if (!innermost.function && !is_machinery(at.function))
				innermost = at;
		}
	} while (seep_unwind_next(&u));
	return innermost.function ? innermost : seep_text_created_at(view, g);
}

struct seep_frame_text seep_text_created_at(const struct seep_view *view,
					    const struct seep_goroutine *g)
{
	const struct seep_pclntab *tab = &view->runtime->binary->pclntab;
	struct seep_position p[POSITIONS_MAX];
	struct seep_func func;

	if (g->gopc == 0 || !seep_pclntab_find(tab, g->gopc - 1, &func))
		return (struct seep_frame_text){};
	size_t n = seep_func_positions(tab, &func, g->gopc - 1, p, POSITIONS_MAX);
	return n ? (struct seep_frame_text){ p[0].function, p[0].file, p[0].line } :
		   (struct seep_frame_text){};
}

struct seep_frame_text seep_text_function(const struct seep_view *view, seep_addr pc)
{
	const struct seep_pclntab *tab = &view->runtime->binary->pclntab;
	struct seep_position p[POSITIONS_MAX];
	struct seep_func func;

	if (!seep_pclntab_find(tab, pc, &func))
		return (struct seep_frame_text){};
	size_t n = seep_func_positions(tab, &func, func.entry, p, POSITIONS_MAX);
	if (n == 0)
		return (struct seep_frame_text){ .function = func.name };
	return (struct seep_frame_text){ func.name, p[n - 1].file, p[n - 1].line };
}

struct seep_frame_text seep_text_own(struct seep_report *report, struct seep_frame_text frame)
{
	if (!frame.function)
		return frame;
	return (struct seep_frame_text){
		.function = seep_report_format(report, "%s", frame.function),
		.file = frame.file ? seep_report_format(report, "%s", frame.file) : NULL,
		.line = frame.line,
	};
}

const char *seep_text_channel_type(const struct seep_view *view, struct seep_report *report,
				   seep_addr channel)
{
	struct seep_runtime *rt = view->runtime;
	uint64_t elem;

	if (!seep_memory_u64(&rt->memory, channel + rt->binary->layout.hchan_elemtype, &elem) ||
	    !elem)
		return NULL;
	return seep_report_format(report, "chan %s", seep_type_name(&rt->types, elem));
}

/** The lines of a goroutine's stack; none if it cannot be unwound. */
static struct seep_error *read_frames(const struct seep_view *view, struct seep_report *report,
				      const struct seep_goroutine *g,
				      struct seep_frame_text **frames_ret, size_t *count_ret)
{
	struct seep_runtime *rt = view->runtime;
	struct seep_position p[POSITIONS_MAX];
	struct seep_unwinder u;
	struct seep_frame_text *frames = seep_report_alloc(report, FRAMES_MAX * sizeof(*frames));
	size_t count = 0;

	if (!frames)
		return &seep_enomem;
	for (bool more = seep_unwind_start(rt, g, &u); more && count < FRAMES_MAX;
	     more = seep_unwind_next(&u)) {
		size_t n = seep_frame_positions(rt, &u.frame, u.depth == 0, p, POSITIONS_MAX);
		for (size_t i = 0; i < n && count < FRAMES_MAX; i++)
			if (!p[i].wrapper || i + 1 == n)
				frames[count++] = seep_text_own(
					report, (struct seep_frame_text){ p[i].function, p[i].file,
									  p[i].line });
	}
	*frames_ret = frames;
	*count_ret = count;
	return NULL;
}

struct seep_error *seep_text_goroutine(const struct seep_view *view, struct seep_report *report,
				       const struct seep_goroutine *g,
				       struct seep_finding_goroutine *ret)
{
	const struct seep_runtime *rt = view->runtime;

	*ret = (struct seep_finding_goroutine){
		.id = g->id, .state = seep_report_format(report, "%s", g->reason)
	};
	if (g->wait_since && g->wait_since < rt->now)
		ret->wait_ns = rt->now - g->wait_since;
	if (g->wait < SEEP_WAIT_EXTERNAL && g->wait != SEEP_WAIT_NO_CASES)
		ret->wait_kind = seep_wait_kind_name(g->wait);
	if (g->wait_count) {
		ret->wait_address = rt->waits.data[g->first_wait].address;
		if (g->wait == SEEP_WAIT_SEND || g->wait == SEEP_WAIT_RECEIVE ||
		    g->wait == SEEP_WAIT_SELECT)
			ret->wait_type = seep_text_channel_type(view, report, ret->wait_address);
	}
	return read_frames(view, report, g, &ret->frames, &ret->frame_count);
}

/** A number for the lines of a goroutine's stack as they would be read: those with the same pcs are the same. */
static uint64_t hash_stack(struct seep_runtime *rt, const struct seep_goroutine *g)
{
	uint64_t h = 0xcbf29ce484222325;
	struct seep_unwinder u;
	size_t count = 0;

	for (bool more = seep_unwind_start(rt, g, &u); more && count < FRAMES_MAX;
	     more = seep_unwind_next(&u), count++)
		h = (h ^ u.frame.pc) * 0x100000001b3;
	return h;
}

struct seep_error *seep_text_stacks(const struct seep_view *view, struct seep_report *report,
				    const uint32_t *members, size_t n, struct seep_finding *finding)
{
	struct seep_error *err = NULL;
	struct seep_map index = {}; // of a stack, by its hash

	for (size_t i = 0; !err && i < n; i++) {
		const struct seep_goroutine *g = &view->runtime->goroutines.data[members[i]];
		struct seep_finding_stack stack = {};
		bool added;
		uint64_t *slot = seep_map_put(&index, hash_stack(view->runtime, g), &added);

		if (!slot) {
			err = &seep_enomem;
		} else if (!added && *slot < finding->stacks.len) {
			finding->stacks.data[*slot].count++;
		} else if (added) {
			*slot = finding->stacks.len < SEEP_FINDING_STACKS_MAX ?
					finding->stacks.len :
					SEEP_FINDING_STACKS_MAX;
			stack.count = 1;
			if (*slot == SEEP_FINDING_STACKS_MAX)
				continue;
			err = read_frames(view, report, g, &stack.frames, &stack.frame_count);
			if (!err && !seep_vec_push(&finding->stacks, stack))
				err = &seep_enomem;
		}
	}
	seep_map_deinit(&index);
	return err;
}

void seep_text_why(struct seep_report *report, struct seep_finding *finding, const char *format,
		   ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		return;
	const char *owned = seep_report_format(report, "%s", text);
	free(text);
	if (owned && !seep_vec_push(&finding->why, owned))
		return;
}

static uint64_t queue_length(const struct seep_runtime *rt, seep_addr waitq)
{
	uint64_t sudog, n = 0;

	for (bool ok = seep_memory_u64(&rt->memory, waitq, &sudog); ok && sudog && n < QUEUE_MAX;
	     n++)
		ok = seep_memory_u64(&rt->memory, sudog + rt->binary->layout.sudog_next, &sudog);
	return n;
}

void seep_text_channel(const struct seep_view *view, struct seep_report *report,
		       struct seep_finding *finding, const struct seep_wait *wait)
{
	const struct seep_runtime *rt = view->runtime;
	const struct seep_layout *l = &rt->binary->layout;
	const unsigned char *c = seep_memory_at(&rt->memory, wait->address, l->hchan_size);
	char buffer[64];

	if (!c)
		return;
	const char *type = seep_text_channel_type(view, report, wait->address);
	uint64_t cap = seep_le64(c + l->hchan_dataqsiz), len = seep_le64(c + l->hchan_qcount);
	if (cap)
		snprintf(buffer, sizeof(buffer), "%" PRIu64 " of %" PRIu64 " buffered", len, cap);
	else
		snprintf(buffer, sizeof(buffer), "unbuffered");
	seep_text_why(report, finding,
		      "channel %#" PRIx64 " (%s, %s): %" PRIu64 " blocked in send, %" PRIu64
		      " in receive",
		      wait->address, type ? type : "chan", buffer,
		      queue_length(rt, wait->address + l->hchan_sendq),
		      queue_length(rt, wait->address + l->hchan_recvq));
}

static void holder_line(const struct seep_view *view, struct seep_report *report,
			struct seep_finding *finding, const struct seep_lock *lock,
			const struct seep_lock_holder *h)
{
	const struct seep_goroutine *g = &view->runtime->goroutines.data[h->goroutine];
	struct seep_frame_text at = seep_text_blocked_at(view, g);
	char locked[512] = "", doing[512];

	if (h->lock.function)
		snprintf(locked, sizeof(locked), " since %s:%d", h->lock.file, h->lock.line);
	if (at.function)
		snprintf(doing, sizeof(doing), "%s at %s:%d", g->reason, at.file, at.line);
	else
		snprintf(doing, sizeof(doing), "%s", g->reason);
	seep_text_why(report, finding, "goroutine %" PRIu64 " %s %#" PRIx64 "%s (%s) and is in %s",
		      g->id, h->waits_as_writer ? "is queued as writer for" : "holds",
		      lock->address, locked,
		      h->waits_as_writer ? "it keeps new readers out" :
		      h->deferred	 ? "its deferred Unlock is pending" :
					   "it stands between Lock and Unlock",
		      doing);
}

void seep_text_lock(const struct seep_view *view, struct seep_report *report,
		    struct seep_finding *finding, const struct seep_goroutine *g)
{
	const struct seep_lock *lock = seep_locks_of(view->runtime, view->locks, g);

	if (!lock)
		return;
	seep_text_why(report, finding,
		      "%s %#" PRIx64 " is locked and %zu goroutine%s wait%s for it",
		      lock->rw ? "sync.RWMutex" : "sync.Mutex", lock->address, lock->waiters.len,
		      lock->waiters.len == 1 ? "" : "s", lock->waiters.len == 1 ? "s" : "");
	for (size_t i = 0; i < lock->holders.len && i < CANDIDATES_SHOWN; i++)
		holder_line(view, report, finding, lock, &lock->holders.data[i]);
	if (lock->state != SEEP_LOCK_ABANDONED)
		return;
	seep_text_why(
		report, finding,
		"no frame and no pending defer of any goroutine will unlock it: who locked it has returned without Unlock");
	for (size_t i = 0; i < lock->candidates.len && i < CANDIDATES_SHOWN; i++)
		seep_text_why(report, finding, "candidate: %s locks it at %s:%d",
			      lock->candidates.data[i].function, lock->candidates.data[i].file,
			      lock->candidates.data[i].line);
}

/** Locks and the like lie in the sections without pointers; outside all of them is what C, say, has allocated. */
static const char *text_variable(const struct seep_module *m, struct seep_report *report,
				 seep_addr addr)
{
	const struct {
		const char *name;
		seep_addr start, end;
	} sections[] = { { "bss", m->bss, m->ebss },
			 { "data", m->data, m->edata },
			 { "noptrbss", m->noptrbss, m->enoptrbss },
			 { "noptrdata", m->noptrdata, m->enoptrdata } };

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (addr >= sections[i].start && addr < sections[i].end)
			return seep_report_format(report, "package variable at %s+%#" PRIx64,
						  sections[i].name, addr - sections[i].start);
	return seep_report_format(report, "memory outside of any object at %#" PRIx64, addr);
}

const char *seep_text_root(const struct seep_view *view, struct seep_report *report,
			   const struct seep_root *root)
{
	const struct seep_module *m = &view->runtime->binary->pclntab.module;
	const struct seep_goroutine *g;
	struct seep_frame_text at;

	switch (root->kind) {
	case SEEP_ROOT_GLOBAL:
		return text_variable(m, report, root->id);
	case SEEP_ROOT_THREAD:
		return "the runtime at work on a thread";
	case SEEP_ROOT_TIMER:
		return "a pending timer";
	case SEEP_ROOT_SPECIAL:
		return "a finalizer, cleanup or weak pointer";
	case SEEP_ROOT_GOROUTINE:
		g = &view->runtime->goroutines.data[root->id];
		at = seep_text_blocked_at(view, g);
		return at.function ? seep_report_format(report, "goroutine %" PRIu64 " (%s, in %s)",
							g->id, g->reason, at.function) :
				     seep_report_format(report, "goroutine %" PRIu64 " (%s)", g->id,
							g->reason);
	default:
		return "an unknown owner";
	}
}
