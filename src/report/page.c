// The lines that a report for people consists of: see page.h.
#include "report/page.h"

#include "report/internal.h"

#include <inttypes.h>
#include <string.h>

enum {
	DEFAULT_TOP = 5,
	COLUMNS_MIN = 40,
	FRAMES = 8, // frames shown of a stack
	PROSE_MAX = 700, // columns of one sentence
	NAME_MAX = 160, // columns of a name where no terminal limits it
	PATH_HEAD = 8, // steps shown of a path that is too long, from its root
	PATH_HEAD_VERBOSE = 40,
	PATH_TAIL = 6, // and to its end
	STEP_MAX = 80, // columns of one step
};

void seep_page_add(struct seep_page *page, const char *text)
{
	seep_str_add(&page->str, text);
}

void seep_page_ink(struct seep_page *page, enum seep_ink ink, const char *text)
{
	seep_style_add(&page->str, ink, page->color, text);
}

void seep_page_ink_on(struct seep_page *page, enum seep_ink ink)
{
	seep_str_add(&page->str, seep_style_on(ink, page->color));
}

void seep_page_ink_off(struct seep_page *page, enum seep_ink ink)
{
	seep_str_add(&page->str, seep_style_off(ink, page->color));
}

size_t seep_page_room(const struct seep_page *page, size_t at)
{
	if (page->columns == 0)
		return NAME_MAX;
	return page->columns > at + 20 ? page->columns - at : 20;
}

bool seep_page_is_runtime(const struct seep_frame_text *frame)
{
	const char *f = frame->function;

	return f && (seep_has_prefix(f, "runtime.") || seep_has_prefix(f, "internal/runtime/") ||
		     seep_has_prefix(f, "sync.runtime_") ||
		     seep_has_prefix(f, "internal/sync.runtime_") ||
		     seep_has_prefix(f, "internal/poll.runtime_"));
}

/** The folder that a frame of the runtime was compiled in; NULL if the frame does not tell. */
static char *goroot_of(const struct seep_frame_text *frames, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!frames[i].file || frames[i].file[0] != '/' ||
		    !seep_page_is_runtime(&frames[i]))
			continue;
		const char *src = strstr(frames[i].file, "/src/runtime/");
		if (src)
			return strndup(frames[i].file, (size_t)(src - frames[i].file));
	}
	return NULL;
}

/**
 * Where the Go release was installed when the program was built, told by the path of any frame of
 * the runtime.
 */
static char *find_goroot(const struct seep_report *report)
{
	seep_vec_foreach(finding, &report->findings) {
		char *goroot = goroot_of(finding->allocated, finding->allocated_count);

		for (size_t i = 0; !goroot && i < finding->goroutines.len; i++)
			goroot = goroot_of(finding->goroutines.data[i].frames,
					   finding->goroutines.data[i].frame_count);
		if (goroot)
			return goroot;
	}
	return NULL;
}

void seep_page_init(struct seep_page *page, const struct seep_report *report,
		    const struct seep_report_options *options)
{
	*page = (struct seep_page){
		.report = report,
		.color = options->color,
		.verbose = options->verbose,
		.all = options->all,
		.columns = options->columns > 0 ? (size_t)options->columns : 0,
		.top = options->top ? options->top : DEFAULT_TOP,
		.goroot = find_goroot(report),
		.only = options->only,
	};
	if (page->columns && page->columns < COLUMNS_MIN)
		page->columns = COLUMNS_MIN;
}

struct seep_error *seep_page_finish(struct seep_page *page, FILE *file)
{
	struct seep_error *err =
		page->str.failed ? &seep_enomem :
				   seep_report_put(file, seep_str_text(&page->str), page->str.len);

	seep_str_deinit(&page->str);
	free(page->goroot);
	page->goroot = NULL;
	return err;
}

void seep_page_wrap(struct seep_page *page, const struct seep_str *str, size_t at, size_t indent)
{
	seep_style_wrap(&page->str, seep_str_text(str), at, indent, page->columns);
	seep_page_add(page, "\n");
	page->str.failed |= str->failed;
}

void seep_page_prose(struct seep_page *page, const char *text, size_t at, size_t indent)
{
	_cleanup_(seep_str_deinit) struct seep_str safe = {};

	seep_style_text(&safe, text, PROSE_MAX);
	seep_style_wrap(&page->str, seep_str_text(&safe), at, indent, page->columns);
	page->str.failed |= safe.failed;
}

void seep_page_label(struct seep_page *page, const char *label)
{
	size_t width = strlen(label);

	seep_style_spaces(&page->str, 3);
	seep_page_ink(page, width ? SEEP_INK_DIM : SEEP_INK_PLAIN, label);
	seep_style_spaces(&page->str,
			  width < SEEP_PAGE_LABEL - 3 ? SEEP_PAGE_LABEL - 3 - width : 1);
}

void seep_page_note(struct seep_page *page, size_t n, const char *one, const char *many)
{
	_cleanup_(seep_str_deinit) struct seep_str note = {};

	seep_str_add(&note, "(");
	seep_style_count(&note, n);
	seep_str_addf(&note, " %s)", n == 1 ? one : many);
	seep_style_spaces(&page->str, SEEP_PAGE_LABEL + 2);
	seep_page_ink(page, SEEP_INK_DIM, seep_str_text(&note));
	seep_page_add(page, "\n");
	page->str.failed |= note.failed;
}

void seep_page_place(struct seep_page *page, const struct seep_frame_text *frame, size_t at,
		     size_t pad, enum seep_ink ink)
{
	_cleanup_(seep_str_deinit) struct seep_str function = {}, file = {};
	size_t left = seep_page_room(page, at);

	seep_style_function(&function, frame->function ? frame->function : "(unknown function)",
			    left);
	size_t width = seep_style_width(seep_str_text(&function));
	seep_page_ink(page, ink, seep_str_text(&function));
	if (frame->file) {
		seep_style_file(&file, frame->file, frame->line, page->goroot, left - 2);
		size_t gap = pad > width ? pad - width : 0;
		if (page->columns == 0 ||
		    width + gap + 2 + seep_style_width(seep_str_text(&file)) <= left) {
			seep_style_spaces(&page->str, gap + 2);
		} else {
			seep_page_add(page, "\n");
			seep_style_spaces(&page->str, at + 2);
		}
		seep_page_add(page, seep_str_text(&file));
	}
	seep_page_add(page, "\n");
	page->str.failed |= function.failed || file.failed;
}

/**
 * The column behind the widest function among frames [first, end), for the files to stand in; 0 if
 * they do not fit there.
 */
static size_t stack_pad(const struct seep_page *page, const struct seep_frame_text *frames,
			size_t first, size_t end)
{
	size_t pad = 0, files = 0,
	       limit = page->columns ? seep_page_room(page, SEEP_PAGE_LABEL + 2) : 100;

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

void seep_page_frames(struct seep_page *page, const struct seep_frame_text *frames, size_t len)
{
	size_t first = 0, end = len;

	if (!page->verbose) {
		while (first < end && seep_page_is_runtime(&frames[first]))
			first++;
		while (end > first && seep_page_is_runtime(&frames[end - 1]))
			end--;
		if (first == end) // nothing but the runtime: then that
			first = 0, end = len;
		else if (first)
			seep_page_note(page, first, "runtime frame", "runtime frames");
	}
	size_t hidden = !page->verbose && end - first > FRAMES ? end - first - FRAMES : 0;
	size_t pad = stack_pad(page, frames, first, end - hidden);
	for (size_t i = first; i < end - hidden; i++) {
		seep_style_spaces(&page->str, SEEP_PAGE_LABEL + 2);
		seep_page_place(page, &frames[i], SEEP_PAGE_LABEL + 2, pad,
				seep_page_is_runtime(&frames[i]) ? SEEP_INK_DIM : SEEP_INK_PLAIN);
	}
	if (hidden)
		seep_page_note(page, hidden, "more frame", "more frames");
}

/** One step of a path, on a line of its own if the one it would be on is too long. Moves *at. */
static void add_step(struct seep_page *page, const char *step, bool first, size_t *at,
		     size_t indent)
{
	// An arrow is one column and three bytes.
	size_t width = seep_style_width(step) + (first ? 0 : 2);

	if (!first && page->columns && *at + 1 + width > page->columns) {
		seep_page_add(page, "\n");
		seep_style_spaces(&page->str, indent);
		*at = indent;
	} else if (!first) {
		seep_page_add(page, " ");
		*at += 1;
	}
	if (!first)
		seep_page_add(page, "\xe2\x86\x92 ");
	seep_page_add(page, step);
	*at += width;
}

void seep_page_path(struct seep_page *page, const char *const *path, size_t len, size_t at,
		    size_t indent)
{
	size_t head = page->verbose ? PATH_HEAD_VERBOSE : PATH_HEAD;
	bool first = true;

	for (size_t i = 0, shown = 0; i < len; shown++) {
		_cleanup_(seep_str_deinit) struct seep_str step = {};
		size_t same = 1;

		while (i + same < len && path[i] && path[i + same] &&
		       strcmp(path[i], path[i + same]) == 0)
			same++;
		if (shown == head && len - i > PATH_TAIL + 1) {
			seep_str_add(&step, "(");
			seep_style_count(&step, len - i - PATH_TAIL);
			seep_str_add(&step, " more)");
			i = len - PATH_TAIL;
		} else {
			seep_style_text(&step, path[i] ? path[i] : "?",
					page->columns ? seep_page_room(page, indent + 4) :
							STEP_MAX);
			if (same > 2) {
				seep_str_add(&step, " (");
				seep_style_count(&step, same);
				seep_str_add(&step, " times)");
			} else {
				same = 1;
			}
			i += same;
		}
		add_step(page, seep_str_text(&step), first, &at, indent);
		page->str.failed |= step.failed;
		first = false;
	}
}
