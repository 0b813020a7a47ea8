// The report as metrics: OpenMetrics text, which is also valid in Prometheus' older text format (gauges only).
//
// Labels are cause, verdict and signature: what is the same in each run of the same code. Ids, addresses and PIDs would be
// a new time series each time. Two findings that have all three in common are one series.
#include "report/internal.h"
#include "report/wording.h"

#include <inttypes.h>
#include <string.h>

struct page {
	struct seep_str str;
	const struct seep_finding **findings; /** sorted by what makes the labels */
	size_t count;
};

/** TYPE, UNIT and HELP of a family. */
static void add_family(struct page *page, const char *name, const char *unit, const char *help)
{
	seep_str_addf(&page->str, "# TYPE seep_%s gauge\n", name);
	if (unit)
		seep_str_addf(&page->str, "# UNIT seep_%s %s\n", name, unit);
	seep_str_addf(&page->str, "# HELP seep_%s %s\n", name, help);
}

static void add_gauge(struct page *page, const char *name, const char *unit, const char *help,
		      uint64_t value)
{
	add_family(page, name, unit, help);
	seep_str_addf(&page->str, "seep_%s %" PRIu64 "\n", name, value);
}

/** Seconds with all digits of the nanoseconds. */
static void add_seconds(struct page *page, uint64_t ns)
{
	seep_str_addf(&page->str, "%" PRIu64 ".%09" PRIu64, ns / 1000000000, ns % 1000000000);
}

/** A label's value: escaped as for a terminal, and then as the format wants it. */
static void add_value(struct page *page, const char *text)
{
	_cleanup_(seep_str_deinit) struct seep_str safe = {};

	seep_str_add_escaped(&safe, text, strlen(text));
	seep_str_add(&page->str, "\"");
	for (const char *c = seep_str_text(&safe); *c; c++) {
		if (*c == '\\' || *c == '"')
			seep_str_add(&page->str, "\\");
		seep_str_add_bytes(&page->str, c, 1);
	}
	seep_str_add(&page->str, "\"");
	page->str.failed |= safe.failed;
}

static const char *cause_of(const struct seep_finding *finding)
{
	return finding->cause ? finding->cause : "unknown";
}

static int compare_causes(const struct seep_finding *a, const struct seep_finding *b)
{
	int order = strcmp(cause_of(a), cause_of(b));

	return order ? order : (a->verdict > b->verdict) - (a->verdict < b->verdict);
}

static int compare_labels(const void *a, const void *b)
{
	const struct seep_finding *x = *(const struct seep_finding *const *)a,
				  *y = *(const struct seep_finding *const *)b;
	int order = compare_causes(x, y);

	return order ? order : (x->signature > y->signature) - (x->signature < y->signature);
}

/** "seep_NAME{cause="...",verdict="..."", not closed. */
static void begin_sample(struct page *page, const char *name, const struct seep_finding *finding)
{
	seep_str_addf(&page->str, "seep_%s{cause=", name);
	add_value(page, cause_of(finding));
	seep_str_addf(&page->str, ",verdict=\"%s\"", seep_verdict_name(finding->verdict));
}

static uint64_t count_of(const struct seep_finding *finding)
{
	return finding->count;
}

static uint64_t retained_of(const struct seep_finding *finding)
{
	return finding->retained_bytes;
}

static uint64_t wasted_of(const struct seep_finding *finding)
{
	return finding->wasted_bytes;
}

static uint64_t add_up(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/** A sample for each finding of which there is something; those with the same labels are added. */
static void add_findings(struct page *page, const char *name, const char *unit, const char *help,
			 uint64_t (*value_of)(const struct seep_finding *))
{
	uint64_t sum = 0;

	add_family(page, name, unit, help);
	for (size_t i = 0; i < page->count; i++) {
		const struct seep_finding *finding = page->findings[i];
		sum = add_up(sum, value_of(finding));
		if (i + 1 < page->count &&
		    compare_labels(&page->findings[i], &page->findings[i + 1]) == 0)
			continue;
		if (sum) {
			begin_sample(page, name, finding);
			seep_str_addf(&page->str, ",signature=\"%016" PRIx64 "\"} %" PRIu64 "\n",
				      finding->signature, sum);
		}
		sum = 0;
	}
}

static void add_ages(struct page *page)
{
	uint64_t oldest = 0;

	add_family(page, "oldest_wait_seconds", "seconds",
		   "Longest wait known of a goroutine of the finding, a lower bound.");
	for (size_t i = 0; i < page->count; i++) {
		const struct seep_finding *finding = page->findings[i];
		oldest = finding->age_ns > oldest ? finding->age_ns : oldest;
		if (i + 1 < page->count &&
		    compare_labels(&page->findings[i], &page->findings[i + 1]) == 0)
			continue;
		if (oldest) {
			begin_sample(page, "oldest_wait_seconds", finding);
			seep_str_addf(&page->str, ",signature=\"%016" PRIx64 "\"} ",
				      finding->signature);
			add_seconds(page, oldest);
			seep_str_add(&page->str, "\n");
		}
		oldest = 0;
	}
}

/** How many of the page's findings there are of each cause and verdict. */
static void add_numbers(struct page *page, const char *name, const char *help)
{
	uint64_t n = 0;

	add_family(page, name, NULL, help);
	for (size_t i = 0; i < page->count; i++) {
		n++;
		if (i + 1 < page->count &&
		    compare_causes(page->findings[i], page->findings[i + 1]) == 0)
			continue;
		begin_sample(page, name, page->findings[i]);
		seep_str_addf(&page->str, "} %" PRIu64 "\n", n);
		n = 0;
	}
}

static void add_process(struct page *page, const struct seep_report *report)
{
	add_gauge(page, "goroutines", NULL, "Goroutines of the program, without the runtime's own.",
		  report->goroutines.user);
	add_gauge(page, "heap_objects", NULL, "Allocated objects.", report->heap.objects);
	add_gauge(page, "heap_bytes", "bytes", "Allocated bytes.", report->heap.bytes);
	add_gauge(page, "heap_reachable_objects", NULL, "Objects that the collector would keep.",
		  report->heap.reachable_objects);
	add_gauge(page, "heap_reachable_bytes", "bytes", "Bytes that the collector would keep.",
		  report->heap.reachable_bytes);
	add_gauge(page, "heap_garbage_bytes", "bytes", "Bytes that the collector would free.",
		  report->heap.garbage_bytes);
	add_gauge(page, "stack_bytes", "bytes", "Bytes of goroutine stacks.",
		  report->heap.stack_bytes);
	if (report->memory.rss)
		add_gauge(page, "resident_memory_bytes", "bytes",
			  "Memory that the kernel counts as resident.", report->memory.rss);
	add_gauge(page, "caveats", NULL, "Things that could not be seen; the report names them.",
		  report->caveats.len);
	add_family(page, "pause_seconds", "seconds", "How long the program stood still.");
	seep_str_add(&page->str, "seep_pause_seconds ");
	add_seconds(page, report->capture.pause_ns);
	seep_str_add(&page->str, "\n");
	add_family(page, "inspection_seconds", "seconds", "How long it took to look at it.");
	seep_str_add(&page->str, "seep_inspection_seconds ");
	add_seconds(page, report->capture.total_ns);
	seep_str_add(&page->str, "\n");
}

/** The number of those that are known already; all other series are without them. */
static void add_suppressed(struct page *page, const struct seep_report *report)
{
	page->count = report->suppressed.len;
	for (size_t i = 0; i < page->count; i++)
		page->findings[i] = &report->suppressed.data[i].finding;
	qsort(page->findings, page->count, sizeof(*page->findings), compare_labels);
	add_numbers(
		page, "suppressed_findings",
		"Findings that are known already, by rules or a baseline, and in none of the others.");
}

static void take_findings(struct page *page, const struct seep_report *report, size_t count)
{
	page->count = count;
	for (size_t i = 0; i < count; i++)
		page->findings[i] = &report->findings.data[i];
	qsort(page->findings, count, sizeof(*page->findings), compare_labels);
}

struct seep_error *seep_report_write_prom(const struct seep_report *report,
					  const struct seep_report_options *options, FILE *file)
{
	size_t all = report->findings.len, most = report->suppressed.len;
	_cleanup_free_ const struct seep_finding **findings =
		calloc((all > most ? all : most) + 1, sizeof(*findings));
	struct page page = { .findings = findings };

	if (!findings)
		return &seep_enomem;
	take_findings(&page, report, all);
	add_numbers(&page, "findings", "Findings, one for each place in the code.");
	add_suppressed(&page, report);
	// The largest: they come first in the report.
	take_findings(&page, report, options->top && options->top < all ? options->top : all);
	add_findings(&page, "leaked_goroutines", NULL,
		     "Goroutines that can never run on, by finding.", seep_wording_leaked);
	add_findings(&page, "occurrences", NULL,
		     "How many goroutines, objects, timers, ... the finding is about.", count_of);
	add_findings(&page, "retained_bytes", "bytes",
		     "What becomes free if exactly these ended or were let go.", retained_of);
	add_findings(&page, "wasted_bytes", "bytes", "What of it, or besides, nothing can see.",
		     wasted_of);
	add_ages(&page);
	add_process(&page, report);
	seep_str_add(&page.str, "# EOF\n");
	struct seep_error *err =
		page.str.failed ? &seep_enomem :
				  seep_report_put(file, seep_str_text(&page.str), page.str.len);
	seep_str_deinit(&page.str);
	return err;
}
