// The lines under the head of the report: everything that was found, added up, for who reads no further.
//
//	2,014 goroutines leaked at 6 sites, holding at least 1.0 GiB.
//	312 MiB held that nothing can see: substring 200 MiB, subslice 112 MiB.
//	Also found: 500 timers (ticker, 52.0 KiB); 20 objects (finalizer-cycle, 40.0 MiB).
//	12 goroutines look stuck at 1 site, holding 96.0 KiB, not proven.
//	Suspected, not proven: 1 map (map-bloat, 38.0 MiB for nothing).
//
// Bytes of several findings of one kind are added although two may hold the same: the findings about
// goroutines therefore say "at least" or "holding" of what each would free alone. Bytes that nothing
// can see belong to one object and so to one finding.
#include "report/text.h"

#include "report/wording.h"

#include "detect/detect.h"

#include <string.h>

enum { KINDS = 6 }; // kinds of findings named on one line

/** All findings of one cause that are about something else than stuck goroutines. */
struct kind {
	const char *cause, *noun;
	bool leaked; // else suspected
	bool wasted; // bytes are those that nothing can see
	uint64_t count, bytes;
};

struct amount {
	uint64_t count, sites, bytes;
};

struct tally {
	struct amount leaked, stuck; // goroutines
	struct seep_vec(struct kind) kinds;
	uint64_t wasted; // of the leaked kinds
	bool failed;
};

static uint64_t add_up(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static bool is_about_goroutines(const struct seep_finding *finding)
{
	const char *cause = finding->cause ? finding->cause : "";

	return !finding->noun && (!*cause || seep_detect_cause_known(cause, strlen(cause)));
}

static struct kind *kind_of(struct tally *tally, const struct seep_finding *finding, bool leaked)
{
	bool wasted = finding->wasted_bytes > 0;
	const char *cause = finding->cause ? finding->cause : "unknown",
		   *noun = seep_wording_noun(finding);

	seep_vec_foreach(kind, &tally->kinds)
		if (kind->leaked == leaked && kind->wasted == wasted &&
		    strcmp(kind->cause, cause) == 0 && strcmp(kind->noun, noun) == 0)
			return kind;
	if (!seep_vec_push(
		    &tally->kinds,
		    ((struct kind){
			    .cause = cause, .noun = noun, .leaked = leaked, .wasted = wasted })))
		return NULL;
	return &tally->kinds.data[tally->kinds.len - 1];
}

static void count_findings(const struct seep_report *report, struct tally *tally)
{
	seep_vec_foreach(finding, &report->findings) {
		bool leaked = finding->verdict <= SEEP_VERDICT_ABANDONED;

		if (finding->verdict > SEEP_VERDICT_SUSPECT)
			continue;
		if (is_about_goroutines(finding)) {
			struct amount *amount = leaked ? &tally->leaked : &tally->stuck;

			amount->sites++;
			amount->count = add_up(amount->count, finding->count);
			amount->bytes = add_up(amount->bytes, finding->retained_bytes);
			continue;
		}
		struct kind *kind = kind_of(tally, finding, leaked);
		if (!kind) {
			tally->failed = true;
			continue;
		}
		kind->count = add_up(kind->count, finding->count);
		kind->bytes = add_up(kind->bytes, kind->wasted ? finding->wasted_bytes :
								 finding->retained_bytes);
		if (leaked)
			tally->wasted = add_up(tally->wasted, finding->wasted_bytes);
	}
}

/** Ends a line of the verdict. */
static void add_line(struct seep_page *page, enum seep_ink ink, const struct seep_str *line)
{
	_cleanup_(seep_str_deinit) struct seep_str wrapped = {};

	// Colours have no width, so the line is wrapped first.
	seep_style_wrap(&wrapped, seep_str_text(line), 0, 2, page->columns);
	seep_page_ink(page, ink, seep_str_text(&wrapped));
	seep_page_add(page, "\n");
	page->str.failed |= line->failed || wrapped.failed;
}

/** "2,014 goroutines leaked at 3 sites, holding at least 1.2 GiB". */
static void add_goroutines(struct seep_page *page, const struct amount *amount, bool leaked)
{
	_cleanup_(seep_str_deinit) struct seep_str line = {};

	seep_style_counted(&line, amount->count, "goroutine");
	seep_str_add(&line, leaked	       ? " leaked at " :
			    amount->count == 1 ? " looks stuck at " :
						 " look stuck at ");
	seep_style_counted(&line, amount->sites, "site");
	if (amount->bytes) {
		// Several together may hold more than each alone.
		seep_str_add(&line, amount->sites > 1 ? ", holding at least " : ", holding ");
		seep_style_bytes(&line, amount->bytes);
	}
	seep_str_add(&line, leaked ? "." : ", not proven.");
	add_line(page, leaked ? SEEP_INK_BAD : SEEP_INK_WARN, &line);
}

/** "312 MiB held that nothing can see: substring 200 MiB, subslice 112 MiB." */
static void add_wasted(struct seep_page *page, const struct tally *tally)
{
	_cleanup_(seep_str_deinit) struct seep_str line = {};
	size_t shown = 0, kinds = 0;

	seep_vec_foreach(kind, &tally->kinds)
		kinds += kind->leaked && kind->wasted;
	seep_style_bytes(&line, tally->wasted);
	seep_str_add(&line, " held that nothing can see");
	seep_vec_foreach(kind, &tally->kinds) {
		if (!kind->leaked || !kind->wasted || shown == KINDS)
			continue;
		seep_str_add(&line, shown++ ? ", " : ": ");
		seep_style_text(&line, kind->cause, 40);
		if (kinds > 1) {
			seep_str_add(&line, " ");
			seep_style_bytes(&line, kind->bytes);
		}
	}
	seep_str_add(&line, ".");
	add_line(page, SEEP_INK_BAD, &line);
}

/** "500 timers (ticker, 52.0 KiB); 20 objects (finalizer-cycle, 40.0 MiB)". */
static void add_kinds(struct seep_page *page, const struct tally *tally, bool leaked, bool also)
{
	_cleanup_(seep_str_deinit) struct seep_str line = {};
	size_t shown = 0, more = 0;

	seep_str_add(&line, !leaked ? "Suspected, not proven: " :
			    also    ? "Also found: " :
				      "Found: ");
	seep_vec_foreach(kind, &tally->kinds) {
		if (kind->leaked != leaked || (leaked && kind->wasted))
			continue;
		if (shown == KINDS) {
			more++;
			continue;
		}
		seep_str_add(&line, shown++ ? "; " : "");
		seep_style_counted(&line, kind->count, kind->noun);
		seep_str_add(&line, " (");
		seep_style_text(&line, kind->cause, 40);
		if (kind->bytes) {
			seep_str_add(&line, ", ");
			seep_style_bytes(&line, kind->bytes);
			seep_str_add(&line, kind->wasted ? " for nothing" : "");
		}
		seep_str_add(&line, ")");
	}
	if (!shown)
		return;
	if (more) {
		seep_str_add(&line, "; and ");
		seep_style_counted(&line, more, "more kind");
	}
	seep_str_add(&line, ".");
	add_line(page, leaked ? SEEP_INK_BAD : SEEP_INK_WARN, &line);
}

/** What it means that there is nothing. */
static void add_no_leak(struct seep_page *page)
{
	const struct seep_report *report = page->report;
	_cleanup_(seep_str_deinit) struct seep_str text = {};

	if (page->only) {
		seep_str_add(&text, "Nothing else was asked for than ");
		seep_style_text(&text, page->only, 200);
		if (report->goroutines.leaked) {
			seep_str_add(&text, "; ");
			seep_style_counted(&text, report->goroutines.leaked, "goroutine");
			seep_str_add(&text, " leaked for other causes");
		}
		seep_str_add(&text, ".");
	} else {
		seep_str_add(
			&text,
			"Each of the program's goroutines runs, or something alive could still wake it");
		if (report->goroutines.intended)
			seep_str_add(&text, ", or it blocks for ever on purpose");
		seep_str_add(&text, "; and no memory was found that is held for nothing.");
		if (report->goroutines.waiting) {
			seep_str_add(
				&text,
				" If the number of goroutines keeps growing all the same, --all shows where the ");
			seep_style_count(&text, report->goroutines.waiting);
			seep_str_add(&text, " that wait stand, and what could wake them.");
		}
	}
	seep_page_wrap(page, &text, 0, 0);
}

void seep_text_verdict(struct seep_page *page)
{
	struct tally tally = {};
	size_t leaked = 0, suspected = 0;

	count_findings(page->report, &tally);
	page->str.failed |= tally.failed;
	leaked += tally.leaked.sites;
	suspected += tally.stuck.sites;
	seep_vec_foreach(kind, &tally.kinds)
		*(kind->leaked ? &leaked : &suspected) += 1;

	if (!leaked) {
		bool known = page->report->suppressed.len > 0;

		seep_page_ink(page, suspected ? SEEP_INK_BOLD : SEEP_INK_GOOD,
			      suspected && known ? "No proven leak but what is known already." :
			      suspected		 ? "No proven leak." :
			      known		 ? "No leak found but what is known already." :
						   "No leak found.");
		seep_page_add(page, "\n");
		if (!suspected && !known)
			add_no_leak(page);
	}
	if (tally.leaked.sites)
		add_goroutines(page, &tally.leaked, true);
	if (tally.wasted)
		add_wasted(page, &tally);
	add_kinds(page, &tally, true, tally.leaked.sites || tally.wasted);
	if (tally.stuck.sites)
		add_goroutines(page, &tally.stuck, false);
	add_kinds(page, &tally, false, false);
	seep_text_suppressed_sum(page);
	seep_vec_free(&tally.kinds);
}
