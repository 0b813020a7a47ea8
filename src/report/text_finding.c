// Findings for people. From three on there is an overview of one line each, so that the first screen
// shows all that matters; then the largest in full, and what neither has shown at the end.
#include "report/text.h"

#include "report/wording.h"

#include <inttypes.h>
#include <string.h>

enum {
	SCREEN = 22, // lines of a small terminal but for the command and the prompt
	OVERVIEW_FROM = 3, // findings that are worth an overview
	OVERVIEW_MIN = 6, // its lines, and more where the head of the report leaves room
	OVERVIEW_MAX = 12,
	WHY = 4, // evidence shown
};

static enum seep_ink verdict_ink(enum seep_verdict verdict)
{
	switch (verdict) {
	case SEEP_VERDICT_PROVEN:
	case SEEP_VERDICT_DEADLOCKED:
	case SEEP_VERDICT_ABANDONED:
		return SEEP_INK_BAD;
	case SEEP_VERDICT_SUSPECT:
		return SEEP_INK_WARN;
	case SEEP_VERDICT_WAITING:
	case SEEP_VERDICT_INTENDED:
		break;
	}
	return SEEP_INK_BOLD;
}

static bool has_place(const struct seep_frame_text *frame)
{
	return frame->function || frame->file;
}

static void add_labelled_place(struct seep_page *page, const char *label,
			       const struct seep_frame_text *frame, enum seep_ink ink)
{
	if (!has_place(frame))
		return;
	seep_page_label(page, label);
	seep_page_place(page, frame, SEEP_PAGE_LABEL, 0, ink);
}

/**
 * What a goroutine waits on: "goroutine 7, chan send for at least 3h12m, on chan *main.job at
 * 0xc000012345".
 */
static void add_goroutine_line(struct seep_page *page,
			       const struct seep_finding_goroutine *goroutine)
{
	_cleanup_(seep_str_deinit) struct seep_str line = {};

	seep_str_addf(&line, "goroutine %" PRIu64, goroutine->id);
	if (goroutine->state) {
		seep_str_add(&line, ", ");
		seep_style_text(&line, goroutine->state, 40);
	}
	if (goroutine->wait_ns) {
		seep_str_add(&line, " for at least ");
		seep_style_duration(&line, goroutine->wait_ns);
	}
	if (goroutine->wait_kind && (goroutine->wait_type || goroutine->wait_address)) {
		seep_str_add(&line, ", on ");
		seep_style_text(&line,
				goroutine->wait_type ? goroutine->wait_type : goroutine->wait_kind,
				60);
		if (goroutine->wait_address)
			seep_str_addf(&line, " at 0x%" PRIx64, goroutine->wait_address);
	}
	seep_page_wrap(page, &line, SEEP_PAGE_LABEL, SEEP_PAGE_LABEL);
}

static void add_goroutines(struct seep_page *page, const struct seep_finding *finding)
{
	size_t listed = finding->goroutines.len;

	if (listed > SEEP_FINDING_GOROUTINES_MAX)
		listed = SEEP_FINDING_GOROUTINES_MAX;
	if (!page->verbose && listed > 1)
		listed = 1;
	for (size_t i = 0; i < listed; i++) {
		const struct seep_finding_goroutine *goroutine = &finding->goroutines.data[i];

		seep_page_label(page, i == 0 ? "stack" : "");
		add_goroutine_line(page, goroutine);
		seep_page_frames(page, goroutine->frames, goroutine->frame_count);
	}
	// Of other things count says how many of those there are.
	if (page->verbose && !finding->noun && finding->count > listed && listed)
		seep_page_note(page, finding->count - listed, "more goroutine", "more goroutines");
}

/** "0xc000400000, []uint8, 1.0 MiB, of which 20 B can be seen", and the path to it. */
static void add_object(struct seep_page *page, const struct seep_finding_object *object)
{
	_cleanup_(seep_str_deinit) struct seep_str line = {};

	if (object->address)
		seep_str_addf(&line, "0x%" PRIx64, object->address);
	if (object->type) {
		seep_str_add(&line, line.len ? ", " : "");
		seep_style_text(&line, object->type, 80);
	}
	if (object->size) {
		seep_str_add(&line, line.len ? ", " : "");
		seep_style_bytes(&line, object->size);
	}
	if (object->has_visible && !object->visible_bytes) {
		seep_str_add(&line, line.len ? ", none of which can be seen" : "cannot be seen");
	} else if (object->has_visible) {
		seep_str_add(&line, line.len ? ", of which " : "");
		seep_style_bytes(&line, object->visible_bytes);
		seep_str_add(&line, " can be seen");
	}
	seep_page_wrap(page, &line, SEEP_PAGE_LABEL, SEEP_PAGE_LABEL);
	if (!object->path_len)
		return;
	seep_style_spaces(&page->str, SEEP_PAGE_LABEL + 2);
	seep_page_path(page, object->path, object->path_len, SEEP_PAGE_LABEL + 2,
		       SEEP_PAGE_LABEL + 4);
	seep_page_add(page, "\n");
}

static void add_objects(struct seep_page *page, const struct seep_finding *finding)
{
	size_t listed = finding->objects.len;

	if (listed > SEEP_FINDING_OBJECTS_MAX)
		listed = SEEP_FINDING_OBJECTS_MAX;
	if (!page->verbose && listed > 1)
		listed = 1;
	for (size_t i = 0; i < listed; i++) {
		seep_page_label(page, i ? "" : finding->count == 1 ? "object" : "for example");
		add_object(page, &finding->objects.data[i]);
	}
}

/**
 * Whether a frame is of Go's own library: by its file, or, where the build trimmed paths, by an import
 * path without a dot in its first element.
 */
static bool is_library(const struct seep_page *page, const struct seep_frame_text *frame)
{
	size_t len = page->goroot ? strlen(page->goroot) : 0;
	const char *file = frame->file ? frame->file : "";

	if (seep_page_is_runtime(frame))
		return true;
	if (file[0] == '/')
		return len && strncmp(file, page->goroot, len) == 0 &&
		       seep_has_prefix(file + len, "/src/");
	size_t host = strcspn(file, "/");
	return file[host] == '/' && !memchr(file, '.', host) && frame->function &&
	       !seep_has_prefix(frame->function, "main.") &&
	       strncmp(frame->function, file, host) == 0;
}

/** The line that allocated one of the objects; NULL if none is known. */
static const struct seep_frame_text *allocated_at(const struct seep_page *page,
						  const struct seep_finding *finding)
{
	for (size_t i = 0; i < finding->allocated_count; i++)
		if (!is_library(page, &finding->allocated[i]))
			return &finding->allocated[i];
	return finding->allocated_count ? finding->allocated : NULL;
}

/** Where memory was allocated: the line of the program's own, or the stack. */
static void add_allocated(struct seep_page *page, const struct seep_finding *finding)
{
	if (!finding->allocated_count)
		return;
	seep_page_label(page, "allocated");
	if (page->verbose) {
		seep_page_add(page, "at\n");
		seep_page_frames(page, finding->allocated, finding->allocated_count);
		return;
	}
	seep_page_place(page, allocated_at(page, finding), SEEP_PAGE_LABEL, 0, SEEP_INK_PLAIN);
}

/** "1. proven substring  100 objects, holding 100 MiB, 99.9 MiB of it for nothing". */
static void add_title(struct seep_page *page, size_t number, const struct seep_finding *finding)
{
	_cleanup_(seep_str_deinit) struct seep_str cause = {}, amount = {};
	const char *verdict = seep_verdict_name(finding->verdict);
	size_t at = 2; // the dot and the blank behind it

	for (size_t n = number; n; n /= 10)
		at++;
	seep_str_addf(&page->str, "%zu. ", number);
	seep_page_ink(page, verdict_ink(finding->verdict), verdict);
	seep_str_add(&cause, " ");
	seep_style_text(&cause, finding->cause ? finding->cause : "unknown", 40);
	seep_page_ink(page, SEEP_INK_BOLD, seep_str_text(&cause));
	seep_page_add(page, "  ");
	at += strlen(verdict) + seep_style_width(seep_str_text(&cause)) + 2;
	seep_wording_amount(&amount, finding);
	seep_page_wrap(page, &amount, at, 3);
	page->str.failed |= cause.failed;
}

static void add_why(struct seep_page *page, const struct seep_finding *finding)
{
	size_t why = finding->why.len;

	if (!page->verbose && why > WHY)
		why = WHY;
	for (size_t i = 0; i < why; i++) {
		if (!finding->why.data[i])
			continue;
		seep_page_label(page, i == 0 ? "why" : "");
		seep_page_add(page, "- ");
		seep_page_prose(page, finding->why.data[i], SEEP_PAGE_LABEL + 2,
				SEEP_PAGE_LABEL + 2);
		seep_page_add(page, "\n");
	}
	if (finding->why.len > why)
		seep_page_note(page, finding->why.len - why, "more with -v", "more with -v");
}

/** What is known of such findings, and where that is from. */
static void add_known(struct seep_page *page, const struct seep_finding *finding)
{
	if (!finding->known)
		return;
	seep_page_label(page, "known");
	seep_page_prose(page, finding->known, SEEP_PAGE_LABEL, SEEP_PAGE_LABEL);
	seep_page_add(page, "\n");
	if (!finding->known_source || !page->verbose)
		return;
	seep_page_label(page, "");
	seep_page_prose(page, finding->known_source, SEEP_PAGE_LABEL, SEEP_PAGE_LABEL);
	seep_page_add(page, "\n");
}

static void add_finding(struct seep_page *page, size_t number, const struct seep_finding *finding)
{
	seep_page_add(page, "\n");
	add_title(page, number, finding);
	if (finding->summary) {
		seep_style_spaces(&page->str, 3);
		seep_page_prose(page, finding->summary, 3, 3);
		seep_page_add(page, "\n");
	}
	add_labelled_place(page, "where", &finding->where, SEEP_INK_BOLD);
	add_labelled_place(page, "created by", &finding->created, SEEP_INK_PLAIN);
	if (finding->holder) {
		seep_page_label(page, "held by");
		seep_page_prose(page, finding->holder, SEEP_PAGE_LABEL, SEEP_PAGE_LABEL);
		seep_page_add(page, "\n");
	}
	add_allocated(page, finding);
	add_known(page, finding);
	add_why(page, finding);
	if (finding->fix) {
		seep_page_label(page, "fix");
		seep_page_prose(page, finding->fix, SEEP_PAGE_LABEL, SEEP_PAGE_LABEL);
		seep_page_add(page, "\n");
	}
	if (page->verbose) {
		seep_page_label(page, "signature");
		seep_str_addf(&page->str, "%016" PRIx64 "\n", finding->signature);
	}
	add_objects(page, finding);
	add_goroutines(page, finding);
}

/**
 * "map[int]main.record[...].name" or "[]string[...] in main.cache": too long, the holder's own field is what tells most, and then who
 * it belongs to.
 */
static void add_short_holder(struct seep_page *page, const char *holder, size_t left)
{
	_cleanup_(seep_str_deinit) struct seep_str safe = {};
	const char *text, *in;
	size_t width;

	seep_style_text(&safe, holder, 0);
	text = seep_str_text(&safe);
	in = strstr(text, " in ");
	width = seep_style_width(text);
	if (width > left && in) {
		_cleanup_free_ char *own = strndup(text, (size_t)(in - text));

		if (own)
			seep_style_end(&page->str, own, left);
		page->str.failed |= !own;
	} else {
		seep_style_end(&page->str, text, left);
	}
	page->str.failed |= safe.failed;
}

/** Where to look, on what is left of the line: a line of the source, or who holds the memory. */
static void add_short_place(struct seep_page *page, const struct seep_finding *finding, size_t at)
{
	_cleanup_(seep_str_deinit) struct seep_str file = {};
	const struct seep_frame_text *where = has_place(&finding->where) ? &finding->where :
									   &finding->created;
	size_t left = seep_page_room(page, at);

	if (!has_place(where) && finding->holder) {
		add_short_holder(page, finding->holder, left);
		return;
	}
	if (!has_place(where) && finding->allocated_count)
		where = allocated_at(page, finding);
	if (where->file)
		seep_style_file(&file, where->file, where->line, page->goroot, left);
	size_t width = seep_style_width(seep_str_text(&file));
	if (where->function && (!width || width + 22 < left)) {
		seep_style_function(&page->str, where->function, width ? left - width - 2 : left);
		seep_page_add(page, width ? "  " : "");
	}
	seep_page_add(page, seep_str_text(&file));
	page->str.failed |= file.failed;
}

/** "proven     send-blocked         12 goroutines   1.2 MiB  main.f  main.go:7", from column 4 on. */
static void add_on_one_line(struct seep_page *page, const struct seep_finding *finding)
{
	_cleanup_(seep_str_deinit) struct seep_str count = {}, bytes = {}, cause = {};
	const char *verdict = seep_verdict_name(finding->verdict);
	size_t width = strlen(verdict), at;

	seep_page_ink(page, verdict_ink(finding->verdict), verdict);
	seep_style_spaces(&page->str, width < 10 ? 11 - width : 1);
	seep_style_text(&cause, finding->cause ? finding->cause : "unknown", 15);
	seep_style_counted(&count, finding->count, seep_wording_noun(finding));
	if (seep_finding_bytes(finding))
		seep_style_bytes(&bytes, seep_finding_bytes(finding));
	seep_str_addf(&page->str, "%-15s %16s %9s  ", seep_str_text(&cause), seep_str_text(&count),
		      seep_str_text(&bytes));
	width = seep_style_width(seep_str_text(&count));
	at = 4 + 11 + 16 + (width > 16 ? width : 16) + 1 + 9 + 2;
	add_short_place(page, finding, at);
	seep_page_add(page, "\n");
	page->str.failed |= count.failed || bytes.failed || cause.failed;
}

/** " 6. " and the finding. */
static void add_folded(struct seep_page *page, size_t number, const struct seep_finding *finding)
{
	seep_str_addf(&page->str, "%2zu. ", number);
	add_on_one_line(page, finding);
}

void seep_text_finding_line(struct seep_page *page, const struct seep_finding *finding)
{
	seep_style_spaces(&page->str, 4);
	add_on_one_line(page, finding);
}

/** Lines for the overview of len findings: what is left of the first screen. */
static size_t overview_lines(const struct seep_page *page, size_t len)
{
	const char *text = seep_str_text(&page->str);
	size_t lines = 1; // the empty one ahead of it

	if (len < OVERVIEW_FROM)
		return 0;
	for (size_t i = 0; text[i]; i++)
		lines += text[i] == '\n';
	size_t left = lines + OVERVIEW_MIN < SCREEN ? SCREEN - lines : OVERVIEW_MIN;
	if (left > OVERVIEW_MAX)
		left = OVERVIEW_MAX;
	return len <= left ? len : left - 1; // the last one says how many more there are
}

void seep_text_findings(struct seep_page *page)
{
	const struct seep_report *report = page->report;
	size_t len = report->findings.len, full = len < page->top ? len : page->top,
	       overview = overview_lines(page, len);

	if (overview) {
		seep_page_add(page, "\n");
		for (size_t i = 0; i < overview; i++)
			add_folded(page, i + 1, &report->findings.data[i]);
		if (overview < len)
			seep_str_addf(&page->str, "    %zu more below\n", len - overview);
	}
	for (size_t i = 0; i < full; i++)
		add_finding(page, i + 1, &report->findings.data[i]);
	size_t next = full > overview ? full : overview;
	if (next < len)
		seep_page_add(page, "\n");
	for (size_t i = next; i < len; i++)
		add_folded(page, i + 1, &report->findings.data[i]);
	if (full < len)
		seep_str_addf(&page->str, "\n--top %zu shows all in full.\n", len);
	if (len) {
		const struct seep_finding *first = &report->findings.data[0];

		seep_str_addf(&page->str, "\nMore: seep explain %s, seep explain %s\n",
			      first->cause ? first->cause : "", seep_verdict_name(first->verdict));
	}
}
