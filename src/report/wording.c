// What several formats say in the same words: see wording.h.
#include "report/wording.h"

#include "detect/detect.h"
#include "detect/growth.h"
#include "report/cause_pages.h"
#include "report/style.h"

#include <string.h>

const char *seep_wording_noun(const struct seep_finding *finding)
{
	return finding->noun ? finding->noun : "goroutine";
}

/** Whether both would read the same, or nearly: then one of them is enough. */
static bool same_amount(const struct seep_finding *finding)
{
	uint64_t retained = finding->retained_bytes, wasted = finding->wasted_bytes;

	return wasted && wasted <= retained && retained - wasted <= retained / 100;
}

void seep_wording_amount(struct seep_str *str, const struct seep_finding *finding)
{
	seep_style_counted(str, finding->count, seep_wording_noun(finding));
	// All of it, part of it, or something besides it may be held for nothing.
	if (finding->retained_bytes && !same_amount(finding)) {
		seep_str_add(str, ", holding ");
		seep_style_bytes(str, finding->retained_bytes);
	}
	if (finding->wasted_bytes) {
		bool part = finding->retained_bytes && !same_amount(finding);

		seep_str_add(str, part ? ", " : ", holding ");
		seep_style_bytes(str, finding->wasted_bytes);
		seep_str_add(str, part ? " of it for nothing" : " for nothing");
	}
	if (finding->age_ns) {
		seep_str_add(str, ", for at least ");
		seep_style_duration(str, finding->age_ns);
	}
}

bool seep_wording_is_leak(const struct seep_finding *finding)
{
	return finding->verdict <= SEEP_VERDICT_SUSPECT;
}

bool seep_wording_is_leaked(const struct seep_finding *finding)
{
	return finding->verdict <= SEEP_VERDICT_ABANDONED;
}

uint64_t seep_wording_leaked(const struct seep_finding *finding)
{
	if (!seep_wording_is_leaked(finding))
		return 0;
	// What counts something else lists the goroutines that it is about.
	return finding->noun ? finding->goroutines.len : finding->count;
}

bool seep_wording_looked_for(const struct seep_cause_page *page, const char *only)
{
	return strcmp(page->name, SEEP_GROWTH_CAUSE) != 0 &&
	       seep_detect_is_listed(only, page->name);
}

void seep_wording_title(struct seep_str *str, const struct seep_cause_page *page)
{
	size_t len = strcspn(page->text, "\n");
	const char *colon = memchr(page->text, ':', len);

	if (colon && colon[1] == ' ')
		seep_str_add_bytes(str, colon + 2, len - (size_t)(colon + 2 - page->text));
}

void seep_wording_suppressed(struct seep_str *str, const struct seep_suppressed *suppressed)
{
	seep_style_text(str, suppressed->rule ? suppressed->reason : "known from the baseline",
			400);
	if (suppressed->rule) {
		seep_str_add(str, " (");
		seep_style_text(str, suppressed->rule, 200);
		seep_str_add(str, ")");
	}
}

bool seep_wording_left_out(const struct seep_report *report, const char *cause)
{
	seep_vec_foreach(left_out, &report->left_out)
		if (strcmp(*left_out, cause) == 0)
			return true;
	return false;
}
