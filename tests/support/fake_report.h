/** Reports made by hand, for the tests of what is made from them. */
#ifndef SEEP_TESTS_FAKE_REPORT_H
#define SEEP_TESTS_FAKE_REPORT_H

#include "detect/findings.h"

/** A service with seven sites that leak, one of them suspected only. */
void fake_report_leaky(struct seep_report *ret);
/**
 * The same service, which also holds memory for nothing, in as many ways; with all that is known of
 * its memory and who holds it.
 */
void fake_report_memory(struct seep_report *ret);
/**
 * The first service once more: two findings are suppressed by a rule, one is known by the baseline, and one of those that are left is
 * labelled.
 */
void fake_report_known(struct seep_report *ret);
/** A service of which nothing is known but that a map looks too large. */
void fake_report_suspect(struct seep_report *ret);
/** A service without a leak. */
void fake_report_clean(struct seep_report *ret);
/**
 * Names with control characters, escape sequences, invalid UTF-8, text that turns round, and of
 * absurd length.
 */
void fake_report_hostile(struct seep_report *ret);

/**
 * Compares text with tests/golden/name and fails the running test with both when they differ. With
 * SEEP_UPDATE in the environment, writes the file instead.
 */
void golden_check(const char *name, const char *text);

#endif
