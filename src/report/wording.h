/** What several formats say of findings and causes, in the same words; all text escaped. */
#ifndef SEEP_REPORT_WORDING_H
#define SEEP_REPORT_WORDING_H

#include "base/str.h"
#include "report/report.h"

struct seep_cause_page;

/** What the finding's count counts, in the singular. */
const char *seep_wording_noun(const struct seep_finding *finding);
/** "24 goroutines, holding 61.4 KiB, for at least 3h12m". */
void seep_wording_amount(struct seep_str *str, const struct seep_finding *finding);
/** Whether it is one of a leak, if only a suspected one: not what merely waits. */
bool seep_wording_is_leak(const struct seep_finding *finding);
/** Whether it says that goroutines will never run on. */
bool seep_wording_is_leaked(const struct seep_finding *finding);
/** How many goroutines will never run on according to it. */
uint64_t seep_wording_leaked(const struct seep_finding *finding);
/** Whether the cause of the page was looked for by an inspection that is limited to `only`, NULL = all. */
bool seep_wording_looked_for(const struct seep_cause_page *page, const char *only);
/** What follows "# name: " in a page's first line. */
void seep_wording_title(struct seep_str *str, const struct seep_cause_page *page);
/** "goes with the rewrite, OPS-1423 (leaks.supp:7)", or that the baseline has it. */
void seep_wording_suppressed(struct seep_str *str, const struct seep_suppressed *suppressed);
/** Whether that cause was not looked for, for want of memory. */
bool seep_wording_left_out(const struct seep_report *report, const char *cause);

#endif
