// What is not listed because somebody said that it is known: a line in the verdict, and who said so.
//
//	Not counted, as known: 3 findings, 62.0 KiB, by rules; 2 findings, 16.0 MiB, in the baseline.
//
//	Suppressed, with why:
//	 2 findings, 60.0 KiB  leaks.supp:7: goes with the rewrite, OPS-1423
//	   proven     send-blocked       24 goroutines  61.4 KiB  main.search ...      with -v
#include "report/text.h"
#include "report/wording.h"

#include <string.h>

enum { RULES = 10 }; // told unless verbose

/** Suppressed findings by one rule, by all rules, or by the baseline. */
struct share {
	uint64_t findings, bytes;
};

static void count_in(struct share *share, const struct seep_suppressed *suppressed)
{
	uint64_t bytes = seep_finding_bytes(&suppressed->finding);

	share->findings++;
	share->bytes = share->bytes > UINT64_MAX - bytes ? UINT64_MAX : share->bytes + bytes;
}

static void add_share(struct seep_str *str, const struct share *share)
{
	seep_style_counted(str, share->findings, "finding");
	if (share->bytes) {
		seep_str_add(str, ", ");
		seep_style_bytes(str, share->bytes);
	}
}

void seep_text_suppressed_sum(struct seep_page *page)
{
	_cleanup_(seep_str_deinit) struct seep_str line = {};
	struct share rules = {}, baseline = {};

	seep_vec_foreach(suppressed, &page->report->suppressed)
		count_in(suppressed->rule ? &rules : &baseline, suppressed);
	if (!rules.findings && !baseline.findings)
		return;
	seep_str_add(&line, "Known already, and not counted: ");
	if (rules.findings) {
		add_share(&line, &rules);
		seep_str_add(&line, ", by --suppress");
	}
	if (baseline.findings) {
		seep_str_add(&line, rules.findings ? "; " : "");
		add_share(&line, &baseline);
		seep_str_add(&line, ", by --baseline");
	}
	seep_str_add(&line, ".");
	seep_page_wrap(page, &line, 0, 2);
}

static bool same_rule(const struct seep_suppressed *a, const struct seep_suppressed *b)
{
	return a->rule && b->rule ? strcmp(a->rule, b->rule) == 0 : a->rule == b->rule;
}

/** Whether an earlier one is by the same rule. */
static bool is_told(const struct seep_report *report, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same_rule(&report->suppressed.data[k], &report->suppressed.data[i]))
			return true;
	return false;
}

/** What one rule suppresses: that of suppressed finding i and all later ones. */
static void add_rule(struct seep_page *page, size_t i)
{
	const struct seep_report *report = page->report;
	const struct seep_suppressed *first = &report->suppressed.data[i];
	_cleanup_(seep_str_deinit) struct seep_str line = {};
	struct share share = {};

	for (size_t k = i; k < report->suppressed.len; k++)
		if (same_rule(first, &report->suppressed.data[k]))
			count_in(&share, &report->suppressed.data[k]);
	seep_str_add(&line, " - ");
	add_share(&line, &share);
	seep_str_add(&line, ": ");
	seep_wording_suppressed(&line, first);
	seep_page_wrap(page, &line, 0, 3);
	for (size_t k = i; page->verbose && k < report->suppressed.len; k++)
		if (same_rule(first, &report->suppressed.data[k]))
			seep_text_finding_line(page, &report->suppressed.data[k].finding);
}

void seep_text_suppressed(struct seep_page *page)
{
	const struct seep_report *report = page->report;
	size_t rules = 0;

	if (!report->suppressed.len)
		return;
	seep_page_add(page, "\n");
	seep_page_ink(page, SEEP_INK_BOLD, "Known already, and why:");
	seep_page_add(page, "\n");
	for (size_t i = 0; i < report->suppressed.len; i++)
		if (!is_told(report, i) && (rules++ < RULES || page->verbose))
			add_rule(page, i);
	if (rules > RULES && !page->verbose)
		seep_page_note(page, rules - RULES, "more rule with -v", "more rules with -v");
}
