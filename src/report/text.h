/** The parts of the report for people, one file each, in the order in which they stand. */
#ifndef SEEP_REPORT_TEXT_H
#define SEEP_REPORT_TEXT_H

#include "report/page.h"

/** The program, the pause, goroutines, heap, memory, and an empty line. */
void seep_text_header(struct seep_page *page);
/** What was found, in a few lines that can be read alone. */
void seep_text_verdict(struct seep_page *page);
/** An overview where there are many; the largest in full. */
void seep_text_findings(struct seep_page *page);
/** A finding on one line, indented and without a number. */
void seep_text_finding_line(struct seep_page *page, const struct seep_finding *finding);
/** How much is known already and not listed, if anything; and by which rules. */
void seep_text_suppressed_sum(struct seep_page *page);
void seep_text_suppressed(struct seep_page *page);
/** Who holds the heap, leak or not. */
void seep_text_holders(struct seep_page *page);

/** What holds most, by type, package variable and goroutine. */
void seep_text_top(struct seep_page *page);
/** Objects, and how they are reached. */
void seep_text_paths(struct seep_page *page);

#endif
