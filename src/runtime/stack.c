// Goroutine stacks: unwinding, and the pointers in their frames.
//
// It does what the collector does (runtime/traceback.go unwinder, runtime/stkframe.go getStackMap, runtime/mgcmark.go
// scanstack):
//
//					amd64				arm64
//	fp	the caller's sp		sp + spdelta(pc) + 8		sp + spdelta(pc)
//	ret	the caller's pc		*(fp - 8)			*sp; if fp = sp still the link register
//	varp	end of the locals	fp - 8, less 8 if > sp		fp, less 8 if > sp (the frame pointer is kept there)
//	argp	begin of the arguments	fp				fp + 8 (the caller keeps its ret at its sp)
//
// Where a signal handler has inserted a call (asyncPreempt, sigpanic), on arm64 it has put the register, which is still
// needed, on the stack: 16 bytes between the two frames.
//
// The locals' map of nbit words ends at varp, the arguments' map begins at argp. Stack objects are scanned only when a live pointer leads
// into them. The frame of asyncPreempt and the one under it have no maps for where they stopped: each of their words counts.
// So does each word in the frames at the top of a running goroutine, up to the first that is not the runtime's: there the
// collector would not have stopped it, and the runtime holds there what the maps no longer list (the function of a `go`
// statement on its way to a new goroutine).
// What depends on the pc alone is looked up once and kept as a site, because a hundred thousand goroutines share a few.
#include "runtime/defer.h"
#include "runtime/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
	DEPTH_MAX = 1 << 20,
	STACK_OBJECTS_MAX = 1 << 16,
	POSITIONS_KEPT_MAX = 16,
	REFLECT_ARGS_MAX = 1 << 16,
	UNKNOWN_ARGS = 0x80000000u,
	VECTOR_WORDS = 2048 / 8 + 8, // xRegs: 32 registers of 64 bytes at most, and masks
};
enum role {
	ROLE_PLAIN,
	ROLE_ASYNC_PREEMPT,
	ROLE_SIGPANIC,
	ROLE_REFLECT_CALL,
	ROLE_CGOCALLBACK,
	ROLE_GOSAVE, /** called by systemstack and asmcgocall before they leave the stack */
};

static const char *const role_names[] = { "runtime.asyncPreempt",     "runtime.debugCallV2",
					  "runtime.sigpanic",	      "reflect.makeFuncStub",
					  "reflect.methodValueCall",  "runtime.cgocallback",
					  "gosave_systemstack_switch" };
static const uint8_t roles[] = { ROLE_ASYNC_PREEMPT, ROLE_ASYNC_PREEMPT, ROLE_SIGPANIC,
				 ROLE_REFLECT_CALL,  ROLE_REFLECT_CALL,	 ROLE_CGOCALLBACK,
				 ROLE_GOSAVE };
enum { ROLES = sizeof(roles) / sizeof(roles[0]) };

struct text_chunk {
	struct text_chunk *next;
	char text[];
};

struct seep_sites {
	struct seep_map by_pc; /** pc, with the top bit set below sigpanic → struct seep_site * */
	struct seep_vec(struct seep_site *) all;
	struct seep_map positions; /** pc → struct positions *, 0 if memory was out */
	struct seep_vec(void *) all_positions;
	struct text_chunk *texts;
	struct seep_func role_funcs[ROLES];
};

struct seep_error *seep_sites_init(struct seep_runtime *rt)
{
	rt->sites = calloc(1, sizeof(*rt->sites));
	if (!rt->sites)
		return &seep_enomem;
	seep_pclntab_find_names(&rt->binary->pclntab, role_names, ROLES, rt->sites->role_funcs);
	return NULL;
}

void seep_sites_destroy(struct seep_sites *sites)
{
	if (!sites)
		return;
	for (size_t i = 0; i < sites->all.len; i++)
		free(sites->all.data[i]);
	for (struct text_chunk *c = sites->texts, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	for (size_t i = 0; i < sites->all_positions.len; i++)
		free(sites->all_positions.data[i]);
	seep_vec_free(&sites->all_positions);
	seep_map_deinit(&sites->positions);
	seep_vec_free(&sites->all);
	seep_map_deinit(&sites->by_pc);
	free(sites);
}

const char *seep_intern(struct seep_runtime *rt, const char *text, size_t len)
{
	struct text_chunk *c = malloc(sizeof(*c) + len + 1);

	if (!c)
		return NULL;
	memcpy(c->text, text, len);
	c->text[len] = '\0';
	c->next = rt->sites->texts;
	rt->sites->texts = c;
	return c->text;
}

/** runtime.stackmap { n i32, nbit i32, bytes }: map number i. Words is 0 if there is none. */
static bool read_map(const struct seep_runtime *rt, seep_addr addr, int32_t i,
		     const uint8_t **map_ret, uint32_t *words_ret)
{
	const unsigned char *head = addr ? seep_memory_at(&rt->memory, addr, 8) : NULL;

	if (!head)
		return false;
	int32_t n = (int32_t)seep_le32(head), nbit = (int32_t)seep_le32(head + 4);
	if (n <= 0 || nbit < 0 || i < 0 || i >= n)
		return false;
	uint64_t bytes = ((uint64_t)nbit + 7) / 8;
	*map_ret = seep_memory_at(&rt->memory, addr + 8 + i * bytes, bytes);
	*words_ret = *map_ret ? nbit : 0;
	return *map_ret || nbit == 0;
}

static void read_site_maps(const struct seep_runtime *rt, struct seep_site *site,
			   bool below_sigpanic)
{
	const struct seep_pclntab *tab = &rt->binary->pclntab;
	seep_addr pc = site->pc;
	uint64_t count;

	// Below sigpanic the frame goes on, if at all, at its call of deferreturn.
	if (below_sigpanic) {
		if (site->func.deferreturn == 0)
			return; // the frame is dead
		pc = site->func.entry + site->func.deferreturn + 1;
	}
	int32_t index = pc == site->func.entry ?
				-1 :
				seep_func_pcdata(tab, &site->func, SEEP_PCDATA_STACK_MAP, pc - 1);
	if (index < 0)
		index = 0;
	if (!read_map(rt, seep_func_funcdata(tab, &site->func, SEEP_FUNCDATA_LOCALS_MAPS), index,
		      &site->local_map, &site->local_words) &&
	    site->spdelta >= 16)
		site->local_words = site->spdelta / 8 - 1; // all but the saved frame pointer
	if (site->func.args != UNKNOWN_ARGS && site->func.args > 0 &&
	    !read_map(rt, seep_func_funcdata(tab, &site->func, SEEP_FUNCDATA_ARGS_MAPS), index,
		      &site->arg_map, &site->arg_words))
		site->arg_words = site->func.args / 8;
	seep_addr objects = seep_func_funcdata(tab, &site->func, SEEP_FUNCDATA_STACK_OBJECTS);
	if (objects && seep_memory_u64(&rt->memory, objects, &count) &&
	    count <= STACK_OBJECTS_MAX) {
		site->stack_objects = seep_memory_at(&rt->memory, objects + 8, count * 16);
		site->stack_object_count = site->stack_objects ? count : 0;
	}
}

static const struct seep_site *site_of(struct seep_runtime *rt, seep_addr pc, bool below_sigpanic)
{
	struct seep_sites *sites = rt->sites;
	bool added;
	uint64_t *slot = seep_map_put(&sites->by_pc, pc | (uint64_t)below_sigpanic << 63, &added);

	if (!slot)
		return NULL;
	if (!added)
		return (const struct seep_site *)*slot;
	struct seep_site *site = calloc(1, sizeof(*site));
	if (!site || !seep_vec_push(&sites->all, site)) {
		free(site);
		*slot = 0;
		return NULL;
	}
	*slot = (uint64_t)site;
	site->pc = pc;
	if (!seep_pclntab_find(&rt->binary->pclntab, pc, &site->func) ||
	    !seep_func_spdelta(&rt->binary->pclntab, &site->func, pc, &site->spdelta)) {
		site->func.raw = NULL;
		return site;
	}
	for (size_t i = 0; i < ROLES; i++)
		if (sites->role_funcs[i].raw == site->func.raw)
			site->role = roles[i];
	site->runtime = strncmp(site->func.name, "runtime.", 8) == 0 ||
			strncmp(site->func.name, "internal/runtime/", 17) == 0;
	read_site_maps(rt, site, below_sigpanic);
	return site;
}

/** lr: what the link register had there; 0 = nothing. */
static bool enter_frame(struct seep_unwinder *u, seep_addr pc, seep_addr sp, seep_addr lr)
{
	const struct seep_arch *arch = u->runtime->binary->image.arch;
	const unsigned pushed = arch->link_register ? 0 : 8; // by the call
	const struct seep_site *site = site_of(u->runtime, pc, u->below_sigpanic);

	if (!site || !site->func.raw || sp < u->goroutine->stack_lo || sp > u->goroutine->stack_hi)
		return false;
	seep_addr fp = sp + (int64_t)site->spdelta + pushed;
	if (site->spdelta < 0 || fp > u->goroutine->stack_hi)
		return false;
	seep_addr varp = fp - pushed;
	if (varp > sp)
		varp -= 8;
	if (lr == 0)
		(void)seep_stack_word(u->goroutine, arch->link_register ? sp : fp - 8, &lr);
	u->frame = (struct seep_frame){ .pc = pc,
					.sp = sp,
					.fp = fp,
					.varp = varp,
					.argp = fp + arch->min_frame,
					.ret = lr,
					.site = site };
	return true;
}

bool seep_unwind_start(struct seep_runtime *rt, const struct seep_goroutine *g,
		       struct seep_unwinder *ret)
{
	*ret = (struct seep_unwinder){ .runtime = rt, .goroutine = g };
	// Once a function has made room for its frame, the register may have been used for something else.
	return g->stack && enter_frame(ret, g->pc, g->sp, 0) &&
	       (ret->frame.fp > ret->frame.sp || enter_frame(ret, g->pc, g->sp, g->lr));
}

/** Behind a call that a signal handler has inserted: the stack pointer, and what the link register has for who was interrupted. */
static seep_addr pop_fake_call(const struct seep_unwinder *u, seep_addr *lr_ret)
{
	const struct seep_arch *arch = u->runtime->binary->image.arch;
	const struct seep_site *below = site_of(u->runtime, u->frame.ret, u->below_sigpanic);

	if (arch->fake_call && below && below->func.raw && below->spdelta == 0)
		(void)seep_stack_word(u->goroutine, u->frame.fp, lr_ret);
	return u->frame.fp + arch->fake_call;
}

bool seep_unwind_next(struct seep_unwinder *u)
{
	const struct seep_site *site = u->frame.site;
	uint8_t flags = site->func.flags;
	seep_addr sp = u->frame.fp, lr = 0;

	if (flags & SEEP_FUNC_TOP_FRAME) {
		u->complete = true;
		return false;
	}
	// A function that moves the stack pointer by itself can be passed only where it made a system call or calls back from C.
	if (flags & SEEP_FUNC_SP_WRITE && u->depth > 0 && site->role != ROLE_CGOCALLBACK &&
	    !u->below_gosave)
		return false;
	u->below_gosave = site->role == ROLE_GOSAVE;
	if (++u->depth > DEPTH_MAX || u->frame.ret == 0)
		return false;
	u->below_sigpanic = site->role == ROLE_SIGPANIC;
	if (u->below_sigpanic || site->role == ROLE_ASYNC_PREEMPT)
		sp = pop_fake_call(u, &lr);
	return enter_frame(u, u->frame.ret, sp, lr);
}

/** Positions by pc and whether the frame is the innermost: they take a walk over several tables to find. */
struct positions {
	uint32_t count;
	struct seep_position at[];
};

static const struct positions *positions_of(struct seep_sites *sites,
					    const struct seep_pclntab *tab,
					    const struct seep_func *func, seep_addr pc)
{
	struct seep_position p[POSITIONS_KEPT_MAX];
	bool added;
	uint64_t *slot = seep_map_put(&sites->positions, pc, &added);

	if (!slot || !added)
		return slot ? (const struct positions *)*slot : NULL;
	size_t n = seep_func_positions(tab, func, pc, p, POSITIONS_KEPT_MAX);
	struct positions *positions = malloc(sizeof(*positions) + n * sizeof(*p));
	if (positions && !seep_vec_push(&sites->all_positions, positions)) {
		free(positions);
		positions = NULL;
	}
	if (!positions)
		return NULL; // the slot stays 0: found out anew each time
	positions->count = n;
	memcpy(positions->at, p, n * sizeof(*p));
	*slot = (uint64_t)positions;
	return positions;
}

size_t seep_frame_positions(const struct seep_runtime *rt, const struct seep_frame *frame,
			    bool innermost, struct seep_position *ret, size_t max)
{
	const struct seep_pclntab *tab = &rt->binary->pclntab;
	const struct seep_func *func = &frame->site->func;
	seep_addr pc = !innermost && frame->pc > func->entry ? frame->pc - 1 : frame->pc;

	if (!func->raw)
		return 0;
	const struct positions *positions = positions_of(rt->sites, tab, func, pc);
	if (!positions || (positions->count == POSITIONS_KEPT_MAX && max > POSITIONS_KEPT_MAX))
		return seep_func_positions(tab, func, pc, ret, max);
	size_t n = positions->count < max ? positions->count : max;
	memcpy(ret, positions->at, n * sizeof(*ret));
	return n;
}

// Roots of one stack.

struct stack_object {
	seep_addr start, end;
	uint64_t ptr_bytes;
	const uint8_t *mask;
	bool scanned;
};

struct scan {
	struct seep_runtime *rt;
	const struct seep_goroutine *g;
	seep_stack_visit *visit;
	seep_stack_visit_word *visit_word; /** in its place */
	void *arg;
	const struct seep_map *but; /** addresses of defer records that are left out, or NULL */
	struct seep_vec(struct stack_object) objects;
	struct seep_vec(seep_addr) into_stack; /** pointers into this stack, still to be looked at */
	struct seep_vec(seep_addr) guessed; /** as well, but they may be none */
	bool failed;
};

/** word: where on the stack it stands, 0 if it does not. */
static void found_at(struct scan *s, seep_addr word, seep_addr value, bool precise)
{
	if (value == 0)
		return;
	if (value >= s->g->stack_lo && value < s->g->stack_hi) {
		if (!(precise ? seep_vec_push(&s->into_stack, value) :
				seep_vec_push(&s->guessed, value)))
			s->failed = true;
		return;
	}
	if (s->visit_word)
		s->visit_word(word, value, precise, s->arg);
	else
		s->visit(value, precise, s->arg);
}

static void found(struct scan *s, seep_addr value, bool precise)
{
	found_at(s, 0, value, precise);
}

/** Words [start, start + 8·words) by mask; without a mask every word. */
static void scan_masked(struct scan *s, seep_addr start, uint64_t words, const uint8_t *mask,
			bool precise)
{
	uint64_t value;

	for (uint64_t i = 0; i < words; i++) {
		if (mask && mask[i / 8] == 0 && i % 8 == 0 && i + 8 <= words) {
			i += 7;
			continue;
		}
		if ((!mask || mask[i / 8] >> (i % 8) & 1) &&
		    seep_stack_word(s->g, start + 8 * i, &value))
			found_at(s, start + 8 * i, value, precise);
	}
}

/** The same; without a mask they are guesses. */
static void scan_words(struct scan *s, seep_addr start, uint64_t words, const uint8_t *mask)
{
	scan_masked(s, start, words, mask, mask != NULL);
}

/** Stack object record since Go 1.17: {off i32, size i32, ptrBytes i32, gcdata offset u32 from moduledata.rodata}. */
static void add_objects(struct scan *s, const struct seep_frame *f)
{
	for (uint64_t i = 0; i < f->site->stack_object_count; i++) {
		const unsigned char *r = f->site->stack_objects + 16 * i;
		int32_t off = (int32_t)seep_le32(r), size = (int32_t)seep_le32(r + 4),
			ptr_bytes = (int32_t)seep_le32(r + 8);
		seep_addr start = (off < 0 ? f->varp : f->argp) + (int64_t)off;
		if (size <= 0 || ptr_bytes == 0 || start < f->sp || start >= s->g->stack_hi)
			continue;
		struct stack_object o = { .start = start, .end = start + size };
		if (ptr_bytes > 0) {
			o.ptr_bytes = ptr_bytes;
			o.mask = seep_memory_at(&s->rt->memory,
						s->rt->binary->pclntab.module.rodata +
							seep_le32(r + 12),
						((uint64_t)ptr_bytes / 8 + 7) / 8);
		} else { // ≤1.23: a GC program; each word counts
			o.ptr_bytes = -(int64_t)ptr_bytes;
		}
		if (!seep_vec_push(&s->objects, o))
			s->failed = true;
	}
}

/**
 * reflect's stubs: the arguments' map is in the method value that they keep at their sp (arm64: above their return address); {fn, *bitvector, argLen}; the
 * results count only once the bool 32 bytes above is set; and they hold an abi.RegArgs whose pointers are a stack object.
 */
static void scan_reflect_call(struct scan *s, const struct seep_frame *f)
{
	uint64_t mv, bitvector, arg_len, ret_valid, map;
	seep_addr at = f->sp + s->rt->binary->image.arch->min_frame;
	uint32_t bits;

	if (at >= f->varp || !seep_stack_word(s->g, at, &mv))
		return;
	// Its own locals: conservative covers the method value and the spilled registers.
	scan_words(s, f->sp, (f->varp - f->sp) / 8, NULL);
	if (!seep_memory_u64(&s->rt->memory, mv + 8, &bitvector) ||
	    !seep_memory_u64(&s->rt->memory, mv + 16, &arg_len) ||
	    !seep_memory_u32(&s->rt->memory, bitvector, &bits) ||
	    !seep_memory_u64(&s->rt->memory, bitvector + 8, &map) ||
	    !seep_stack_word(s->g, at + 32, &ret_valid) || bits > REFLECT_ARGS_MAX)
		return;
	if (!(ret_valid & 0xff) && arg_len / 8 < bits)
		bits = arg_len / 8;
	// A mask in the heap is in an object without pointers, which is not copied: then each word counts.
	struct seep_object object;
	const uint8_t *mask = seep_heap_find(&s->rt->heap, map, &object) ?
				      NULL :
				      seep_memory_at(&s->rt->memory, map, (bits + 7) / 8);
	scan_words(s, f->argp, bits, mask);
}

static void scan_frames(struct scan *s)
{
	struct seep_unwinder u;
	// The innermost frame of a running goroutine is not at a point that has a map.
	bool conservative = s->g->thread != NULL, in_runtime = conservative;

	if (s->g->conservative || !seep_unwind_start(s->rt, s->g, &u)) {
		if (s->g->stack && s->g->stack_hi > s->g->stack_lo)
			scan_words(s, s->g->stack_lo, (s->g->stack_hi - s->g->stack_lo) / 8, NULL);
		return;
	}
	do {
		const struct seep_frame *f = &u.frame;
		in_runtime = in_runtime && f->site->runtime;
		if (conservative || in_runtime || f->site->role == ROLE_ASYNC_PREEMPT) {
			conservative = f->site->role == ROLE_ASYNC_PREEMPT;
			scan_words(s, f->sp, (f->varp - f->sp) / 8, NULL);
			if (f->site->func.args != UNKNOWN_ARGS)
				scan_words(s, f->argp, f->site->func.args / 8, NULL);
			// A guess may lead into a stack object of this very frame.
			add_objects(s, f);
			continue;
		}
		if (f->site->role == ROLE_REFLECT_CALL) {
			scan_reflect_call(s, f);
			add_objects(s, f);
			continue;
		}
		if (f->varp > f->sp)
			scan_words(s, f->varp - 8ull * f->site->local_words, f->site->local_words,
				   f->site->local_map);
		scan_words(s, f->argp, f->site->arg_words, f->site->arg_map);
		add_objects(s, f);
	} while (seep_unwind_next(&u));
	// Lost on the way: what lies above may hold pointers, too.
	if (!u.complete)
		scan_words(s, u.frame.fp, (s->g->stack_hi - u.frame.fp) / 8, NULL);
}

static int compare_objects(const void *a, const void *b)
{
	const struct stack_object *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static struct stack_object *object_at(struct scan *s, seep_addr addr)
{
	size_t lo = 0, hi = s->objects.len;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (s->objects.data[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->objects.len && s->objects.data[lo].start <= addr ? &s->objects.data[lo] :
									  NULL;
}

static void scan_objects(struct scan *s)
{
	if (s->objects.len)
		qsort(s->objects.data, s->objects.len, sizeof(struct stack_object),
		      compare_objects);
	while (s->into_stack.len || s->guessed.len) {
		// An object that only a guess leads to may not have been filled yet.
		bool precise = s->into_stack.len > 0;
		seep_addr addr = precise ? seep_vec_pop(&s->into_stack) : seep_vec_pop(&s->guessed);
		struct stack_object *o = object_at(s, addr);
		if (!o || o->scanned)
			continue;
		o->scanned = true;
		scan_masked(s, o->start, o->ptr_bytes / 8, o->mask, precise && o->mask);
	}
}

/** Defer records: the record, when on the heap, and its function (runtime/mgcmark.go scanstack). */
static void scan_defers(struct scan *s)
{
	struct seep_defers d;

	for (seep_defers_start(s->rt, s->g, &d); d.valid; seep_defers_next(&d)) {
		if (s->but && seep_map_get(s->but, d.at.addr))
			continue;
		found(s, d.at.fn, true);
		found(s, d.at.addr, true);
	}
}

/** Pointers in the runtime.g itself that belong to what the goroutine will do when it runs on. */
static void scan_g(struct scan *s)
{
	const struct seep_layout *l = &s->rt->binary->layout;
	const int32_t fields[] = { l->g_panic, l->g_sched_ctxt, l->g_param,  l->g_labels,
				   l->g_timer, l->g_coroarg,	l->g_bubble, l->g_ancestors };
	uint64_t value;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i] >= 0 &&
		    seep_memory_u64(&s->rt->memory, s->g->addr + fields[i], &value))
			found(s, value, true);
}

/**
 * Registers that lie elsewhere: in a signal's frame, and since Go 1.26 the vector registers of a goroutine that was preempted in
 * the middle of a function, in g.xRegs.state (runtime/preempt_xreg.go).
 */
static void scan_saved_regs(struct scan *s)
{
	int32_t at = s->rt->binary->layout.g_xregs;
	uint64_t value, state;

	for (unsigned i = 0; s->g->saved_regs && i < s->rt->binary->image.arch->signal_registers;
	     i++)
		if (seep_memory_u64(&s->rt->memory, s->g->saved_regs + 8 * i, &value))
			found(s, value, false);
	if (at < 0 || !seep_memory_u64(&s->rt->memory, s->g->addr + at, &state) || state == 0)
		return;
	for (unsigned i = 0; i < VECTOR_WORDS; i++)
		if (seep_memory_u64(&s->rt->memory, state + 8 * i, &value))
			found(s, value, false);
}

static void scan_all(struct scan *s)
{
	scan_g(s);
	for (size_t i = 0;
	     s->g->thread && i < sizeof(s->g->thread->regs) / sizeof(s->g->thread->regs[0]); i++)
		found(s, s->g->thread->regs[i], false);
	scan_saved_regs(s);
	scan_frames(s);
	scan_defers(s);
	scan_objects(s);
	seep_vec_free(&s->objects);
	seep_vec_free(&s->into_stack);
	seep_vec_free(&s->guessed);
}

void seep_stack_roots(struct seep_runtime *rt, const struct seep_goroutine *g,
		      seep_stack_visit *visit, void *arg)
{
	scan_all(&(struct scan){ .rt = rt, .g = g, .visit = visit, .arg = arg });
}

void seep_stack_roots_but(struct seep_runtime *rt, const struct seep_goroutine *g,
			  const struct seep_map *defers, seep_stack_visit *visit, void *arg)
{
	scan_all(&(struct scan){ .rt = rt, .g = g, .visit = visit, .arg = arg, .but = defers });
}

void seep_stack_words(struct seep_runtime *rt, const struct seep_goroutine *g,
		      seep_stack_visit_word *visit, void *arg)
{
	scan_all(&(struct scan){ .rt = rt, .g = g, .visit_word = visit, .arg = arg });
}
