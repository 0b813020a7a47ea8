// What grew between looks. Each thing that any look has is a line; a look that does not have it has none of it.
#include "detect/growth.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "detect/growth_findings.h"

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
			.of = kind,
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
		struct seep_growth_line *line =
			&f->growth->lines[kind]
				 .data[*seep_map_get(&f->lines[kind], finding->signature) - 1];
		line->signature = finding->signature;
		line->finding = finding;
	}
	return true;
}

static bool add_look(struct finder *f, size_t look)
{
	const struct seep_report *report = f->growth->looks[look];

	seep_vec_foreach(caveat, &report->caveats)
		seep_report_caveat(&f->growth->report, "%s", *caveat);
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
static double relative(const struct seep_growth_line *line)
{
	bool bytes = line->kind != SEEP_GROWTH_GOROUTINES;
	uint64_t first = value(&line->at[0], bytes), grew = value(&line->grew, bytes);

	if (line->shrank)
		return 0;
	return first ? (double)grew / first : grew ? 1e9 : 0;
}

static int compare_numbers(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/**
 * What at least half of the others grew by, of their own size; all has `len` lines' in ascending order. Each line counts once, however
 * large: of two leaks that make up most of the program neither shall hide the other.
 */
static double usual(const double *all, size_t len, double own)
{
	if (len < 2)
		return 0;
	size_t middle = (len - 2) / 2;
	return own <= all[middle] ? all[middle + 1] : all[middle];
}

/** Goroutines that will never end: each more of them counts. What memory is held for nothing comes and goes. */
static bool is_certain_leak(const struct seep_growth_line *line)
{
	return line->kind == SEEP_GROWTH_FINDING && !line->finding->noun &&
	       line->finding->verdict <= SEEP_VERDICT_ABANDONED;
}

static bool stands_out(const struct seep_growth_line *line, const double *all, size_t len)
{
	bool counted = line->kind <= SEEP_GROWTH_GOROUTINES;
	double own = relative(line);

	if (is_certain_leak(line))
		return line->steady && line->grew.count > 0;
	if (!line->steady || own * 100 < SHARE_MIN ||
	    !(line->grew.bytes >= BYTES_MIN || (counted && line->grew.count >= COUNT_MIN)))
		return false;
	// A leak that grows is one also if all else does.
	return line->kind == SEEP_GROWTH_FINDING || own >= FASTER * usual(all, len, own);
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
	int order = strcmp(x->name, y->name);
	return order ? order : (x->signature > y->signature) - (x->signature < y->signature);
}

/** Keeps what changed. */
static bool measure_lines(struct seep_growth *growth, enum seep_growth_kind kind)
{
	struct seep_growth_line *lines = growth->lines[kind].data;
	size_t len = growth->lines[kind].len, kept = 0;
	_cleanup_free_ double *all = calloc(len + 1, sizeof(*all));

	if (!all)
		return false;
	for (size_t i = 0; i < len; i++) {
		measure(growth, &lines[i]);
		all[i] = relative(&lines[i]);
	}
	qsort(all, len, sizeof(*all), compare_numbers);
	for (size_t i = 0; i < len; i++) {
		if (lines[i].grew.bytes == 0 && lines[i].grew.count == 0) {
			free(lines[i].at);
			continue;
		}
		lines[i].stands_out = stands_out(&lines[i], all, len);
		lines[kept++] = lines[i];
	}
	growth->lines[kind].len = kept;
	return true;
}

static void sort_lines(struct seep_growth *growth, enum seep_growth_kind kind)
{
	if (growth->lines[kind].len)
		qsort(growth->lines[kind].data, growth->lines[kind].len,
		      sizeof(*growth->lines[kind].data), compare);
}

// --- all of it ---

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/** Whether all are of one process: of one build, and of one PID if it is known. */
static bool is_one_process(const struct seep_growth *growth)
{
	for (size_t i = 1; i < growth->look_count; i++) {
		const struct seep_report *a = growth->looks[0], *b = growth->looks[i];
		if (!same(a->target.build_id, b->target.build_id) ||
		    !same(a->target.main_path, b->target.main_path) ||
		    (a->target.pid && b->target.pid && a->target.pid != b->target.pid))
			return false;
	}
	return true;
}

static int compare_times(const void *a, const void *b)
{
	const struct seep_report *x = *(const struct seep_report *const *)a,
				 *y = *(const struct seep_report *const *)b;

	return (x->capture.realtime_ns > y->capture.realtime_ns) -
	       (x->capture.realtime_ns < y->capture.realtime_ns);
}

/** Whether each is later than the one before. */
static bool is_ascending(const struct seep_growth *growth)
{
	for (size_t i = 1; i < growth->look_count; i++)
		if (compare_times(&growth->looks[i - 1], &growth->looks[i]) >= 0)
			return false;
	return true;
}

/** Brings looks at one process into the order of time, and keeps when they were. */
static bool order_looks(struct seep_growth *growth)
{
	struct seep_report *report = &growth->report;
	size_t count = growth->look_count;

	if (!is_one_process(growth)) {
		seep_report_caveat(
			report,
			"the looks are at different processes, so nothing is said of how fast it grew");
		return true;
	}
	for (size_t i = 0; i < count; i++)
		if (!growth->looks[i]->capture.realtime_ns) {
			seep_report_caveat(
				report,
				"of a look it is not known when it was: there are no rates, and nobody checks the order");
			return true;
		}
	if (!is_ascending(growth)) {
		qsort(growth->looks, count, sizeof(*growth->looks), compare_times);
		if (!is_ascending(growth)) {
			seep_report_caveat(
				report,
				"two of the looks are of one moment, so there are no rates");
			return true;
		}
		seep_report_caveat(
			report, "the looks were brought into the order of time, the oldest first");
	}
	growth->seconds = calloc(count, sizeof(*growth->seconds));
	for (size_t i = 0; growth->seconds && i < count; i++)
		growth->seconds[i] = (growth->looks[i]->capture.realtime_ns -
				      growth->looks[0]->capture.realtime_ns) /
				     1e9;
	return growth->seconds != NULL;
}

/** What cannot be compared is told. */
static void compare_looks(struct finder *f)
{
	struct seep_growth *growth = f->growth;
	const struct seep_report *first = growth->looks[0];
	bool one_program = true;

	f->nameless_are_comparable = true;
	for (size_t i = 1; i < growth->look_count; i++) {
		const struct seep_report *look = growth->looks[i];
		one_program &= same(first->target.main_path, look->target.main_path);
		f->nameless_are_comparable &= same(first->target.build_id, look->target.build_id);
	}
	if (!one_program)
		seep_report_caveat(
			&growth->report,
			"these are not looks at one program: %.200s is the main package of the first, and not of all",
			first->target.main_path ? first->target.main_path : "something unknown");
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
	if (!growth->looks || !growth->heap.at || !growth->goroutines.at || !order_looks(growth))
		return false;
	compare_looks(f);
	growth->report.target = growth->looks[count - 1]->target;
	for (size_t i = 0; i < count; i++)
		if (!add_look(f, i))
			return false;
	measure(growth, &growth->heap);
	measure(growth, &growth->goroutines);
	for (unsigned kind = 0; kind < SEEP_GROWTH_KINDS; kind++) {
		if (!measure_lines(growth, kind))
			return false;
		sort_lines(growth, kind);
	}
	if (!seep_growth_add_findings(growth))
		return false;
	sort_lines(growth, SEEP_GROWTH_FINDING);
	if (f->left_out)
		seep_report_caveat(
			&growth->report,
			"package variables without names are left out: in another build they lie elsewhere");
	return seep_growth_report_findings(growth);
}

struct seep_error *seep_growth_find(const struct seep_report *const *looks, size_t count,
				    struct seep_growth *ret)
{
	*ret = (struct seep_growth){ .looks = calloc(count, sizeof(*looks)), .look_count = count };
	struct finder f = { .growth = ret };

	seep_report_init(&ret->report);
	if (ret->looks)
		memcpy(ret->looks, looks, count * sizeof(*looks));
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
	free(growth->looks);
	free(growth->heap.at);
	free(growth->goroutines.at);
	free(growth->seconds);
	seep_report_deinit(&growth->report);
	*growth = (struct seep_growth){};
}
