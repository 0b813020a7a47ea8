// What grew between looks. Each thing that any look has is a line; a look that does not have it has none of it.
#include "detect/growth.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

/** What stands out has grown by so much. */
static const uint64_t BYTES_MIN = 64 << 10, COUNT_MIN = 8;
enum { SHARE_MIN = 10, FASTER = 2 };

struct finder {
	struct seep_growth *growth;
	struct seep_map lines[SEEP_GROWTH_KINDS]; /** hash of the name, or signature → index + 1 */
	bool nameless_are_comparable; /** variables told by their place: in one build it is the same */
	bool left_out;
};

/** FNV-1a. */
static uint64_t hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return h;
}

static struct seep_amount *amount_of(struct finder *f, enum seep_growth_kind kind, uint64_t key,
				     const char *name, size_t look)
{
	struct seep_growth *growth = f->growth;
	uint64_t *index = seep_map_put(&f->lines[kind], key, NULL);

	if (!index)
		return NULL;
	if (*index == 0) {
		struct seep_growth_line line = {
			.kind = kind,
			.name = name,
			.at = calloc(growth->look_count, sizeof(*line.at)),
		};
		if (!line.at || !seep_vec_push(&growth->lines[kind], line)) {
			free(line.at);
			return NULL;
		}
		*index = growth->lines[kind].len;
	}
	return &growth->lines[kind].data[*index - 1].at[look];
}

static bool add_holders(struct finder *f, enum seep_growth_kind kind,
			const struct seep_holder *holders, size_t len, size_t look)
{
	for (size_t i = 0; i < len; i++) {
		const struct seep_holder *h = &holders[i];
		if (kind == SEEP_GROWTH_VARIABLE && !f->nameless_are_comparable &&
		    strstr(h->name, "name stripped")) {
			f->left_out = true;
			continue;
		}
		struct seep_amount *amount = amount_of(f, kind, hash(h->name), h->name, look);
		if (!amount)
			return false;
		amount->count += h->count;
		amount->bytes += h->retained_bytes;
	}
	return true;
}

static bool add_findings(struct finder *f, const struct seep_report *report, size_t look)
{
	enum seep_growth_kind kind = SEEP_GROWTH_FINDING;

	seep_vec_foreach(finding, &report->findings) {
		struct seep_amount *amount =
			amount_of(f, kind, finding->signature, finding->cause, look);
		if (!amount)
			return false;
		amount->count += finding->count;
		amount->bytes += seep_finding_bytes(finding);
		f->growth->lines[kind]
			.data[*seep_map_get(&f->lines[kind], finding->signature) - 1]
			.finding = finding;
	}
	return true;
}

static bool add_look(struct finder *f, size_t look)
{
	const struct seep_report *report = f->growth->looks[look];

	f->growth->heap.at[look] = (struct seep_amount){ report->heap.reachable_objects,
							 report->heap.reachable_bytes };
	f->growth->goroutines.at[look] =
		(struct seep_amount){ report->goroutines.total, report->heap.stack_bytes };
	return add_findings(f, report, look) &&
	       add_holders(f, SEEP_GROWTH_GOROUTINES, report->top.sites.data, report->top.sites.len,
			   look) &&
	       add_holders(f, SEEP_GROWTH_VARIABLE, report->top.variables.data,
			   report->top.variables.len, look) &&
	       add_holders(f, SEEP_GROWTH_TYPE, report->top.types.data, report->top.types.len,
			   look);
}

// --- what became of a line ---

static uint64_t value(const struct seep_amount *amount, bool bytes)
{
	return bytes ? amount->bytes : amount->count;
}

/** Least squares. */
static double slope(const struct seep_growth *growth, const struct seep_growth_line *line,
		    bool bytes)
{
	double n = growth->look_count, mean_x = 0, mean_y = 0, xy = 0, xx = 0;

	for (size_t i = 0; i < growth->look_count; i++) {
		mean_x += growth->seconds[i] / n;
		mean_y += value(&line->at[i], bytes) / n;
	}
	for (size_t i = 0; i < growth->look_count; i++) {
		double x = growth->seconds[i] - mean_x;
		xy += x * (value(&line->at[i], bytes) - mean_y);
		xx += x * x;
	}
	return xx > 0 ? xy / xx : 0;
}

static uint64_t difference(uint64_t from, uint64_t to, bool backwards)
{
	if (backwards)
		return from > to ? from - to : 0;
	return to > from ? to - from : 0;
}

static void measure(const struct seep_growth *growth, struct seep_growth_line *line)
{
	const struct seep_amount *first = &line->at[0], *last = &line->at[growth->look_count - 1];

	line->shrank = last->bytes < first->bytes ||
		       (last->bytes == first->bytes && last->count < first->count);
	line->grew.count = difference(first->count, last->count, line->shrank);
	line->grew.bytes = difference(first->bytes, last->bytes, line->shrank);
	line->steady = !line->shrank;
	for (size_t i = 1; i < growth->look_count; i++)
		if (line->at[i].bytes < line->at[i - 1].bytes ||
		    (line->at[i].count < line->at[i - 1].count &&
		     line->kind <= SEEP_GROWTH_GOROUTINES))
			line->steady = false;
	if (growth->seconds) {
		line->counts_per_s = slope(growth, line, false);
		line->bytes_per_s = slope(growth, line, true);
	}
}

/** By how much of its own size it grew; what was not there grew without limit. */
static double relative(uint64_t grew, uint64_t first)
{
	return first ? (double)grew / first : grew ? 1e9 : 0;
}

static bool stands_out(const struct seep_growth *growth, const struct seep_growth_line *line)
{
	bool counted = line->kind <= SEEP_GROWTH_GOROUTINES;
	const struct seep_growth_line *all =
		line->kind == SEEP_GROWTH_GOROUTINES ? &growth->goroutines : &growth->heap;
	bool by_bytes = line->kind != SEEP_GROWTH_GOROUTINES;
	double own = relative(value(&line->grew, by_bytes), value(&line->at[0], by_bytes));
	uint64_t first = value(&all->at[0], by_bytes),
		 last = value(&all->at[growth->look_count - 1], by_bytes),
		 own_first = value(&line->at[0], by_bytes),
		 own_last = value(&line->at[growth->look_count - 1], by_bytes);

	if (!line->steady || own * 100 < SHARE_MIN ||
	    !(line->grew.bytes >= BYTES_MIN || (counted && line->grew.count >= COUNT_MIN)))
		return false;
	uint64_t rest_first = difference(own_first, first, false),
		 rest_last = difference(own_last, last, false);
	return own >= FASTER * relative(difference(rest_first, rest_last, false), rest_first);
}

static int compare(const void *a, const void *b)
{
	const struct seep_growth_line *x = a, *y = b;

	if (x->shrank != y->shrank)
		return x->shrank ? 1 : -1;
	if (x->stands_out != y->stands_out)
		return x->stands_out ? -1 : 1;
	if (x->grew.bytes != y->grew.bytes)
		return x->grew.bytes > y->grew.bytes ? -1 : 1;
	if (x->grew.count != y->grew.count)
		return x->grew.count > y->grew.count ? -1 : 1;
	return strcmp(x->name, y->name);
}

/** Keeps what changed. */
static void measure_lines(struct seep_growth *growth, enum seep_growth_kind kind)
{
	struct seep_growth_line *lines = growth->lines[kind].data;
	size_t kept = 0;

	for (size_t i = 0; i < growth->lines[kind].len; i++) {
		measure(growth, &lines[i]);
		if (lines[i].grew.bytes == 0 && lines[i].grew.count == 0) {
			free(lines[i].at);
			continue;
		}
		lines[i].stands_out = stands_out(growth, &lines[i]);
		lines[kept++] = lines[i];
	}
	growth->lines[kind].len = kept;
	if (kept)
		qsort(lines, kept, sizeof(*lines), compare);
}

// --- all of it ---

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/** When the looks were; what cannot be compared is told. */
static bool compare_looks(struct finder *f)
{
	struct seep_growth *growth = f->growth;
	const struct seep_report *first = growth->looks[0];
	bool one_program = true, ascending = true;

	growth->seconds = calloc(growth->look_count, sizeof(*growth->seconds));
	if (!growth->seconds)
		return false;
	f->nameless_are_comparable = true;
	for (size_t i = 1; i < growth->look_count; i++) {
		const struct seep_report *look = growth->looks[i];
		uint64_t before = growth->looks[i - 1]->capture.realtime_ns,
			 now = look->capture.realtime_ns;
		one_program &= same(first->target.main_path, look->target.main_path);
		f->nameless_are_comparable &= same(first->target.build_id, look->target.build_id);
		ascending &= before && now > before;
		growth->seconds[i] =
			growth->seconds[i - 1] + (ascending ? (now - before) / 1e9 : 0);
	}
	size_t n = 0;
	if (!one_program)
		growth->caveats[n++] =
			"these are not looks at one program: the main packages differ";
	if (!ascending) {
		growth->caveats[n++] =
			"the looks are not in the order of time, or their time is not known: there are no rates";
		free(growth->seconds);
		growth->seconds = NULL;
	}
	return true;
}

static void add_caveat(struct seep_growth *growth, const char *text)
{
	size_t n = 0;

	while (growth->caveats[n])
		n++;
	growth->caveats[n] = text;
}

static bool find(struct finder *f)
{
	struct seep_growth *growth = f->growth;
	size_t count = growth->look_count;

	growth->heap = (struct seep_growth_line){ .kind = SEEP_GROWTH_TYPE, .name = "heap" };
	growth->goroutines =
		(struct seep_growth_line){ .kind = SEEP_GROWTH_GOROUTINES, .name = "goroutines" };
	growth->heap.at = calloc(count, sizeof(*growth->heap.at));
	growth->goroutines.at = calloc(count, sizeof(*growth->goroutines.at));
	if (!growth->heap.at || !growth->goroutines.at || !compare_looks(f))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!add_look(f, i))
			return false;
	measure(growth, &growth->heap);
	measure(growth, &growth->goroutines);
	for (unsigned kind = 0; kind < SEEP_GROWTH_KINDS; kind++)
		measure_lines(growth, kind);
	if (f->left_out)
		add_caveat(
			growth,
			"package variables without names are left out: in another build they lie elsewhere");
	return true;
}

struct seep_error *seep_growth_find(const struct seep_report *const *looks, size_t count,
				    struct seep_growth *ret)
{
	*ret = (struct seep_growth){ .looks = looks, .look_count = count };
	struct finder f = { .growth = ret };
	bool ok = find(&f);

	for (unsigned kind = 0; kind < SEEP_GROWTH_KINDS; kind++)
		seep_map_deinit(&f.lines[kind]);
	if (!ok)
		seep_growth_deinit(ret);
	return ok ? NULL : &seep_enomem;
}

void seep_growth_deinit(struct seep_growth *growth)
{
	for (unsigned kind = 0; kind < SEEP_GROWTH_KINDS; kind++) {
		seep_vec_foreach(line, &growth->lines[kind])
			free(line->at);
		seep_vec_free(&growth->lines[kind]);
	}
	free(growth->heap.at);
	free(growth->goroutines.at);
	free(growth->seconds);
	*growth = (struct seep_growth){};
}
