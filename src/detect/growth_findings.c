// The findings of a comparison.
//
// A leak shows in each table: its finding, what its goroutines run, the variable that holds it, the types of what they hold. It is
// to be told once, by what says most. So
//
//	goroutines are a finding of growth unless findings of leaked goroutines account for half of them;
//	a package variable always is;
//	a type is if it grew by more than all of these goroutines, variables and larger types together, that stand out.
#include "detect/growth_findings.h"

#include "detect/detect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char between[] = ", started by "; // in the name of a line of GOROUTINES

/** Whether the site's name is of the goroutines of the finding: of a function on their stack, started by the same. */
static bool is_site_of(const char *name, const struct seep_finding *finding)
{
	const char *creator = strstr(name, between), *created = finding->created.function;

	if (finding->noun || !finding->goroutines.len ||
	    (creator && (!created || strcmp(creator + strlen(between), created) != 0)))
		return false;
	size_t len = creator ? (size_t)(creator - name) : strlen(name);
	const struct seep_finding_goroutine *first = &finding->goroutines.data[0];
	for (size_t i = 0; i < first->frame_count; i++) {
		const char *function = first->frames[i].function;
		if (function && strlen(function) == len && memcmp(function, name, len) == 0)
			return true;
	}
	return false;
}

static bool is_leaking_site(const struct seep_growth *growth, const struct seep_growth_line *site)
{
	uint64_t leaked = 0;

	seep_vec_foreach(line, &growth->lines[SEEP_GROWTH_FINDING])
		if (line->of == SEEP_GROWTH_FINDING && !line->shrank &&
		    line->finding->verdict <= SEEP_VERDICT_SUSPECT &&
		    is_site_of(site->name, line->finding))
			leaked += line->grew.count;
	return leaked >= site->grew.count - site->grew.count / 2;
}

static const char *bytes_text(struct seep_report *report, uint64_t n)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double size = n / 1024.0;
	size_t unit = 0;

	for (; size >= 1024 && unit < 3; unit++)
		size /= 1024;
	return seep_report_format(report, "%.1f %s", size, units[unit]);
}

/** What it was in each look, or in the first and last if there are many. */
static const char *amounts_text(struct seep_growth *growth, const struct seep_growth_line *line,
				bool bytes)
{
	enum { SHOWN = 6 };
	struct seep_report *report = &growth->report;
	const char *text = NULL;

	for (size_t i = 0; i < growth->look_count; i++) {
		if (growth->look_count > SHOWN && i && i + 1 < growth->look_count)
			continue;
		uint64_t n = bytes ? line->at[i].bytes : line->at[i].count;
		const char *one = bytes ? bytes_text(report, n) :
					  seep_report_format(report, "%" PRIu64, n);
		if (!one)
			return NULL;
		text = text ? seep_report_format(report, "%s, %s", text, one) : one;
		if (!text)
			return NULL;
	}
	return text;
}

/** False if memory is out, also for text. */
static bool add_why(struct seep_finding *finding, const char *text)
{
	return text && seep_vec_push(&finding->why, text);
}

static bool add_evidence(struct seep_growth *growth, const struct seep_growth_line *line,
			 struct seep_finding *finding)
{
	struct seep_report *report = &growth->report;
	bool site = line->of == SEEP_GROWTH_GOROUTINES;
	const struct seep_growth_line *all = site ? &growth->goroutines : &growth->heap;
	const char *counts = amounts_text(growth, line, false),
		   *bytes = amounts_text(growth, line, true),
		   *total = amounts_text(growth, all, !site);

	if (!counts || !bytes || !total)
		return false;
	return add_why(finding,
		       site ? seep_report_format(report, "goroutines, look by look: %s", counts) :
			      seep_report_format(report, "held, look by look: %s", bytes)) &&
	       add_why(finding,
		       site ? seep_report_format(report, "all goroutines: %s", total) :
			      seep_report_format(report, "the whole reachable heap: %s", total)) &&
	       add_why(finding,
		       "what is missing for a proof: it can still be used, and may be on its way to a size that it keeps");
}

static const struct {
	const char *word, *summary, *fix;
} texts[SEEP_GROWTH_KINDS] = {
	[SEEP_GROWTH_GOROUTINES] = {
		"goroutines",
		"More and more goroutines run this, while the others do not become more.",
		"see with `seep --all` what they wait for, and give them an end: a context, a closed channel, or a limit to how many are started",
	},
	[SEEP_GROWTH_VARIABLE] = {
		"variable",
		"What this package variable holds grows, while the rest of the heap does not.",
		"give it a limit, or delete what is done with; `seep why` shows the path to what it holds",
	},
	[SEEP_GROWTH_TYPE] = {
		"type",
		"What objects of this type hold grows, while the rest of the heap does not.",
		"see with `seep why` who holds them, and give that a limit or delete what is done with",
	},
};

/** "main.worker, started by main.serve": functions that rules can speak of. */
static bool set_site(struct seep_report *report, struct seep_finding *finding, const char *name)
{
	const char *creator = strstr(name, between);
	size_t len = creator ? (size_t)(creator - name) : strlen(name);

	finding->where.function = seep_report_format(report, "%.*s", (int)len, name);
	finding->created.function = creator ? creator + strlen(between) : NULL;
	return finding->where.function != NULL;
}

static bool describe(struct seep_growth *growth, const struct seep_growth_line *line,
		     struct seep_finding *finding)
{
	const struct seep_amount *now = &line->at[growth->look_count - 1];
	bool site = line->of == SEEP_GROWTH_GOROUTINES;

	*finding = (struct seep_finding){
		.cause = SEEP_GROWTH_CAUSE,
		.verdict = SEEP_VERDICT_SUSPECT,
		.signature = line->signature,
		.noun = site ? NULL : "object",
		.count = now->count,
		.retained_bytes = now->bytes,
		.summary = texts[line->of].summary,
		.fix = texts[line->of].fix,
		.holder = site ? NULL : line->name,
	};
	return (!site || set_site(&growth->report, finding, line->name)) &&
	       add_evidence(growth, line, finding);
}

static bool add_growth(struct seep_growth *growth, const struct seep_growth_line *line)
{
	struct seep_growth_line copy = *line;

	copy.kind = SEEP_GROWTH_FINDING;
	copy.signature =
		seep_detect_signature(SEEP_GROWTH_CAUSE, texts[line->kind].word, line->name, NULL);
	copy.at = calloc(growth->look_count, sizeof(*copy.at));
	if (!copy.at)
		return false;
	memcpy(copy.at, line->at, growth->look_count * sizeof(*copy.at));
	if (seep_vec_push(&growth->lines[SEEP_GROWTH_FINDING], copy))
		return true;
	free(copy.at);
	return false;
}

bool seep_growth_add_findings(struct seep_growth *growth)
{
	uint64_t told = 0;

	for (enum seep_growth_kind kind = SEEP_GROWTH_GOROUTINES; kind < SEEP_GROWTH_KINDS;
	     kind++) {
		seep_vec_foreach(line, &growth->lines[kind]) {
			if (!line->stands_out)
				continue;
			bool tell = kind == SEEP_GROWTH_GOROUTINES ?
					    !is_leaking_site(growth, line) :
					    kind == SEEP_GROWTH_VARIABLE || line->grew.bytes > told;
			if (tell && !add_growth(growth, line))
				return false;
			if (tell || kind == SEEP_GROWTH_GOROUTINES)
				told += line->grew.bytes;
		}
	}
	return true;
}

#define COPY_LIST(to, from, list)                                                       \
	(!(from)->list.len || (seep_vec_reserve(&(to)->list, (from)->list.len) &&       \
			       memcpy((to)->list.data, (from)->list.data,               \
				      (from)->list.len * sizeof(*(from)->list.data)) && \
			       ((to)->list.len = (from)->list.len)))

/** A copy whose lists are its own; its texts stay those of the look. */
static bool copy_finding(const struct seep_finding *from, struct seep_finding *to)
{
	*to = *from;
	to->why = (__typeof__(to->why)){};
	to->goroutines = (__typeof__(to->goroutines)){};
	to->stacks = (__typeof__(to->stacks)){};
	to->objects = (__typeof__(to->objects)){};
	return COPY_LIST(to, from, why) && COPY_LIST(to, from, goroutines) &&
	       COPY_LIST(to, from, stacks) && COPY_LIST(to, from, objects);
}

bool seep_growth_report_findings(struct seep_growth *growth)
{
	struct seep_report *report = &growth->report;
	size_t last = growth->look_count - 1;

	if (!seep_vec_reserve(&report->findings, growth->lines[SEEP_GROWTH_FINDING].len))
		return false;
	seep_vec_foreach(line, &growth->lines[SEEP_GROWTH_FINDING]) {
		struct seep_finding *finding = &report->findings.data[report->findings.len++];
		if (!(line->of == SEEP_GROWTH_FINDING ? copy_finding(line->finding, finding) :
							describe(growth, line, finding)))
			return false;
		if (line->at[last].count == 0)
			finding->count = finding->retained_bytes = finding->wasted_bytes = 0;
		line->finding = finding;
	}
	return true;
}

void seep_growth_leave_out_suppressed(struct seep_growth *growth)
{
	const struct seep_report *report = &growth->report;
	struct seep_growth_line *lines = growth->lines[SEEP_GROWTH_FINDING].data;
	size_t kept = 0;

	// Both are in one order, and no two findings have one signature.
	for (size_t i = 0; i < growth->lines[SEEP_GROWTH_FINDING].len; i++) {
		const struct seep_finding *next = &report->findings.data[kept];
		if (kept < report->findings.len && next->signature == lines[i].signature) {
			lines[kept] = lines[i];
			lines[kept++].finding = next;
		} else {
			free(lines[i].at);
		}
	}
	growth->lines[SEEP_GROWTH_FINDING].len = kept;
}
