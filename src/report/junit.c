// The report as JUnit XML, for continuous integration: a test case for each cause that was looked for, with a failure
// for each of its findings. A cause that memory did not suffice for is skipped, and not a success; nor is one that has only findings that
// are known already.
//
// All text is escaped as for a terminal first, so that no character is left that XML cannot have, and then for XML.
#include "report/cause_pages.h"
#include "report/internal.h"
#include "report/style.h"
#include "report/wording.h"

#include <inttypes.h>
#include <string.h>

/** Adds text that is escaped for a terminal. */
static void add_xml(struct seep_str *str, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			seep_str_add(str, "&lt;");
			break;
		case '>':
			seep_str_add(str, "&gt;");
			break;
		case '&':
			seep_str_add(str, "&amp;");
			break;
		case '"':
			seep_str_add(str, "&quot;");
			break;
		default:
			seep_str_add_bytes(str, text, 1);
		}
	}
}

static void add_escaped(struct seep_str *str, const char *text)
{
	_cleanup_(seep_str_deinit) struct seep_str safe = {};

	if (text)
		seep_str_add_escaped(&safe, text, strlen(text));
	add_xml(str, seep_str_text(&safe));
	str->failed |= safe.failed;
}

/** A line of text from the target. */
static void add_line(struct seep_str *str, const char *label, const char *text)
{
	if (!text || !*text)
		return;
	seep_str_addf(str, "%-12s", label);
	add_escaped(str, text);
	seep_str_add(str, "\n");
}

static void add_place(struct seep_str *str, const char *label, const struct seep_frame_text *frame)
{
	_cleanup_(seep_str_deinit) struct seep_str place = {};

	if (!frame->function && !frame->file)
		return;
	seep_str_add(&place, frame->function ? frame->function : "?");
	if (frame->file)
		seep_str_addf(&place, "  %s:%d", frame->file, frame->line);
	add_line(str, label, seep_str_text(&place));
	str->failed |= place.failed;
}

static void add_body(struct seep_str *str, const struct seep_finding *finding)
{
	char signature[20];

	add_escaped(str, finding->summary);
	seep_str_add(str, "\n");
	add_place(str, "where", &finding->where);
	add_place(str, "created by", &finding->created);
	add_line(str, "held by", finding->holder);
	seep_vec_foreach(why, &finding->why)
		add_line(str, "why", *why);
	add_line(str, "fix", finding->fix);
	add_line(str, "known", finding->known);
	snprintf(signature, sizeof(signature), "%016" PRIx64, finding->signature);
	add_line(str, "signature", signature);
	if (finding->goroutines.len) {
		const struct seep_finding_goroutine *first = &finding->goroutines.data[0];
		for (size_t i = 0; i < first->frame_count; i++)
			add_place(str, i ? "" : "stack", &first->frames[i]);
	}
}

static void add_failure(struct seep_str *str, const struct seep_finding *finding)
{
	_cleanup_(seep_str_deinit) struct seep_str message = {};

	seep_wording_amount(&message, finding);
	seep_str_addf(str, "      <failure type=\"%s\" message=\"",
		      seep_verdict_name(finding->verdict));
	add_xml(str, seep_str_text(&message));
	if (finding->where.file || finding->holder) {
		seep_str_add(str, ": ");
		add_escaped(str, finding->where.file ? finding->where.file : finding->holder);
		if (finding->where.file)
			seep_str_addf(str, ":%d", finding->where.line);
	}
	seep_str_add(str, "\">");
	add_body(str, finding);
	seep_str_add(str, "</failure>\n");
	str->failed |= message.failed;
}

static bool is_of(const struct seep_finding *finding, const char *cause)
{
	return finding->cause && strcmp(finding->cause, cause) == 0;
}

static size_t count_failures(const struct seep_report *report, const char *cause)
{
	size_t n = 0;

	seep_vec_foreach(finding, &report->findings)
		n += is_of(finding, cause) && seep_wording_is_leak(finding);
	return n;
}

/** The first that is suppressed of a cause; NULL if none is. */
static const struct seep_suppressed *find_suppressed(const struct seep_report *report,
						     const char *cause)
{
	seep_vec_foreach(suppressed, &report->suppressed)
		if (is_of(&suppressed->finding, cause) &&
		    seep_wording_is_leak(&suppressed->finding))
			return suppressed;
	return NULL;
}

/** Whether the cause is neither a success nor a failure. */
static bool is_skipped(const struct seep_report *report, const char *cause)
{
	return seep_wording_left_out(report, cause) ||
	       (find_suppressed(report, cause) && count_failures(report, cause) == 0);
}

static void add_skipped(struct seep_str *str, const struct seep_report *report, const char *cause)
{
	_cleanup_(seep_str_deinit) struct seep_str why = {};

	if (seep_wording_left_out(report, cause)) {
		seep_str_add(&why, "not looked for: the memory limit left no room for it");
	} else {
		seep_str_add(&why, "known already: ");
		seep_wording_suppressed(&why, find_suppressed(report, cause));
	}
	seep_str_add(str, "      <skipped message=\"");
	add_xml(str, seep_str_text(&why));
	seep_str_add(str, "\"/>\n");
	str->failed |= why.failed;
}

/** A line for each finding that is known already, with who said so. */
static void add_known(struct seep_str *str, const struct seep_report *report, const char *cause,
		      bool *open)
{
	seep_vec_foreach(suppressed, &report->suppressed) {
		_cleanup_(seep_str_deinit) struct seep_str line = {};
		if (!is_of(&suppressed->finding, cause))
			continue;
		seep_str_add(str, *open ? "\n" : "      <system-out>");
		*open = true;
		seep_str_addf(&line, "known already, %s: ",
			      seep_verdict_name(suppressed->finding.verdict));
		seep_wording_amount(&line, &suppressed->finding);
		seep_str_add(&line, ": ");
		seep_wording_suppressed(&line, suppressed);
		seep_str_addf(&line, "\nsignature   %016" PRIx64 "\n",
			      suppressed->finding.signature);
		add_xml(str, seep_str_text(&line));
		str->failed |= line.failed;
	}
}

/** What merely waits (--all) is no failure, nor is what is known already. */
static void add_no_failures(struct seep_str *str, const struct seep_report *report,
			    const char *cause)
{
	bool open = false;

	seep_vec_foreach(finding, &report->findings) {
		if (!is_of(finding, cause) || seep_wording_is_leak(finding))
			continue;
		seep_str_add(str, open ? "\n" : "      <system-out>");
		open = true;
		seep_str_addf(str, "%s: ", seep_verdict_name(finding->verdict));
		add_body(str, finding);
	}
	add_known(str, report, cause, &open);
	if (open)
		seep_str_add(str, "</system-out>\n");
}

static void add_case(struct seep_str *str, const struct seep_report *report,
		     const struct seep_cause_page *page)
{
	_cleanup_(seep_str_deinit) struct seep_str title = {};

	seep_wording_title(&title, page);
	seep_str_addf(str, "    <testcase classname=\"seep\" name=\"%s: ", page->name);
	add_escaped(str, seep_str_text(&title));
	seep_str_add(str, "\">\n");
	if (is_skipped(report, page->name))
		add_skipped(str, report, page->name);
	seep_vec_foreach(finding, &report->findings)
		if (is_of(finding, page->name) && seep_wording_is_leak(finding))
			add_failure(str, finding);
	add_no_failures(str, report, page->name);
	seep_str_add(str, "    </testcase>\n");
	str->failed |= title.failed;
}

static void add_counts(struct seep_str *str, size_t tests, size_t failures, size_t skipped)
{
	seep_str_addf(str, " tests=\"%zu\" failures=\"%zu\" errors=\"0\"", tests, failures);
	if (skipped != SIZE_MAX)
		seep_str_addf(str, " skipped=\"%zu\"", skipped);
}

static void add_suite(struct seep_str *str, const struct seep_report *report,
		      const struct seep_report_options *options)
{
	const char *name = report->target.main_path ? report->target.main_path : report->target.exe;
	size_t tests = 0, failures = 0, skipped = 0;

	for (size_t i = 0; i < seep_cause_page_count; i++) {
		const char *cause = seep_cause_pages[i].name;
		if (!seep_wording_looked_for(&seep_cause_pages[i], options->only))
			continue;
		tests++;
		failures += count_failures(report, cause) > 0;
		skipped += is_skipped(report, cause);
	}
	seep_str_add(str, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"seep\"");
	add_counts(str, tests, failures, SIZE_MAX);
	seep_str_add(str, ">\n  <testsuite name=\"");
	add_escaped(str, name ? name : "seep");
	seep_str_add(str, "\"");
	add_counts(str, tests, failures, skipped);
	seep_str_addf(str, " time=\"%.3f\">\n", (double)report->capture.total_ns / 1e9);
	for (size_t i = 0; i < seep_cause_page_count; i++)
		if (seep_wording_looked_for(&seep_cause_pages[i], options->only))
			add_case(str, report, &seep_cause_pages[i]);
	if (report->caveats.len) {
		seep_str_add(str, "    <system-out>");
		seep_vec_foreach(caveat, &report->caveats)
			add_line(str, "caveat", *caveat);
		seep_str_add(str, "</system-out>\n");
	}
	seep_str_add(str, "  </testsuite>\n</testsuites>\n");
}

struct seep_error *seep_report_write_junit(const struct seep_report *report,
					   const struct seep_report_options *options, FILE *file)
{
	_cleanup_(seep_str_deinit) struct seep_str str = {};

	add_suite(&str, report, options);
	return str.failed ? &seep_enomem : seep_report_put(file, seep_str_text(&str), str.len);
}
