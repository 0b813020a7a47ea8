// The report for a person, perhaps a tired one: what has leaked, how much it holds, since when, at
// which line, and what to do about it; after that the evidence.
//
//	header    program, pause, goroutines, heap, memory: six lines       text_header.c
//	verdict   a few lines that can be read alone                        text_verdict.c
//	findings  all in one line each, the first `top` in full             text_finding.c
//	known     how many findings are known already, and who said so      text_suppressed.c
//	holders   who holds the heap, leak or not
//	caveats   what could not be seen
//
// `seep top` and `seep why` have their answer between header and caveats: text_top.c
//
// The target's strings are escaped on their way in and cut where they are longer than anybody would
// read; the JSON has them in full.
#include "report/text.h"

#include "report/internal.h"

// Shown unless verbose. In a small heap a tenth is little, and the runtime's own variables are large.
enum { HOLDERS = 3 };
static const uint64_t holder_min = 1 << 20;

/** " 62.1 %   1.0 GiB  main.cache → .sessions → [key], map[string]*main.session, 20,000 entries". */
static void add_holder(struct seep_page *page, const struct seep_holder *holder)
{
	enum { NAME = 20 };
	_cleanup_(seep_str_deinit) struct seep_str share = {}, bytes = {}, name = {}, point = {};

	seep_style_percent(&share, holder->retained_bytes, page->report->heap.reachable_bytes);
	seep_style_bytes(&bytes, holder->retained_bytes);
	seep_str_addf(&page->str, "%7s  %9s  ", seep_str_text(&share), seep_str_text(&bytes));
	seep_style_text(&name,
			holder->name ? holder->name :
			holder->kind ? holder->kind :
				       "?",
			page->columns ? seep_page_room(page, NAME) : 0);
	seep_page_ink(page, SEEP_INK_BOLD, seep_str_text(&name));
	if (holder->count > 1) {
		_cleanup_(seep_str_deinit) struct seep_str count = {};

		seep_str_add(&count, ", ");
		seep_style_counted(&count, holder->count, "object");
		seep_style_wrap(&page->str, seep_str_text(&count),
				NAME + seep_style_width(seep_str_text(&name)), NAME, page->columns);
		page->str.failed |= count.failed;
	}
	seep_page_add(page, "\n");
	if (holder->path_len) {
		seep_style_spaces(&page->str, NAME + 2);
		seep_page_path(page, holder->path, holder->path_len, NAME + 2, NAME + 4);
		seep_page_add(page, "\n");
	}
	if (holder->point) {
		seep_style_spaces(&page->str, NAME + 2);
		seep_page_prose(page, holder->point, NAME + 2, NAME + 4);
		seep_page_add(page, "\n");
	}
	page->str.failed |= share.failed || bytes.failed || name.failed || point.failed;
}

void seep_text_holders(struct seep_page *page)
{
	const struct seep_report *report = page->report;
	size_t len = report->holders.len, shown = 0;

	while (shown < len &&
	       (page->verbose ||
		(shown < HOLDERS && report->holders.data[shown].retained_bytes >= holder_min)))
		shown++;
	if (!shown)
		return;
	seep_page_add(page, "\n");
	seep_page_ink(page, SEEP_INK_BOLD, "Who holds the live heap, leak or not:");
	seep_page_add(page, "\n");
	for (size_t i = 0; i < shown; i++)
		add_holder(page, &report->holders.data[i]);
	if (shown < len)
		seep_str_addf(&page->str, "         (%zu more with -v)\n", len - shown);
}

static void add_caveat(struct seep_page *page, const char *caveat)
{
	seep_page_add(page, " - ");
	seep_page_prose(page, caveat, 3, 3);
	seep_page_add(page, "\n");
}

static void add_caveats(struct seep_page *page)
{
	const struct seep_report *report = page->report;
	size_t notes = page->verbose ? report->notes.len : 0;

	if (report->caveats.len + notes == 0)
		return;
	seep_page_add(page, "\n");
	seep_page_ink(page, SEEP_INK_BOLD, "Mind:");
	seep_page_add(page, "\n");
	seep_vec_foreach(caveat, &report->caveats)
		add_caveat(page, *caveat);
	for (size_t i = 0; i < notes; i++)
		add_caveat(page, report->notes.data[i]);
}

struct seep_error *seep_report_write_text(const struct seep_report *report,
					  const struct seep_report_options *options, FILE *file)
{
	struct seep_page page;

	seep_page_init(&page, report, options);
	seep_text_header(&page);
	if (options->view == SEEP_REPORT_TOP) {
		seep_text_top(&page);
	} else if (options->view == SEEP_REPORT_PATHS) {
		seep_text_paths(&page);
	} else {
		seep_text_verdict(&page);
		seep_text_findings(&page);
		seep_text_suppressed(&page);
		seep_text_holders(&page);
	}
	add_caveats(&page);
	return seep_page_finish(&page, file);
}
