/** The words for what goroutines wait for: evidence lines, one-line summaries and fixes. No decisions. */
#ifndef SEEP_DETECT_EXPLAIN_WAIT_H
#define SEEP_DETECT_EXPLAIN_WAIT_H

#include "detect/detect.h"

/**
 * Where it blocks, for people: the innermost frame outside Go's standard library; if all of the stack is the library's,
 * the innermost one outside runtime, sync and iter; else the `go` statement. Function NULL if unknown.
 */
struct seep_frame_text seep_text_blocked_at(const struct seep_view *view,
					    const struct seep_goroutine *g);
/** "sleep" of main._Cfunc_sleep, which stands for a call into C; NULL for what is no such stub of cgo's. Borrowed. */
const char *seep_text_c_function(const char *function);
/** The `go` statement; function NULL if unknown (main, or a C thread's). */
struct seep_frame_text seep_text_created_at(const struct seep_view *view,
					    const struct seep_goroutine *g);
/** Where the function at that pc begins, in the source; function NULL if there is none. */
struct seep_frame_text seep_text_function(const struct seep_view *view, seep_addr pc);
/** The same with strings that the report owns: those above are borrowed from the executable. */
struct seep_frame_text seep_text_own(struct seep_report *report, struct seep_frame_text frame);
/** Id, state, what it waits for and the stack. */
struct seep_error *seep_text_goroutine(const struct seep_view *view, struct seep_report *report,
				       const struct seep_goroutine *g,
				       struct seep_finding_goroutine *ret) _must_check_;
/**
 * Fills finding->stacks with those of the n goroutines, in the order in which they first stand there; the goroutines of more than
 * SEEP_FINDING_STACKS_MAX stacks are not in it.
 */
struct seep_error *seep_text_stacks(const struct seep_view *view, struct seep_report *report,
				    const uint32_t *members, size_t n, struct seep_finding *finding)
	_must_check_;
/** "chan *main.job" for a channel that can be read, else NULL. Owned by the report. */
const char *seep_text_channel_type(const struct seep_view *view, struct seep_report *report,
				   seep_addr channel);
/** Adds evidence about one channel: what it is, who waits there. */
void seep_text_channel(const struct seep_view *view, struct seep_report *report,
		       struct seep_finding *finding, const struct seep_wait *wait);
/** Adds evidence about a lock: state, holders, candidates. */
void seep_text_lock(const struct seep_view *view, struct seep_report *report,
		    struct seep_finding *finding, const struct seep_goroutine *g);
/** Adds a formatted line to the finding's evidence. */
void seep_text_why(struct seep_report *report, struct seep_finding *finding, const char *format,
		   ...) _printf_(3, 4);
/** What first reached what g waits for, for verdict `waiting`. */
const char *seep_text_root(const struct seep_view *view, struct seep_report *report,
			   const struct seep_root *root);

#endif
