// What grew, for people:
//
//	./service  go1.22.12, 3 looks in 20.1 s
//
//	     grew       now    per hour     count      grew
//	+1.3 MiB   13.4 MiB    +230 MiB     1,812      +510   reachable heap
//	...
//	by finding
//	+1.2 MiB    1.3 MiB    +228 MiB       112      +100 ! send-blocked, proven  main.handle.func1  main.go:33
//
// An exclamation mark is what stands out (detect/growth.h).
#include "report/growth.h"

#include "report/page.h"

#include <inttypes.h>

enum { LINES = 10, COLUMN = 11, COUNT = 12 };

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
	add_right(page, &text, COUNT);
	seep_style_count(&text, now->count);
	add_right(page, &text, COUNT);
	seep_page_ink(page, SEEP_INK_BAD, line->stands_out ? " ! " : "   ");
}

static void add_name(struct seep_page *page, const struct seep_growth_line *line)
{
	const struct seep_finding *f = line->finding;
	struct seep_str name = {};
	size_t room = seep_page_room(page, 3 * COLUMN + 2 * COUNT + 3);

	if (!f) {
		if (line->kind == SEEP_GROWTH_GOROUTINES)
			seep_style_text(&name, line->name, room);
		else
			seep_style_function(&name, line->name, room);
		seep_page_add(page, seep_str_text(&name));
	} else {
		seep_style_text(&name, f->cause, 0);
		seep_str_addf(&name, " (%s)  ", seep_verdict_name(f->verdict));
		size_t width = seep_style_width(seep_str_text(&name));
		room = room > width + 20 ? room - width : 20;
		if (f->holder)
			seep_style_text(&name, f->holder, room);
		else if (f->where.function)
			seep_style_function(&name, f->where.function, room);
		seep_page_ink(page, SEEP_INK_BOLD, seep_str_text(&name));
		if (!f->holder && f->where.file) {
			seep_page_add(page, "  ");
			seep_style_file(&page->str, f->where.file, f->where.line, page->goroot, 60);
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
		seep_style_spaces(&page->str, 3 * COLUMN + 2 * COUNT + 3);
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
		      growth->seconds ?
			      "       grew        now   per hour        grew         now\n"
			      "      bytes      bytes                  count       count\n" :
			      "       grew        now                   grew         now\n"
			      "      bytes      bytes                  count       count\n");
}

static void add_total(struct seep_page *page, const struct seep_growth *growth,
		      const struct seep_growth_line *line, const char *name)
{
	add_amounts(page, growth, line);
	seep_page_add(page, name);
	seep_page_add(page, "\n");
}

struct seep_error *seep_growth_write_text(const struct seep_growth *growth,
					  const struct seep_report_options *options, FILE *file)
{
	struct seep_page page;
	bool changed = false;

	seep_page_init(&page, growth->looks[growth->look_count - 1], options);
	page.top = options->top ? options->top : LINES;
	add_head(&page, growth);
	add_total(&page, growth, &growth->heap, "reachable heap, by objects");
	add_total(&page, growth, &growth->goroutines, "goroutines' stacks");
	for (unsigned kind = 0; kind < SEEP_GROWTH_KINDS; kind++) {
		add_table(&page, growth, kind);
		changed |= growth->lines[kind].len > 0;
	}
	seep_page_add(&page, "\n");
	seep_page_prose(
		&page,
		changed ?
			"Bytes are what each retains. ! stands out: it grew steadily, while the rest did not." :
			"Nothing changed.",
		0, 0);
	seep_page_add(&page, "\n");
	for (size_t i = 0; growth->caveats[i]; i++) {
		seep_page_prose(&page, growth->caveats[i], 0, 0);
		seep_page_add(&page, "\n");
	}
	return seep_page_finish(&page, file);
}
