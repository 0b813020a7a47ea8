/**
 * Which of the findings are known already: the stage between the detectors and the report. It decides nothing about leaks; what it
 * takes from the list of findings it counts in the report's list of suppressed ones, with who said so.
 */
#ifndef SEEP_SIFT_SIFT_H
#define SEEP_SIFT_SIFT_H

#include "sift/baseline.h"
#include "sift/rules.h"

/** What is known. Zero-initialised is nothing. */
struct seep_sift {
	struct seep_rules rules; /** what they match is suppressed */
	struct seep_rules known; /** what they match is labelled, never suppressed */
	struct seep_baseline baseline;
	uint32_t today; /** as 20270131: rules that ended before suppress nothing */
};

/** Adds the shipped list to sift->known. */
struct seep_error *seep_sift_read_known(struct seep_sift *sift, seep_is_cause *is_cause)
	_must_check_;
/**
 * Goes through the report's findings. Rules are asked before the baseline, each finding goes to the first that matches.
 * Errors: USAGE if the baseline is of another program.
 */
struct seep_error *seep_sift_apply(const struct seep_sift *sift, struct seep_report *report)
	_must_check_;
void seep_sift_deinit(struct seep_sift *sift);

#endif
