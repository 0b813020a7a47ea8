// What grew, for people:
//
//	./service  go1.22.12  3 looks in 20.1 s
//
//	      grew       now  per hour      grew       now
//	  +1.3 MiB  13.4 MiB  +230 MiB      +510     1,812   reachable heap, by objects
//	...
//	1. proven send-blocked
//	   where       main.handle.func1  /srv/main.go:33
//	   now         112 goroutines, holding 1.3 MiB
//	   grows by    5 goroutines per second, 64.8 KiB per second
//	   fix         receive until the senders are done, ...
//
//	by finding
//	  +1.2 MiB   1.3 MiB  +228 MiB      +100       112 ! send-blocked (proven)  main.handle.func1  /srv/main.go:33
//
// An exclamation mark is what stands out (detect/growth.h); of these the findings are told in words, ahead of the tables.
#include "report/growth.h"

#include "report/page.h"
#include "report/text.h"
#include "report/wording.h"

#include <inttypes.h>

enum { LINES = 10, FINDINGS = 3, COLUMN = 10, FILE_MIN = 20, FILE_MAX = 60 };

/** Text that ends at a column. */
static void add_right(struct seep_page *page, struct seep_str *text, size_t width)
{
	size_t len = seep_style_width(seep_str_text(text));

	seep_style_spaces(&page->str, len < width ? width - len : 1);
	seep_str_add(&page->str, seep_str_text(text));
	page->str.failed |= text->failed;
	seep_str_deinit(text);
	*text = (struct seep_str){};
}

static void add_signed(struct seep_str *str, bool minus, uint64_t n, bool bytes)
{
	seep_str_add(str, n == 0 ? "" : minus ? "-" : "+");
	if (bytes)
		seep_style_bytes(str, n);
	else
		seep_style_count(str, n);
}

/** A rate per hour; nothing where there is none. */
static void add_rate(struct seep_str *str, const struct seep_growth *growth,
		     const struct seep_growth_line *line)
{
	bool bytes = line->grew.bytes > 0;
	double rate = (bytes ? line->bytes_per_s : line->counts_per_s) * 3600,
	       size = rate < 0 ? -rate : rate;

	if (growth->seconds)
		add_signed(str, rate < 0, size < 1e18 ? (uint64_t)size : (uint64_t)1e18, bytes);
}

static void add_amounts(struct seep_page *page, const struct seep_growth *growth,
			const struct seep_growth_line *line)
{
	const struct seep_amount *now = &line->at[growth->look_count - 1];
	bool fewer = now->count < line->at[0].count;
	struct seep_str text = {};

	add_signed(&text, line->shrank, line->grew.bytes, true);
	add_right(page, &text, COLUMN);
	seep_style_bytes(&text, now->bytes);
	add_right(page, &text, COLUMN);
	add_rate(&text, growth, line);
	add_right(page, &text, COLUMN);
	add_signed(&text, fewer,
		   fewer ? line->at[0].count - now->count : now->count - line->at[0].count, false);
	add_right(page, &text, COLUMN);
	seep_style_count(&text, now->count);
	add_right(page, &text, COLUMN);
	seep_page_ink(page, SEEP_INK_BAD, line->stands_out ? " ! " : "   ");
}

static void add_name(struct seep_page *page, const struct seep_growth_line *line)
{
	const struct seep_finding *f = line->finding;
	struct seep_str name = {};
	size_t room = seep_page_room(page, 5 * COLUMN + 3);

	if (!f) {
		if (line->kind == SEEP_GROWTH_GOROUTINES)
			seep_style_text(&name, line->name, room);
		else
			seep_style_function(&name, line->name, room);
		seep_page_add(page, seep_str_text(&name));
	} else {
		seep_style_text(&name, f->cause, 40);
		seep_str_addf(&name, " (%s)  ", seep_verdict_name(f->verdict));
		size_t width = seep_style_width(seep_str_text(&name));
		room = room > width + 20 ? room - width : 20;
		if (f->holder)
			seep_style_text(&name, f->holder, room);
		else if (f->where.function)
			seep_style_function(&name, f->where.function, room);
		seep_page_ink(page, SEEP_INK_BOLD, seep_str_text(&name));
		width = 5 * COLUMN + 3 + seep_style_width(seep_str_text(&name)) + 2;
		room = !page->columns	     ? FILE_MAX :
		       page->columns > width ? page->columns - width :
					       0;
		if (!f->holder && f->where.file && room >= FILE_MIN) {
			seep_page_add(page, "  ");
			seep_style_file(&page->str, f->where.file, f->where.line, page->goroot,
					room < FILE_MAX ? room : FILE_MAX);
		}
	}
	page->str.failed |= name.failed;
	seep_str_deinit(&name);
	seep_page_add(page, "\n");
}

static void add_line(struct seep_page *page, const struct seep_growth *growth,
		     const struct seep_growth_line *line)
{
	add_amounts(page, growth, line);
	add_name(page, line);
}

static void add_table(struct seep_page *page, const struct seep_growth *growth,
		      enum seep_growth_kind kind)
{
	static const char *const titles[] = {
		[SEEP_GROWTH_FINDING] = "by finding",
		[SEEP_GROWTH_GOROUTINES] = "by what goroutines run, stacks included",
		[SEEP_GROWTH_VARIABLE] = "by package variable",
		[SEEP_GROWTH_TYPE] = "by type",
	};
	const struct seep_growth_line *lines = growth->lines[kind].data;
	size_t len = growth->lines[kind].len, shown = 0, grown = 0;

	while (grown < len && !lines[grown].shrank)
		grown++;
	if (!page->verbose)
		len = grown;
	if (len == 0)
		return;
	seep_page_add(page, "\n");
	seep_page_ink(page, SEEP_INK_BOLD, titles[kind]);
	seep_page_add(page, "\n");
	for (; shown < len && (page->verbose || shown < page->top); shown++)
		add_line(page, growth, &lines[shown]);
	if (shown < len) {
		struct seep_str more = {};
		seep_str_addf(&more, "%zu more", len - shown);
		seep_style_spaces(&page->str, 5 * COLUMN + 3);
		seep_page_ink(page, SEEP_INK_DIM, seep_str_text(&more));
		seep_page_add(page, "\n");
		page->str.failed |= more.failed;
		seep_str_deinit(&more);
	}
}

static void add_head(struct seep_page *page, const struct seep_growth *growth)
{
	const struct seep_report *last = growth->looks[growth->look_count - 1];
	_cleanup_(seep_str_deinit) struct seep_str text = {};

	seep_page_ink_on(page, SEEP_INK_BOLD);
	seep_style_file(&page->str, last->target.exe ? last->target.exe : "(unknown program)", 0,
			NULL, 0);
	seep_page_ink_off(page, SEEP_INK_BOLD);
	if (last->target.go) {
		seep_str_add(&text, "  ");
		seep_style_text(&text, last->target.go, 40);
	}
	seep_str_addf(&text, "  %zu looks", growth->look_count);
	if (growth->seconds) {
		seep_str_add(&text, " in ");
		seep_style_duration(&text,
				    (uint64_t)(growth->seconds[growth->look_count - 1] * 1e9));
	}
	seep_page_add(page, seep_str_text(&text));
	page->str.failed |= text.failed;
	seep_page_add(page, "\n\n");
	seep_page_ink(page, SEEP_INK_DIM,
		      growth->seconds ? "      grew       now  per hour      grew       now\n"
					"     bytes     bytes               count     count\n" :
					"      grew       now                grew       now\n"
					"     bytes     bytes               count     count\n");
}

/** "116 goroutines per second", in the unit of time in which it is at least one. */
static void add_pace(struct seep_str *str, double per_second, bool bytes, const char *noun)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = { { "second", 1 }, { "minute", 60 }, { "hour", 3600 }, { "day", 86400 } };
	size_t unit = 0;

	while (unit < 3 && per_second * units[unit].seconds < (bytes ? 1024 : 1))
		unit++;
	double n = per_second * units[unit].seconds + 0.5;
	uint64_t whole = n < 1e18 ? (uint64_t)n : (uint64_t)1e18;
	if (bytes)
		seep_style_bytes(str, whole);
	else
		seep_style_counted(str, whole, noun);
	seep_str_addf(str, " per %s", units[unit].name);
}

static void add_growing(struct seep_page *page, const struct seep_growth *growth,
			const struct seep_growth_line *line)
{
	_cleanup_(seep_str_deinit) struct seep_str str = {};
	const char *noun = seep_wording_noun(line->finding);
	bool counts = line->grew.count > 0, bytes = line->grew.bytes > 0;

	if (!growth->seconds) {
		seep_page_label(page, "grew by");
		if (counts)
			seep_style_counted(&str, line->grew.count, noun);
		seep_str_add(&str, counts && bytes ? ", " : "");
		if (bytes)
			seep_style_bytes(&str, line->grew.bytes);
	} else {
		seep_page_label(page, "grows by");
		if (counts && line->counts_per_s > 0)
			add_pace(&str, line->counts_per_s, false, noun);
		seep_str_add(&str, str.len && bytes ? ", " : "");
		if (bytes)
			add_pace(&str, line->bytes_per_s, true, NULL);
	}
	seep_page_wrap(page, &str, SEEP_PAGE_LABEL, SEEP_PAGE_LABEL);
}

static void add_prose(struct seep_page *page, const char *label, const char *text)
{
	seep_page_label(page, label);
	seep_page_prose(page, text, SEEP_PAGE_LABEL, SEEP_PAGE_LABEL);
	seep_page_add(page, "\n");
}

/** A finding that stands out, in words. */
static void add_finding(struct seep_page *page, const struct seep_growth *growth,
			const struct seep_growth_line *line, size_t number)
{
	const struct seep_finding *f = line->finding;
	_cleanup_(seep_str_deinit) struct seep_str head = {}, now = {};

	seep_str_addf(&head, "%zu. %s ", number, seep_verdict_name(f->verdict));
	seep_style_text(&head, f->cause, 40);
	seep_page_add(page, "\n");
	seep_page_ink(page, SEEP_INK_BOLD, seep_str_text(&head));
	page->str.failed |= head.failed;
	seep_page_add(page, "\n   ");
	seep_page_prose(page, f->summary, 3, 3);
	seep_page_add(page, "\n");
	if (f->holder)
		add_prose(page,
			  line->of == SEEP_GROWTH_VARIABLE ? "variable" :
			  line->of == SEEP_GROWTH_TYPE	   ? "type" :
							     "held by",
			  f->holder);
	if (f->where.function) {
		seep_page_label(page, "where");
		seep_page_place(page, &f->where, SEEP_PAGE_LABEL, 0, SEEP_INK_PLAIN);
	}
	if (f->created.function) {
		seep_page_label(page, "created by");
		seep_page_place(page, &f->created, SEEP_PAGE_LABEL, 0, SEEP_INK_PLAIN);
	}
	seep_page_label(page, "now");
	seep_wording_amount(&now, f);
	seep_page_wrap(page, &now, SEEP_PAGE_LABEL, SEEP_PAGE_LABEL);
	add_growing(page, growth, line);
	if (line->of != SEEP_GROWTH_FINDING || page->verbose)
		for (size_t i = 0; i < f->why.len; i++)
			add_prose(page, i ? "" : "why", f->why.data[i]);
	if (f->known)
		add_prose(page, "known", f->known);
	if (f->fix)
		add_prose(page, "fix", f->fix);
}

/** What stands out, in words. */
static void add_findings(struct seep_page *page, const struct seep_growth *growth)
{
	size_t out = 0;

	seep_vec_foreach(line, &growth->lines[SEEP_GROWTH_FINDING])
		if (line->stands_out && (out++ < FINDINGS || page->verbose))
			add_finding(page, growth, line, out);
	if (out > FINDINGS && !page->verbose)
		seep_page_note(page, out - FINDINGS, "more finding with -v",
			       "more findings with -v");
	if (!out)
		seep_page_add(page, growth->report.suppressed.len ?
					    "\nNothing stands out but what is known already.\n" :
					    "\nNothing stands out.\n");
}

static void add_total(struct seep_page *page, const struct seep_growth *growth,
		      const struct seep_growth_line *line, const char *name)
{
	add_amounts(page, growth, line);
	seep_page_add(page, name);
	seep_page_add(page, "\n");
}

static void add_caveats(struct seep_page *page)
{
	const struct seep_report *report = page->report;

	for (size_t i = 0; i < report->caveats.len + (page->verbose ? report->notes.len : 0); i++) {
		seep_page_add(page, i ? " - " : "\nMind:\n - ");
		seep_page_prose(page,
				i < report->caveats.len ?
					report->caveats.data[i] :
					report->notes.data[i - report->caveats.len],
				3, 3);
		seep_page_add(page, "\n");
	}
}

struct seep_error *seep_growth_write_text(const struct seep_growth *growth,
					  const struct seep_report_options *options, FILE *file)
{
	struct seep_page page;
	size_t changed = 0, grown = 0;

	seep_page_init(&page, &growth->report, options);
	page.top = options->top ? options->top : LINES;
	add_head(&page, growth);
	add_total(&page, growth, &growth->heap, "reachable heap, by objects");
	add_total(&page, growth, &growth->goroutines, "goroutines' stacks");
	add_findings(&page, growth);
	seep_text_suppressed_sum(&page);
	for (unsigned kind = 0; kind < SEEP_GROWTH_KINDS; kind++) {
		add_table(&page, growth, kind);
		changed += growth->lines[kind].len;
		seep_vec_foreach(line, &growth->lines[kind])
			grown += !line->shrank;
	}
	seep_page_add(&page, "\n");
	seep_page_prose(
		&page,
		grown || (changed && page.verbose) ?
			"Bytes are what each retains. ! stands out: it grew steadily, while the rest did not." :
		changed ? "Nothing grew. What became less is shown with -v." :
			  "Nothing changed.",
		0, 0);
	seep_page_add(&page, "\n");
	seep_text_suppressed(&page);
	add_caveats(&page);
	return seep_page_finish(&page, file);
}
