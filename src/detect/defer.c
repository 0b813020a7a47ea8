// defer-pileup: deferred calls that pile up because the defer statement stands in a loop.
//
// A pile is a number of records that one statement has made in one call: same frame (sp), same return address (pc). A
// recursion that defers once on each level has as many frames as records, and is none. In the body of a range-over-func loop the
// records say neither; there a pile is what was deferred in one call of the function around the loop and runs the same code.
//
// That they are there is certain, and so is what they hold; whether the function will ever return is not. Hence `suspect`. A
// goroutine that is blocked for ever has a finding of its own, with all that it holds.
#include "detect/detect.h"

#include "base/str.h"
#include "binary/code.h"
#include "detect/explain_wait.h"
#include "detect/path_text.h"
#include "graph/deferred.h"
#include "runtime/defer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	// Fewer are what a function may well mean to do, a file or two for each of its arguments; they count if they hold much.
	PILE_MIN = 16,
	PILE_MANY = 100,
	PILE_BYTES = 1 << 20,
	STATEMENTS_MAX = 64, // told apart in one function
	POSITIONS_MAX = 16,
	GOROUTINES_NAMED = 3,
	VISITS_MAX = 1 << 28, // of records; more of them would fill a dozen GiB
};

/** Where the records of a pile come from. */
struct site {
	seep_addr pc; /** of records of their own; 0 in range-over-func bodies, then: */
	seep_addr loop_pc; /** that of the record with the list: in the function around the loop */
	seep_addr code; /** what is called; elsewhere that may differ from record to record */
};

struct pile {
	struct site site;
	uint32_t goroutine, group;
	seep_addr sp;
	uint64_t count;
	bool returning; /** they are being run */
};

/** Piles with the same site and creator: one finding. */
struct group {
	struct seep_frame_text where, created;
	const char *function; /** the one that has to return */
	uint32_t number; /** its, in pclntab */
	uint64_t signature;
	seep_addr code; /** what is called, 0 if not always the same */
	uint64_t count, piles;
	uint64_t largest; /** records of one pile */
};

struct detector {
	const struct seep_view *view;
	struct seep_report *report;
	struct seep_vec(struct pile) piles;
	struct seep_vec(struct group) groups;
	struct seep_map by_site, by_key; /** hash of site and creator → group; signature → group */
	struct seep_vec(struct seep_deferred) records;
	uint64_t visits; /** of records */
	bool failed;
};

static seep_addr code_of(const struct detector *d, seep_addr fn)
{
	return seep_memory_word(&d->view->runtime->memory, fn);
}

/** The piles of one frame, as the walk comes by. */
struct frame_piles {
	struct pile at[STATEMENTS_MAX];
	size_t len;
};

typedef void visit_record(struct detector *d, const struct pile *at, const struct seep_defer *defer,
			  void *arg);

/** Visits all records of a goroutine that come from a statement, with what says to which pile they belong. */
static void each_record(struct detector *d, uint32_t goroutine, visit_record *visit, void *arg)
{
	const struct seep_runtime *rt = d->view->runtime;
	struct seep_defers chain, list;

	seep_defers_start(rt, &rt->goroutines.data[goroutine], &chain);
	for (; chain.valid && d->visits < VISITS_MAX; seep_defers_next(&chain)) {
		d->visits++;
		struct pile at = { .goroutine = goroutine, .sp = chain.at.sp };
		at.site.pc = chain.at.pc;
		if (!chain.at.head) {
			visit(d, &at, &chain.at, arg);
			continue;
		}
		at.site = (struct site){ .loop_pc = chain.at.pc };
		seep_defers_start_list(rt, &chain.at, &list);
		for (; list.valid && d->visits < VISITS_MAX; seep_defers_next(&list)) {
			d->visits++;
			at.site.code = code_of(d, list.at.fn);
			visit(d, &at, &list.at, arg);
		}
	}
}

static bool same_pile(const struct pile *a, const struct pile *b)
{
	return a->goroutine == b->goroutine && a->sp == b->sp && a->site.pc == b->site.pc &&
	       a->site.loop_pc == b->site.loop_pc && a->site.code == b->site.code;
}

static void keep_piles(struct detector *d, struct frame_piles *f)
{
	for (size_t i = 0; i < f->len; i++)
		if (f->at[i].count >= PILE_MIN && !seep_vec_push(&d->piles, f->at[i]))
			d->failed = true;
	f->len = 0;
}

static void count_record(struct detector *d, const struct pile *at, const struct seep_defer *defer,
			 void *arg)
{
	struct frame_piles *f = arg;
	size_t i = 0;

	(void)defer;
	// A frame's records stand next to each other.
	if (f->len && f->at[0].sp != at->sp)
		keep_piles(d, f);
	while (i < f->len && !same_pile(&f->at[i], at))
		i++;
	if (i == STATEMENTS_MAX)
		return;
	if (i == f->len)
		f->at[f->len++] = *at;
	f->at[i].count++;
}

/** The piles of a goroutine that were kept. */
struct kept {
	size_t first, end;
	size_t last; /** the one found last */
};

static void collect_record(struct detector *d, const struct pile *at,
			   const struct seep_defer *defer, void *arg)
{
	struct kept *k = arg;

	if (!same_pile(&d->piles.data[k->last], at)) {
		size_t i = k->first;
		while (i < k->end && !same_pile(&d->piles.data[i], at))
			i++;
		if (i == k->end)
			return;
		k->last = i;
	}
	struct group *group = &d->groups.data[d->piles.data[k->last].group];
	seep_addr code = code_of(d, defer->fn);
	if (group->count == 0)
		group->code = code;
	else if (group->code != code)
		group->code = 0;
	group->count++;
	if (!seep_vec_push(&d->records, (struct seep_deferred){ defer->addr, defer->fn,
								d->piles.data[k->last].group }))
		d->failed = true;
}

// Where the statement stands.

static struct seep_frame_text position_at(const struct seep_pclntab *tab, seep_addr pc)
{
	struct seep_position p[POSITIONS_MAX];
	struct seep_func func;

	size_t n = seep_pclntab_find(tab, pc, &func) ?
			   seep_func_positions(tab, &func, pc, p, POSITIONS_MAX) :
			   0;
	return n ? (struct seep_frame_text){ p[0].function, p[0].file, p[0].line } :
		   (struct seep_frame_text){};
}

/** Calls of runtime.deferprocat in the bodies of a function's range-over-func loops. */
struct body_search {
	const struct seep_pclntab *tab;
	seep_addr deferprocat;
	int line; /** of the code that is called */
	struct seep_frame_text only, best; /** only: the one there is; best: the one on that line */
	uint64_t count, matching;
};

static bool look_at_call(const struct seep_call *call, void *arg)
{
	struct body_search *s = arg;

	if (call->target != s->deferprocat)
		return true;
	struct seep_frame_text at = position_at(s->tab, call->pc);
	if (s->count == 0 || at.line != s->only.line)
		s->count++;
	s->only = at;
	if (at.line == s->line && (s->matching == 0 || at.line != s->best.line)) {
		s->matching++;
		s->best = at;
	}
	return true;
}

/**
 * Records of range-over-func bodies do not say which statement made them. The bodies are functions of their own, named after the one
 * around them, and they call runtime.deferprocat; if they do that on several lines, the closure that is called begins on the
 * same line as its statement. If that does not decide it, the function around them has to do.
 */
static struct seep_frame_text range_position(const struct detector *d, const struct site *site,
					     const struct seep_func *outer)
{
	static const char *const name = "runtime.deferprocat";
	const struct seep_pclntab *tab = &d->view->runtime->binary->pclntab;
	struct seep_func deferprocat, func;
	struct body_search s = { .tab = tab, .line = position_at(tab, site->code).line };

	seep_pclntab_find_names(tab, &name, 1, &deferprocat);
	s.deferprocat = deferprocat.raw ? deferprocat.entry : 0;
	size_t len = strlen(outer->name);
	for (uint32_t i = 0; s.deferprocat && i < tab->func_count; i++)
		if (seep_pclntab_func(tab, i, &func) && strncmp(func.name, outer->name, len) == 0 &&
		    seep_has_prefix(func.name + len, "-range"))
			seep_error_destroy(seep_code_each_call(tab, &func, look_at_call, &s));
	if (s.count == 1)
		return s.only;
	return s.matching == 1 ? s.best : position_at(tab, outer->entry);
}

// From piles to findings.

static uint64_t site_key(const struct site *site, seep_addr gopc)
{
	const uint64_t words[] = { site->pc, site->loop_pc, site->code, gopc };
	uint64_t h = 0xcbf29ce484222325;

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		h = (h ^ words[i]) * 0x9e3779b97f4a7c15 ^ h >> 29;
	return h;
}

static uint64_t signature_of(const struct seep_frame_text *where,
			     const struct seep_frame_text *created)
{
	char lines[32];

	snprintf(lines, sizeof(lines), "%d,%d", where->line, created->line);
	return seep_detect_signature("defer-pileup", where->function ? where->function : "",
				     created->function ? created->function : "", lines, NULL);
}

static void describe_site(const struct detector *d, const struct site *site, struct group *group)
{
	const struct seep_pclntab *tab = &d->view->runtime->binary->pclntab;
	seep_addr pc = (site->pc ? site->pc : site->loop_pc) - 1;
	struct seep_func func;

	if (!seep_pclntab_find(tab, pc, &func))
		return;
	group->number = func.index;
	group->function = func.name;
	group->where = site->pc ? position_at(tab, pc) : range_position(d, site, &func);
}

/** Many goroutines share a site; its position is looked for once. */
static bool assign_group(struct detector *d, struct pile *pile)
{
	const struct seep_goroutine *g = &d->view->runtime->goroutines.data[pile->goroutine];
	bool added;
	uint64_t *known = seep_map_put(&d->by_site, site_key(&pile->site, g->gopc), &added);

	if (!known)
		return false;
	if (added) {
		struct group group = { .function = "?",
				       .created = seep_text_created_at(d->view, g) };
		describe_site(d, &pile->site, &group);
		group.signature = signature_of(&group.where, &group.created);
		uint64_t *slot = seep_map_put(&d->by_key, group.signature, &added);
		if (!slot)
			return false;
		if (added) {
			*slot = d->groups.len;
			if (!seep_vec_push(&d->groups, group))
				return false;
		}
		*known = *slot;
	}
	pile->group = *known;
	struct group *group = &d->groups.data[pile->group];
	group->piles++;
	if (pile->count > group->largest)
		group->largest = pile->count;
	return true;
}

/** Whoever is blocked for ever is a finding already, with all it holds; but not main, which may be meant to be. */
static bool is_of_concern(const struct seep_view *view, uint32_t i)
{
	const struct seep_goroutine *g = &view->runtime->goroutines.data[i];

	return !g->system && (view->live->phase[i] == SEEP_LIVE || g->id == 1);
}

/**
 * Finds the piles, of one goroutine, whose calls are being run: their frame returns, or a panic or Goexit passes by. The chain
 * is in the order of frames, and so are its piles.
 */
static void find_returning(const struct detector *d, struct pile *piles, size_t count)
{
	struct seep_unwinder u;
	bool returns = false, unwinds = false;
	size_t i = 0;

	if (!seep_unwind_start(d->view->runtime,
			       &d->view->runtime->goroutines.data[piles->goroutine], &u))
		return;
	do {
		const char *function = u.frame.site->func.name;
		for (; i < count && piles[i].sp < u.frame.fp; i++)
			piles[i].returning = piles[i].sp >= u.frame.sp && (returns || unwinds);
		returns = strcmp(function, "runtime.deferreturn") == 0;
		unwinds |= strcmp(function, "runtime.gopanic") == 0 ||
			   strcmp(function, "runtime.Goexit") == 0;
	} while (i < count && seep_unwind_next(&u));
}

/** Behind the last pile of the goroutine that pile `first` is of. */
static size_t end_of_goroutine(const struct detector *d, size_t first)
{
	size_t end = first;

	while (end < d->piles.len && d->piles.data[end].goroutine == d->piles.data[first].goroutine)
		end++;
	return end;
}

/** Leaves out the piles of functions that have come to their end: these do return. */
static void drop_returning(struct detector *d)
{
	size_t kept = 0;

	for (size_t i = 0, end; i < d->piles.len; i = end) {
		end = end_of_goroutine(d, i);
		find_returning(d, &d->piles.data[i], end - i);
	}
	for (size_t i = 0; i < d->piles.len; i++)
		if (!d->piles.data[i].returning)
			d->piles.data[kept++] = d->piles.data[i];
	d->piles.len = kept;
}

static bool find_piles(struct detector *d)
{
	const struct seep_runtime *rt = d->view->runtime;
	_cleanup_free_ struct frame_piles *frame = calloc(1, sizeof(*frame));

	if (!frame)
		return false;
	for (uint32_t i = 0; i < rt->goroutines.len; i++) {
		if (!is_of_concern(d->view, i))
			continue;
		each_record(d, i, count_record, frame);
		keep_piles(d, frame);
	}
	drop_returning(d);
	for (size_t i = 0; i < d->piles.len && !d->failed; i++)
		d->failed = !assign_group(d, &d->piles.data[i]);
	for (size_t i = 0, end; i < d->piles.len && !d->failed; i = end) {
		end = end_of_goroutine(d, i);
		each_record(d, d->piles.data[i].goroutine, collect_record,
			    &(struct kept){ i, end, i });
	}
	return !d->failed;
}

static void explain(const struct detector *d, uint32_t index, const struct seep_deferred_bytes *b,
		    struct seep_finding *f)
{
	const struct group *group = &d->groups.data[index];
	struct seep_func code;
	uint64_t named = 0;

	for (size_t i = 0; i < d->piles.len && named < GOROUTINES_NAMED; i++) {
		const struct pile *p = &d->piles.data[i];
		if (p->group != index)
			continue;
		named++;
		seep_text_why(d->report, f,
			      "goroutine %" PRIu64 " has deferred %s calls there in one call of %s",
			      d->view->runtime->goroutines.data[p->goroutine].id,
			      seep_path_number(d->report, p->count), group->function);
	}
	if (group->piles > named)
		seep_text_why(d->report, f, "and so on, in %" PRIu64 " calls of it altogether",
			      group->piles);
	const struct seep_pclntab *tab = &d->view->runtime->binary->pclntab;
	if (group->code && seep_pclntab_find(tab, group->code, &code) &&
	    code.func_id != tab->wrapper_id)
		seep_text_why(d->report, f, "each will call %s", code.name);
	seep_text_why(d->report, f,
		      "%s bytes are defer records, %s bytes func values, and %s bytes what these "
		      "captured and nothing else leads to",
		      seep_path_number(d->report, b->records),
		      seep_path_number(d->report, b->functions),
		      seep_path_number(d->report, b->captured));
	seep_text_why(d->report, f, "missing for a proof: %s may be about to return",
		      group->function);
}

static bool is_many(const struct group *group, const struct seep_deferred_bytes *b)
{
	return group->largest >= PILE_MANY ||
	       (b->records + b->functions + b->captured) / group->piles >= PILE_BYTES;
}

static struct seep_error *add_goroutines(const struct detector *d, uint32_t group,
					 struct seep_finding *f)
{
	struct seep_error *err;
	uint32_t last = UINT32_MAX;

	for (size_t i = 0; i < d->piles.len && f->goroutines.len < SEEP_FINDING_GOROUTINES_MAX;
	     i++) {
		struct seep_finding_goroutine text;
		if (d->piles.data[i].group != group || d->piles.data[i].goroutine == last)
			continue;
		last = d->piles.data[i].goroutine;
		err = seep_text_goroutine(d->view, d->report,
					  &d->view->runtime->goroutines.data[last], &text);
		if (err)
			return err;
		if (!seep_vec_push(&f->goroutines, text))
			return &seep_enomem;
	}
	return NULL;
}

static struct seep_error *add_finding(const struct detector *d, uint32_t index,
				      const struct seep_deferred_bytes *b)
{
	struct seep_error *err;
	const struct group *group = &d->groups.data[index];
	struct seep_finding f = {
		.cause = "defer-pileup",
		.verdict = SEEP_VERDICT_SUSPECT,
		.signature = group->signature,
		.noun = "defer",
		.count = group->count,
		.retained_bytes = b->records + b->functions + b->captured,
		.where = seep_text_own(d->report, group->where),
		.created = seep_text_own(d->report, group->created),
		.summary = seep_report_format(d->report,
					      "Deferred in a loop: they run only when %s returns.",
					      group->function),
		.fix = "make the loop's body a function of its own, so that what it defers runs at the end of each turn",
	};

	explain(d, index, b, &f);
	err = add_goroutines(d, index, &f);
	if (!err && !seep_vec_push(&d->report->findings, f))
		err = &seep_enomem;
	if (err) {
		seep_vec_free(&f.why);
		seep_vec_free(&f.goroutines);
	}
	return err;
}

static struct seep_error *add_findings(struct detector *d)
{
	struct seep_error *err;
	_cleanup_free_ struct seep_deferred_bytes *bytes =
		calloc(d->groups.len + 1, sizeof(*bytes));

	_cleanup_free_ uint32_t *families = calloc(d->groups.len + 1, sizeof(*families));

	if (!bytes || !families)
		return &seep_enomem;
	// What statements of one function share is best counted once, and not for none of them.
	for (size_t i = 0; i < d->groups.len; i++)
		families[i] = d->groups.data[i].number;
	err = seep_deferred_retained(d->view->runtime, d->view->live, d->records.data,
				     d->records.len, families, d->groups.len, bytes);
	for (uint32_t i = 0; !err && i < d->groups.len; i++)
		if (is_many(&d->groups.data[i], &bytes[i]))
			err = add_finding(d, i, &bytes[i]);
	return err;
}

struct seep_error *seep_detect_defers(const struct seep_view *view, struct seep_report *report)
{
	struct seep_error *err = NULL;
	struct detector d = { .view = view, .report = report };

	if (!seep_detect_wanted(view, "defer-pileup", SEEP_VERDICT_SUSPECT))
		return NULL;
	if (!find_piles(&d))
		err = &seep_enomem;
	else if (d.groups.len)
		err = add_findings(&d);
	if (d.visits >= VISITS_MAX)
		seep_report_caveat(report,
				   "there are so many deferred calls that not all were counted");
	seep_vec_free(&d.piles);
	seep_vec_free(&d.groups);
	seep_vec_free(&d.records);
	seep_map_deinit(&d.by_site);
	seep_map_deinit(&d.by_key);
	return err;
}
