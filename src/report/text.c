// The report for a person, perhaps a tired one: what has leaked, how much it holds, since when, at
// which line, and what to do about it; after that the evidence.
//
//	header    program, pause, goroutines, heap: four lines
//	verdict   one line that can be read alone
//	findings  the first `top` in full, the rest one line each
//	caveats   what could not be seen
//
// Everything is put together in one string and written once, so that a report is whole or an error.
// The target's strings are escaped on their way in and cut where they are longer than anybody would
// read; the JSON has them in full.
#include "report/internal.h"

#include "base/str.h"

#include "report/style.h"

#include <inttypes.h>
#include <string.h>

enum {
	DEFAULT_TOP = 5,
	LABEL = 15, // columns before the text of a labelled line
	FRAMES = 8, // frames shown of a stack
	WHY = 4, // evidence shown
	STATES = 6, // goroutine states shown
	PROSE_MAX = 700, // columns of one sentence
	NAME_MAX = 160, // columns of a name where no terminal limits it
};

struct page {
	struct seep_str str;
	const struct seep_report *report;
	bool color, verbose;
	size_t columns, top;
	char *goroot; // as the runtime's own frames tell it; NULL if they do not
};

struct tally {
	uint64_t leaked, leaked_sites, leaked_bytes, suspect, suspect_sites, suspect_bytes;
};

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void add_ink(struct page *page, enum seep_ink ink, const char *text)
{
	seep_style_add(&page->str, ink, page->color, text);
}

static void ink_on(struct page *page, enum seep_ink ink)
{
	seep_str_add(&page->str, seep_style_on(ink, page->color));
}

static void ink_off(struct page *page, enum seep_ink ink)
{
	seep_str_add(&page->str, seep_style_off(ink, page->color));
}

/** Columns left for a name that starts at column `at`. */
static size_t room(const struct page *page, size_t at)
{
	if (page->columns == 0)
		return NAME_MAX;
	return page->columns > at + 20 ? page->columns - at : 20;
}

static bool is_runtime(const struct seep_frame_text *frame)
{
	const char *f = frame->function;

	return f && (seep_has_prefix(f, "runtime.") || seep_has_prefix(f, "internal/runtime/") ||
		     seep_has_prefix(f, "sync.runtime_") ||
		     seep_has_prefix(f, "internal/sync.runtime_") ||
		     seep_has_prefix(f, "internal/poll.runtime_"));
}

/**
 * Where the Go release was installed when the program was built, told by the path of any frame of
 * the runtime.
 */
static char *find_goroot(const struct seep_report *report)
{
	seep_vec_foreach(finding, &report->findings)
		seep_vec_foreach(goroutine, &finding->goroutines)
			for (size_t i = 0; i < goroutine->frame_count; i++) {
				const struct seep_frame_text *frame = &goroutine->frames[i];

				if (!frame->file || frame->file[0] != '/' || !is_runtime(frame))
					continue;
				const char *src = strstr(frame->file, "/src/runtime/");
				if (src)
					return strndup(frame->file, (size_t)(src - frame->file));
			}
	return NULL;
}

static void add_label(struct page *page, const char *label)
{
	size_t width = strlen(label);

	seep_style_spaces(&page->str, 3);
	add_ink(page, width ? SEEP_INK_DIM : SEEP_INK_PLAIN, label);
	seep_style_spaces(&page->str, width < LABEL - 3 ? LABEL - 3 - width : 1);
}

/** A sentence, escaped, cut if absurd, wrapped; the cursor stands at column `at`. */
static void add_prose(struct page *page, const char *text, size_t at, size_t indent)
{
	_cleanup_(seep_str_deinit) struct seep_str safe = {};

	seep_style_text(&safe, text, PROSE_MAX);
	seep_style_wrap(&page->str, seep_str_text(&safe), at, indent, page->columns);
	page->str.failed |= safe.failed;
}

// --- header ---

static void add_target(struct page *page)
{
	const struct seep_report *report = page->report;
	_cleanup_(seep_str_deinit) struct seep_str rest = {};

	if (report->target.pid > 0)
		seep_str_addf(&rest, "  pid %d", (int)report->target.pid);
	if (report->target.go) {
		seep_str_add(&rest, "  ");
		seep_style_text(&rest, report->target.go, 40);
	}
	if (report->target.stripped)
		seep_str_add(&rest, "  stripped");
	size_t width = seep_style_width(seep_str_text(&rest));
	ink_on(page, SEEP_INK_BOLD);
	seep_style_file(&page->str, report->target.exe ? report->target.exe : "(unknown program)",
			0, NULL, room(page, width));
	ink_off(page, SEEP_INK_BOLD);
	seep_str_add(&page->str, seep_str_text(&rest));
	seep_str_add(&page->str, "\n");
	page->str.failed |= rest.failed;
}

static void add_capture(struct page *page)
{
	const struct seep_report *report = page->report;

	if (!report->capture.pause_ns)
		return;
	seep_str_add(&page->str, "paused      ");
	seep_style_duration(&page->str, report->capture.pause_ns);
	if (report->capture.total_ns) {
		seep_str_add(&page->str, " (");
		seep_style_duration(&page->str, report->capture.total_ns);
		seep_str_add(&page->str, " in all)");
	}
	seep_str_add(&page->str, "; ");
	seep_style_bytes(&page->str, report->capture.read_bytes);
	seep_str_add(&page->str, " read");
	if (report->capture.threads)
		seep_str_addf(&page->str, ", %" PRIu64 " thread%s", report->capture.threads,
			      plural(report->capture.threads));
	seep_str_add(&page->str, "\n");
}

/** "2,391: 2,000 chan send, 300 IO wait, 91 in 4 other states", on one line. */
static void add_states(struct page *page)
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
		seep_str_addf(&line, " in %zu other state%s", states - shown,
			      plural(states - shown));
	}
	seep_str_add(&page->str, seep_str_text(&line));
	seep_str_add(&page->str, "\n");
	page->str.failed |= line.failed;
}

static void add_heap(struct page *page)
{
	const struct seep_report *report = page->report;
	_cleanup_(seep_str_deinit) struct seep_str line = {};

	seep_str_add(&line, "heap        ");
	seep_style_bytes(&line, report->heap.reachable_bytes);
	seep_str_add(&line, " live in ");
	seep_style_count(&line, report->heap.reachable_objects);
	seep_str_add(&line, report->heap.reachable_objects == 1 ? " object, " : " objects, ");
	seep_style_bytes(&line, report->heap.garbage_bytes);
	seep_str_add(&line, " garbage");
	if (report->heap.stack_bytes) {
		seep_str_add(&line, ", ");
		seep_style_bytes(&line, report->heap.stack_bytes);
		seep_str_add(&line, " stacks");
	}
	seep_style_wrap(&page->str, seep_str_text(&line), 0, 12, page->columns);
	seep_str_add(&page->str, "\n");
	page->str.failed |= line.failed;
}

// --- the verdict line ---

static struct tally count_findings(const struct seep_report *report)
{
	struct tally tally = {};

	seep_vec_foreach(finding, &report->findings) {
		if (finding->verdict <= SEEP_VERDICT_ABANDONED) {
			tally.leaked += finding->count;
			tally.leaked_bytes += finding->retained_bytes;
			tally.leaked_sites++;
		} else if (finding->verdict == SEEP_VERDICT_SUSPECT) {
			tally.suspect += finding->count;
			tally.suspect_bytes += finding->retained_bytes;
			tally.suspect_sites++;
		}
	}
	return tally;
}

/** "2,014 goroutines WHAT at 3 sites, holding at least 1.2 GiB". */
static void add_amount(struct page *page, uint64_t count, const char *what, uint64_t sites,
		       uint64_t bytes)
{
	seep_style_count(&page->str, count);
	seep_str_addf(&page->str, " goroutine%s %s at ", plural(count), what);
	seep_style_count(&page->str, sites);
	seep_str_addf(&page->str, " site%s", plural(sites));
	if (!bytes)
		return;
	// Several together may hold more than each alone.
	seep_str_add(&page->str, sites > 1 ? ", holding at least " : ", holding ");
	seep_style_bytes(&page->str, bytes);
}

static void add_no_leak(struct page *page, bool suspects)
{
	const struct seep_report *report = page->report;
	_cleanup_(seep_str_deinit) struct seep_str text = {};

	add_ink(page, suspects ? SEEP_INK_BOLD : SEEP_INK_GOOD, "No leaked goroutine found.");
	seep_str_add(&page->str, "\n");
	if (suspects)
		return;
	seep_str_add(
		&text,
		"Each of the program's goroutines runs, or something alive could still wake it");
	if (report->goroutines.intended)
		seep_str_add(&text, ", or it blocks for ever on purpose");
	seep_str_add(&text, ".");
	if (report->goroutines.waiting) {
		seep_str_add(&text,
			     " If their number keeps growing all the same, --all shows where the ");
		seep_style_count(&text, report->goroutines.waiting);
		seep_str_add(&text, " that wait stand, and what could wake them.");
	}
	seep_style_wrap(&page->str, seep_str_text(&text), 0, 0, page->columns);
	seep_str_add(&page->str, "\n");
	page->str.failed |= text.failed;
}

static void add_verdict_line(struct page *page)
{
	struct tally tally = count_findings(page->report);

	if (tally.leaked) {
		ink_on(page, SEEP_INK_BAD);
		add_amount(page, tally.leaked, "leaked", tally.leaked_sites, tally.leaked_bytes);
		seep_str_add(&page->str, ".");
		ink_off(page, SEEP_INK_BAD);
		seep_str_add(&page->str, "\n");
	} else {
		add_no_leak(page, tally.suspect > 0);
	}
	if (tally.suspect) {
		ink_on(page, SEEP_INK_WARN);
		add_amount(page, tally.suspect, tally.suspect == 1 ? "looks stuck" : "look stuck",
			   tally.suspect_sites, tally.suspect_bytes);
		seep_str_add(&page->str, ", not proven.");
		ink_off(page, SEEP_INK_WARN);
		seep_str_add(&page->str, "\n");
	}
}

// --- findings ---

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

/** "main.producers.func1  /src/main.go:21" from column `at`; on two lines when one is too short. */
static void add_place(struct page *page, const struct seep_frame_text *frame, size_t at, size_t pad,
		      enum seep_ink ink)
{
	_cleanup_(seep_str_deinit) struct seep_str function = {}, file = {};
	size_t left = room(page, at);

	seep_style_function(&function, frame->function ? frame->function : "(unknown function)",
			    left);
	size_t width = seep_style_width(seep_str_text(&function));
	add_ink(page, ink, seep_str_text(&function));
	if (frame->file) {
		seep_style_file(&file, frame->file, frame->line, page->goroot, left - 2);
		size_t gap = pad > width ? pad - width : 0;
		if (page->columns == 0 ||
		    width + gap + 2 + seep_style_width(seep_str_text(&file)) <= left) {
			seep_style_spaces(&page->str, gap + 2);
		} else {
			seep_str_add(&page->str, "\n");
			seep_style_spaces(&page->str, at + 2);
		}
		seep_str_add(&page->str, seep_str_text(&file));
	}
	seep_str_add(&page->str, "\n");
	page->str.failed |= function.failed || file.failed;
}

static void add_labelled_place(struct page *page, const char *label,
			       const struct seep_frame_text *frame, enum seep_ink ink)
{
	if (!frame->function && !frame->file)
		return;
	add_label(page, label);
	add_place(page, frame, LABEL, 0, ink);
}

/**
 * What a goroutine waits on: "goroutine 7, chan send for at least 3h12m, on chan *main.job at
 * 0xc000012345".
 */
static void add_goroutine_line(struct page *page, const struct seep_finding_goroutine *goroutine)
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
	seep_style_wrap(&page->str, seep_str_text(&line), LABEL, LABEL, page->columns);
	seep_str_add(&page->str, "\n");
	page->str.failed |= line.failed;
}

/**
 * The column behind the widest function among frames [first, end), for the files to stand in; 0 if
 * they do not fit there.
 */
static size_t stack_pad(const struct page *page, const struct seep_frame_text *frames, size_t first,
			size_t end)
{
	size_t pad = 0, files = 0, limit = page->columns ? room(page, LABEL + 2) : 100;

	for (size_t i = first; i < end; i++) {
		_cleanup_(seep_str_deinit) struct seep_str file = {};
		size_t width = frames[i].function ? seep_style_width(frames[i].function) : 0;

		if (frames[i].file)
			seep_style_file(&file, frames[i].file, frames[i].line, page->goroot, 0);
		size_t file_width = seep_style_width(seep_str_text(&file));
		pad = width > pad ? width : pad;
		files = file_width > files ? file_width : files;
	}
	return pad < limit && (page->columns == 0 || pad + 2 + files <= limit) ? pad : 0;
}

static void add_note(struct page *page, size_t n, const char *one, const char *many)
{
	_cleanup_(seep_str_deinit) struct seep_str note = {};

	seep_str_addf(&note, "(%zu %s)", n, n == 1 ? one : many);
	seep_style_spaces(&page->str, LABEL + 2);
	add_ink(page, SEEP_INK_DIM, seep_str_text(&note));
	seep_str_add(&page->str, "\n");
	page->str.failed |= note.failed;
}

static void add_stack(struct page *page, const struct seep_finding_goroutine *goroutine)
{
	const struct seep_frame_text *frames = goroutine->frames;
	size_t first = 0, end = goroutine->frame_count;

	add_goroutine_line(page, goroutine);
	if (!page->verbose) {
		while (first < end && is_runtime(&frames[first]))
			first++;
		while (end > first && is_runtime(&frames[end - 1]))
			end--;
		if (first == end) // nothing but the runtime: then that
			first = 0, end = goroutine->frame_count;
		else if (first)
			add_note(page, first, "runtime frame", "runtime frames");
	}
	size_t hidden = !page->verbose && end - first > FRAMES ? end - first - FRAMES : 0;
	size_t pad = stack_pad(page, frames, first, end - hidden);
	for (size_t i = first; i < end - hidden; i++) {
		seep_style_spaces(&page->str, LABEL + 2);
		add_place(page, &frames[i], LABEL + 2, pad,
			  is_runtime(&frames[i]) ? SEEP_INK_DIM : SEEP_INK_PLAIN);
	}
	if (hidden)
		add_note(page, hidden, "more frame", "more frames");
}

static void add_title(struct page *page, size_t number, const struct seep_finding *finding)
{
	_cleanup_(seep_str_deinit) struct seep_str title = {};

	seep_str_addf(&page->str, "%zu. ", number);
	add_ink(page, verdict_ink(finding->verdict), seep_verdict_name(finding->verdict));
	seep_str_add(&title, " ");
	seep_style_text(&title, finding->cause ? finding->cause : "unknown", 40);
	add_ink(page, SEEP_INK_BOLD, seep_str_text(&title));
	seep_str_add(&page->str, "  ");
	seep_style_count(&page->str, finding->count);
	seep_str_addf(&page->str, " goroutine%s", plural(finding->count));
	if (finding->retained_bytes) {
		seep_str_add(&page->str, ", holding ");
		seep_style_bytes(&page->str, finding->retained_bytes);
	}
	if (finding->age_ns) {
		seep_str_add(&page->str, ", for at least ");
		seep_style_duration(&page->str, finding->age_ns);
	}
	seep_str_add(&page->str, "\n");
	page->str.failed |= title.failed;
}

static void add_finding(struct page *page, size_t number, const struct seep_finding *finding)
{
	size_t why = finding->why.len, stacks = finding->goroutines.len;

	seep_str_add(&page->str, "\n");
	add_title(page, number, finding);
	if (finding->summary) {
		seep_style_spaces(&page->str, 3);
		add_prose(page, finding->summary, 3, 3);
		seep_str_add(&page->str, "\n");
	}
	add_labelled_place(page, "where", &finding->where, SEEP_INK_BOLD);
	add_labelled_place(page, "created by", &finding->created, SEEP_INK_PLAIN);
	if (!page->verbose && why > WHY)
		why = WHY;
	for (size_t i = 0; i < why; i++) {
		if (!finding->why.data[i])
			continue;
		add_label(page, i == 0 ? "why" : "");
		seep_str_add(&page->str, "- ");
		add_prose(page, finding->why.data[i], LABEL + 2, LABEL + 2);
		seep_str_add(&page->str, "\n");
	}
	if (finding->why.len > why)
		add_note(page, finding->why.len - why, "more with -v", "more with -v");
	if (finding->fix) {
		add_label(page, "fix");
		add_prose(page, finding->fix, LABEL, LABEL);
		seep_str_add(&page->str, "\n");
	}
	if (stacks > SEEP_FINDING_GOROUTINES_MAX)
		stacks = SEEP_FINDING_GOROUTINES_MAX;
	if (!page->verbose && stacks > 1)
		stacks = 1;
	for (size_t i = 0; i < stacks; i++) {
		add_label(page, i == 0 ? "stack" : "");
		add_stack(page, &finding->goroutines.data[i]);
	}
	if (page->verbose && finding->count > stacks && stacks)
		add_note(page, finding->count - stacks, "more goroutine", "more goroutines");
}

/** "6. proven      send-blocked      12 goroutines    1.2 MiB  main.f  main.go:7". */
static void add_folded(struct page *page, size_t number, const struct seep_finding *finding)
{
	_cleanup_(seep_str_deinit) struct seep_str amount = {}, cause = {};
	size_t start = page->str.len;

	seep_str_addf(&page->str, "%zu. ", number);
	ink_on(page, verdict_ink(finding->verdict));
	seep_str_add(&page->str, seep_verdict_name(finding->verdict));
	ink_off(page, verdict_ink(finding->verdict));
	seep_style_text(&cause, finding->cause ? finding->cause : "unknown", 16);
	seep_style_count(&amount, finding->count);
	seep_str_addf(&amount, " goroutine%s", plural(finding->count));
	if (finding->retained_bytes) {
		seep_str_add(&amount, ", ");
		seep_style_bytes(&amount, finding->retained_bytes);
	}
	size_t name = strlen(seep_verdict_name(finding->verdict));
	seep_style_spaces(&page->str, name < 10 ? 11 - name : 1);
	seep_str_addf(&page->str, "%-16s ", seep_str_text(&cause));
	page->str.failed |= amount.failed || cause.failed;
	size_t at = page->str.failed ? 0 : seep_style_width(page->str.text + start);
	if (page->color)
		at -= strlen(seep_style_on(verdict_ink(finding->verdict), true)) +
		      strlen(seep_style_off(SEEP_INK_BAD, true));
	seep_str_add(&page->str, seep_str_text(&amount));
	if (page->columns && page->columns < at + 70) {
		at = LABEL;
		seep_str_add(&page->str, "\n");
		seep_style_spaces(&page->str, at);
	} else {
		size_t width = seep_style_width(seep_str_text(&amount));

		at += 28;
		seep_style_spaces(&page->str, width < 26 ? 28 - width : 2);
	}
	add_place(page, &finding->where, at, 0, SEEP_INK_PLAIN);
}

static void add_findings(struct page *page)
{
	const struct seep_report *report = page->report;
	size_t len = report->findings.len, full = len < page->top ? len : page->top;

	for (size_t i = 0; i < full; i++)
		add_finding(page, i + 1, &report->findings.data[i]);
	if (len > full) {
		seep_str_addf(&page->str, "\n%zu more (--top %zu shows them in full):\n",
			      len - full, len);
		for (size_t i = full; i < len; i++)
			add_folded(page, i + 1, &report->findings.data[i]);
	}
	if (len) {
		const struct seep_finding *first = &report->findings.data[0];

		seep_str_addf(&page->str, "\nMore: seep explain %s, seep explain %s\n",
			      first->cause ? first->cause : "", seep_verdict_name(first->verdict));
	}
}

static void add_caveats(struct page *page)
{
	const struct seep_report *report = page->report;

	if (report->caveats.len == 0)
		return;
	seep_str_add(&page->str, "\n");
	add_ink(page, SEEP_INK_BOLD, "Mind:");
	seep_str_add(&page->str, "\n");
	seep_vec_foreach(caveat, &report->caveats) {
		seep_str_add(&page->str, " - ");
		add_prose(page, *caveat, 3, 3);
		seep_str_add(&page->str, "\n");
	}
}

struct seep_error *seep_report_write_text(const struct seep_report *report,
					  const struct seep_report_options *options, FILE *file)
{
	_cleanup_free_ char *goroot = find_goroot(report);
	struct page page = {
		.report = report,
		.color = options->color,
		.verbose = options->verbose,
		.columns = options->columns > 0 ? (size_t)options->columns : 0,
		.top = options->top ? options->top : DEFAULT_TOP,
		.goroot = goroot,
	};

	if (page.columns && page.columns < 40)
		page.columns = 40;
	add_target(&page);
	add_capture(&page);
	add_states(&page);
	add_heap(&page);
	seep_str_add(&page.str, "\n");
	add_verdict_line(&page);
	add_findings(&page);
	add_caveats(&page);
	struct seep_error *err =
		page.str.failed ? &seep_enomem : seep_report_put(file, page.str.text, page.str.len);
	seep_str_deinit(&page.str);
	return err;
}
