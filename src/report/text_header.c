// The head of the report for people: the program, the pause, its goroutines, its heap, and what its
// resident memory consists of.
#include "report/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	STATES = 6, // goroutine states shown
	PARTS = 6, // parts of the memory shown on one line
	REASONS = 6, // reasons why something has no type
};

static void add_target(struct seep_page *page)
{
	const struct seep_report *report = page->report;
	_cleanup_(seep_str_deinit) struct seep_str rest = {};

	if (report->target.kind != SEEP_TARGET_LIVE)
		seep_str_add(&rest,
			     report->target.kind == SEEP_TARGET_CORE ? "  core" : "  capture");
	if (report->target.pid > 0)
		seep_str_addf(&rest, "  pid %d", (int)report->target.pid);
	if (report->target.go) {
		seep_str_add(&rest, "  ");
		seep_style_text(&rest, report->target.go, 40);
	}
	if (report->target.stripped)
		seep_str_add(&rest, "  stripped");
	size_t width = seep_style_width(seep_str_text(&rest));
	seep_page_ink_on(page, SEEP_INK_BOLD);
	seep_style_file(&page->str, report->target.exe ? report->target.exe : "(unknown program)",
			0, NULL, seep_page_room(page, width));
	seep_page_ink_off(page, SEEP_INK_BOLD);
	seep_page_add(page, seep_str_text(&rest));
	seep_page_add(page, "\n");
	page->str.failed |= rest.failed;
}

static void add_capture(struct seep_page *page)
{
	const struct seep_report *report = page->report;

	if (!report->capture.pause_ns)
		return;
	seep_page_add(page, "paused      ");
	seep_style_duration(&page->str, report->capture.pause_ns);
	if (report->capture.total_ns) {
		seep_page_add(page, " (");
		seep_style_duration(&page->str, report->capture.total_ns);
		seep_page_add(page, " in all)");
	}
	seep_page_add(page, "; ");
	seep_style_bytes(&page->str, report->capture.read_bytes);
	seep_page_add(page, " read");
	if (report->capture.rounds) {
		seep_page_add(page, " in ");
		seep_style_counted(&page->str, report->capture.rounds, "round");
	}
	if (report->capture.threads) {
		seep_page_add(page, ", ");
		seep_style_counted(&page->str, report->capture.threads, "thread");
	}
	seep_page_add(page, "\n");
	if (report->capture.stops > 1) {
		seep_str_addf(&page->str, "            in %" PRIu64 " stops, the longest of ",
			      report->capture.stops);
		seep_style_duration(&page->str, report->capture.max_gap_ns);
		seep_page_add(page, "\n");
	}
	if (report->capture.why_stopped)
		seep_str_addf(&page->str, "            by stop-and-copy: %s\n",
			      report->capture.why_stopped);
}

/** "2,391: 2,000 chan send, 300 IO wait, 91 in 4 other states", on one line. */
static void add_states(struct seep_page *page)
{
	const struct seep_report *report = page->report;
	_cleanup_(seep_str_deinit) struct seep_str line = {};
	uint64_t others = 0;
	size_t shown = 0, states = report->goroutines.by_state.len;

	seep_str_add(&line, "goroutines  ");
	seep_style_count(&line, report->goroutines.total);
	seep_vec_foreach(entry, &report->goroutines.by_state) {
		_cleanup_(seep_str_deinit) struct seep_str item = {};

		seep_str_add(&item, shown ? ", " : ": ");
		seep_style_count(&item, entry->count);
		seep_str_add(&item, " ");
		seep_style_text(&item, entry->state, 40);
		// The tail takes up to 24 columns.
		size_t end = seep_style_width(seep_str_text(&line)) +
			     seep_style_width(seep_str_text(&item));
		if (others || shown == STATES ||
		    (page->columns && shown && end + 24 > page->columns)) {
			others += entry->count;
			continue;
		}
		shown++;
		seep_str_add(&line, seep_str_text(&item));
		line.failed |= item.failed;
	}
	if (others) {
		seep_str_add(&line, ", ");
		seep_style_count(&line, others);
		seep_str_add(&line, " in ");
		seep_style_counted(&line, states - shown, "other state");
	}
	seep_page_add(page, seep_str_text(&line));
	seep_page_add(page, "\n");
	page->str.failed |= line.failed;
}

static void add_heap(struct seep_page *page)
{
	const struct seep_report *report = page->report;
	_cleanup_(seep_str_deinit) struct seep_str line = {};

	seep_str_add(&line, "heap        ");
	seep_style_bytes(&line, report->heap.reachable_bytes);
	seep_str_add(&line, " live in ");
	seep_style_counted(&line, report->heap.reachable_objects, "object");
	seep_str_add(&line, ", ");
	seep_style_bytes(&line, report->heap.garbage_bytes);
	seep_str_add(&line, " garbage");
	if (report->heap.stack_bytes) {
		seep_str_add(&line, ", ");
		seep_style_bytes(&line, report->heap.stack_bytes);
		seep_str_add(&line, " stacks");
	}
	seep_page_wrap(page, &line, 0, SEEP_PAGE_HEAD);
}

// --- memory ---

static uint64_t add_up(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/** ", live heap 1.7 GiB": without what the name says behind a comma. */
static void add_part(struct seep_str *line, const char *name, uint64_t bytes, bool first)
{
	_cleanup_free_ char *brief = strndup(name, strcspn(name, ","));

	seep_str_add(line, first ? ": " : ", ");
	seep_style_text(line, brief ? brief : "?", 30);
	seep_str_add(line, " ");
	seep_style_bytes(line, bytes);
	line->failed |= !brief;
}

/** The line with its first `shown` parts by name, the rest added up. */
static void make_parts_line(const struct seep_report *report, size_t shown, struct seep_str *line)
{
	uint64_t others = 0;
	size_t n = 0, left = 0;

	seep_str_add(line, "memory      rss ");
	seep_style_bytes(line, report->memory.rss);
	seep_vec_foreach(part, &report->memory.parts) {
		if (!part->bytes)
			continue;
		if (n < shown) {
			add_part(line, part->name ? part->name : "?", part->bytes, n == 0);
			n++;
			continue;
		}
		others = add_up(others, part->bytes);
		left++;
	}
	if (left) {
		seep_str_addf(line, "%s%zu other part%s ", n ? ", " : ": ", left,
			      left == 1 ? "" : "s");
		seep_style_bytes(line, others);
	}
}

/**
 * "memory      rss 2.6 GiB: live heap 1.7 GiB, garbage 312 MiB, 5 other parts 91.2 MiB", on two lines at
 * most.
 */
static void add_parts_line(struct seep_page *page)
{
	// What wrapping may cost at the end of the first line.
	const size_t slack = 25, lines = 2 * (page->columns - SEEP_PAGE_HEAD) - slack;

	for (size_t shown = PARTS; shown > 0; shown--) {
		_cleanup_(seep_str_deinit) struct seep_str line = {};

		make_parts_line(page->report, shown, &line);
		if (shown > 1 && page->columns &&
		    seep_style_width(seep_str_text(&line)) > SEEP_PAGE_HEAD + lines)
			continue;
		seep_page_wrap(page, &line, 0, SEEP_PAGE_HEAD);
		return;
	}
}

/** One part a line, with its share. */
static void add_parts_table(struct seep_page *page)
{
	const struct seep_report *report = page->report;

	seep_page_add(page, "memory      rss ");
	seep_style_bytes(&page->str, report->memory.rss);
	seep_page_add(page, "\n");
	seep_vec_foreach(part, &report->memory.parts) {
		_cleanup_(seep_str_deinit) struct seep_str bytes = {}, share = {};

		seep_style_bytes(&bytes, part->bytes);
		seep_style_percent(&share, part->bytes, report->memory.rss);
		seep_style_spaces(&page->str, SEEP_PAGE_HEAD);
		seep_str_addf(&page->str, "%10s %7s  ", seep_str_text(&bytes),
			      seep_str_text(&share));
		seep_style_text(&page->str, part->name ? part->name : "?",
				seep_page_room(page, SEEP_PAGE_HEAD + 20));
		seep_page_add(page, "\n");
		page->str.failed |= bytes.failed || share.failed;
	}
}

static void separate(struct seep_str *line, const char *text)
{
	seep_str_add(line, line->len ? ", " : "");
	seep_str_add(line, text);
}

/** "GOGC 100, next GC at 3.4 GiB, no limit, cgroup 2.7 GiB of 4.0 GiB": what decides how far it grows. */
static void add_limits(struct seep_page *page)
{
	const struct seep_report *report = page->report;
	_cleanup_(seep_str_deinit) struct seep_str line = {};

	if (report->memory.gogc == -1)
		separate(&line, "GOGC off");
	else if (report->memory.gogc != INT64_MIN)
		seep_str_addf(&line, "GOGC %" PRId64, report->memory.gogc);
	// Without GOGC and limit the goal is a number beyond all memory.
	if (report->memory.next_gc && report->memory.next_gc < UINT64_C(1) << 47) {
		separate(&line, "next GC at ");
		seep_style_bytes(&line, report->memory.next_gc);
	}
	if (report->memory.memory_limit == UINT64_MAX) {
		separate(&line, "no limit");
	} else if (report->memory.memory_limit) {
		separate(&line, "limit ");
		seep_style_bytes(&line, report->memory.memory_limit);
	}
	if (report->memory.cgroup_limit) {
		separate(&line, "cgroup ");
		if (report->memory.cgroup_usage) {
			seep_style_bytes(&line, report->memory.cgroup_usage);
			seep_str_add(&line, " of ");
		}
		seep_style_bytes(&line, report->memory.cgroup_limit);
	}
	if (!line.len)
		return;
	seep_style_spaces(&page->str, SEEP_PAGE_HEAD);
	seep_page_wrap(page, &line, SEEP_PAGE_HEAD, SEEP_PAGE_HEAD);
}

static void add_memory(struct seep_page *page)
{
	if (!page->report->memory.rss)
		return;
	if (page->verbose || page->all)
		add_parts_table(page);
	else
		add_parts_line(page);
	add_limits(page);
}

/** How much of the heap has a type, and why the rest has none: how far findings about memory can see. */
static void add_types(struct seep_page *page)
{
	const struct seep_report *report = page->report;
	_cleanup_(seep_str_deinit) struct seep_str line = {};
	size_t shown = 0;

	if (!page->verbose || !report->types.objects)
		return;
	seep_str_add(&line, "types       known of ");
	seep_style_percent(&line, report->types.typed_bytes, report->types.bytes);
	seep_str_add(&line, " of the live bytes and ");
	seep_style_percent(&line, report->types.typed_objects, report->types.objects);
	seep_str_add(&line, " of the objects");
	seep_vec_foreach(reason, &report->types.untyped) {
		if (!reason->bytes || shown == REASONS)
			continue;
		seep_str_add(&line, shown++ ? "; " : "; unknown: ");
		seep_style_bytes(&line, reason->bytes);
		seep_str_add(&line, " ");
		seep_style_text(&line, reason->name ? reason->name : "?", 160);
	}
	seep_page_wrap(page, &line, 0, SEEP_PAGE_HEAD);
}

void seep_text_header(struct seep_page *page)
{
	add_target(page);
	add_capture(page);
	add_states(page);
	add_heap(page);
	add_memory(page);
	add_types(page);
	seep_page_add(page, "\n");
}
