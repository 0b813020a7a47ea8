/**
 * A report for people while it is put together: one string, what to cut and wrap it to, and the lines
 * that several parts of it consist of.
 *
 * Everything of the target is escaped on its way in. Failures stick in page->str.failed and are looked
 * at once, by seep_page_finish(), so that a report is whole or an error.
 */
#ifndef SEEP_REPORT_PAGE_H
#define SEEP_REPORT_PAGE_H

#include "report/report.h"
#include "report/style.h"

enum {
	SEEP_PAGE_LABEL = 15, /** columns before the text of a labelled line */
	SEEP_PAGE_HEAD = 12, /** columns before the text of a line of the header */
};

struct seep_page {
	struct seep_str str;
	const struct seep_report *report;
	bool color, verbose, all;
	size_t columns; /** 0 = no terminal: do not wrap */
	size_t top; /** findings in full */
	char *goroot; /** as the runtime's own frames tell it; NULL if they do not */
	const char *only; /** causes the report is limited to; NULL = all */
};

void seep_page_init(struct seep_page *page, const struct seep_report *report,
		    const struct seep_report_options *options);
/** Writes the page to file and ends it. */
struct seep_error *seep_page_finish(struct seep_page *page, FILE *file) _must_check_;

/** Adds seep's own text. */
void seep_page_add(struct seep_page *page, const char *text);
void seep_page_ink(struct seep_page *page, enum seep_ink ink, const char *text);
void seep_page_ink_on(struct seep_page *page, enum seep_ink ink);
void seep_page_ink_off(struct seep_page *page, enum seep_ink ink);
/** Columns left for a name that starts at column `at`, or what is bearable where there is no terminal. */
size_t seep_page_room(const struct seep_page *page, size_t at);

/** Adds str, which is escaped, wrapped from column `at`, and a new line; takes over its failure. */
void seep_page_wrap(struct seep_page *page, const struct seep_str *str, size_t at, size_t indent);
/** A sentence, escaped, cut if absurd, wrapped; the cursor stands at column `at`. No new line. */
void seep_page_prose(struct seep_page *page, const char *text, size_t at, size_t indent);
/** "   where       ". */
void seep_page_label(struct seep_page *page, const char *label);
/** "(3 runtime frames)", a line of its own. */
void seep_page_note(struct seep_page *page, size_t n, const char *one, const char *many);
/**
 * "main.producers.func1  /src/main.go:21" from column `at` and a new line; on two lines when one is
 * too short. The file stands at column at + pad or later.
 */
void seep_page_place(struct seep_page *page, const struct seep_frame_text *frame, size_t at,
		     size_t pad, enum seep_ink ink);
/** The lines of a stack, innermost first; unless verbose without the runtime's own, and not all of a deep one. */
void seep_page_frames(struct seep_page *page, const struct seep_frame_text *frames, size_t len);
/**
 * "main.cache → [key] → .session → .buf", wrapped before an arrow, from column `at`. Repetitions are
 * counted and the middle of a long path is left out. No new line. */
void seep_page_path(struct seep_page *page, const char *const *path, size_t len, size_t at,
		    size_t indent);

/** Whether the frame is one of the runtime's own below or above the program's. */
bool seep_page_is_runtime(const struct seep_frame_text *frame);

#endif
