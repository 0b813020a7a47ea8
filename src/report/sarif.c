// The report as SARIF 2.1.0, for code scanning: causes are rules, with their pages as help; findings are results at the
// line where a goroutine blocks or that does it, recognised from run to run by their signature.
//
// Files of the main module are told relative to SRCROOT, so that the results find their lines in a checkout; what -trimpath
// has shortened is relative to TRIMPATH. Of addresses and ids, which differ from run to run, only the evidence (`why`) may have some.
#include "report/cause_pages.h"
#include "report/internal.h"
#include "report/json.h"
#include "report/source_uri.h"
#include "report/wording.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

enum { STACKS_MAX = 10, FRAMES_MAX = 100 };

struct log {
	struct seep_json json;
	const struct seep_report *report;
	struct seep_source_root source;
};

/** A message has a syntax: [text](link) and {0}. What comes from a target is text and gets a blank in between. */
static json_t *message_of(const char *text)
{
	_cleanup_(seep_str_deinit) struct seep_str plain = {};
	json_t *message = json_object();

	for (const char *c = text; *c; c++) {
		seep_str_add_bytes(&plain, c, 1);
		if ((c[0] == ']' && c[1] == '(') || (c[0] == '{' && c[1] >= '0' && c[1] <= '9'))
			seep_str_add(&plain, " ");
	}
	if (plain.failed ||
	    json_object_set_new(message, "text", seep_json_string(seep_str_text(&plain))) != 0) {
		json_decref(message);
		return NULL;
	}
	return message;
}

/** Text of seep's own, which may have new lines. */
static void set_text(struct log *log, json_t *object, const char *key, const char *text)
{
	seep_json_set(&log->json, object, key, json_string(text));
}

static const char *level_of(const struct seep_finding *finding)
{
	if (seep_wording_is_leaked(finding))
		return "error";
	return seep_wording_is_leak(finding) ? "warning" : "note";
}

/** NULL if there is no file. */
static json_t *physical_location(struct log *log, const struct seep_frame_text *frame)
{
	static const char *const bases[] = {
		[SEEP_SOURCE_MODULE] = "SRCROOT", [SEEP_SOURCE_TRIMMED] = "TRIMPATH"
	};
	_cleanup_(seep_str_deinit) struct seep_str uri = {};
	enum seep_source_base base = seep_source_uri(&log->source, frame->file, &uri);

	if (base == SEEP_SOURCE_NONE)
		return NULL;
	json_t *physical = json_object(), *artifact = json_object();
	log->json.failed |= uri.failed;
	set_text(log, artifact, "uri", seep_str_text(&uri));
	if (base != SEEP_SOURCE_ABSOLUTE)
		set_text(log, artifact, "uriBaseId", bases[base]);
	seep_json_set(&log->json, physical, "artifactLocation", artifact);
	if (frame->line > 0) {
		json_t *region = json_object();
		seep_json_set_number(&log->json, region, "startLine", (uint64_t)frame->line);
		seep_json_set(&log->json, physical, "region", region);
	}
	return physical;
}

static void set_logical(struct log *log, json_t *location, const char *name, const char *kind)
{
	json_t *array = json_array(), *logical = json_object();

	seep_json_set_string(&log->json, logical, "fullyQualifiedName", name);
	seep_json_set_string(&log->json, logical, "kind", kind);
	seep_json_append(&log->json, array, logical);
	seep_json_set(&log->json, location, "logicalLocations", array);
}

static json_t *location_of(struct log *log, const struct seep_frame_text *frame)
{
	json_t *location = json_object(), *physical = physical_location(log, frame);

	if (physical)
		seep_json_set(&log->json, location, "physicalLocation", physical);
	if (frame->function && *frame->function)
		set_logical(log, location, frame->function, "function");
	return location;
}

/** Where the memory was allocated, in the program's own code; NULL if that is not known. */
static const struct seep_frame_text *allocated_at(struct log *log,
						  const struct seep_finding *finding)
{
	for (size_t i = 0; i < finding->allocated_count; i++) {
		_cleanup_(seep_str_deinit) struct seep_str uri = {};
		if (seep_source_uri(&log->source, finding->allocated[i].file, &uri) ==
		    SEEP_SOURCE_MODULE)
			return &finding->allocated[i];
	}
	return NULL;
}

/** What blocks or does it; else where the memory was allocated; else who holds it. */
static void set_locations(struct log *log, json_t *result, const struct seep_finding *finding)
{
	json_t *locations = json_array(), *related = json_array(), *location = NULL;
	const struct seep_frame_text *allocated = allocated_at(log, finding);

	if (finding->where.function || finding->where.file) {
		location = location_of(log, &finding->where);
	} else if (allocated) {
		location = location_of(log, allocated);
		seep_json_set(&log->json, location, "message",
			      message_of("one of the objects was allocated here"));
	} else if (finding->holder && *finding->holder) {
		location = json_object();
		set_logical(log, location, finding->holder, "variable");
	}
	if (location)
		seep_json_append(&log->json, locations, location);
	if (finding->created.function || finding->created.file) {
		location = location_of(log, &finding->created);
		seep_json_set(&log->json, location, "message", message_of("created here"));
		seep_json_append(&log->json, related, location);
	}
	seep_json_set(&log->json, result, "locations", locations);
	seep_json_set(&log->json, result, "relatedLocations", related);
}

static json_t *stack_of(struct log *log, const struct seep_frame_text *frames, size_t len,
			uint64_t count)
{
	json_t *stack = json_object(), *array = json_array();
	char text[60];

	snprintf(text, sizeof(text), "%" PRIu64 " goroutine%s", count, count == 1 ? "" : "s");
	seep_json_set(&log->json, stack, "message", message_of(text));
	for (size_t i = 0; i < len && i < FRAMES_MAX; i++) {
		json_t *frame = json_object();
		seep_json_set(&log->json, frame, "location", location_of(log, &frames[i]));
		seep_json_append(&log->json, array, frame);
	}
	seep_json_set(&log->json, stack, "frames", array);
	return stack;
}

static void set_stacks(struct log *log, json_t *result, const struct seep_finding *finding)
{
	json_t *stacks = json_array();

	for (size_t i = 0; i < finding->stacks.len && i < STACKS_MAX; i++) {
		const struct seep_finding_stack *stack = &finding->stacks.data[i];
		seep_json_append(&log->json, stacks,
				 stack_of(log, stack->frames, stack->frame_count, stack->count));
	}
	seep_json_set(&log->json, result, "stacks", stacks);
}

static json_t *result_message(const struct seep_finding *finding)
{
	_cleanup_(seep_str_deinit) struct seep_str text = {};

	seep_wording_amount(&text, finding);
	seep_str_add(&text, ".");
	if (finding->summary)
		seep_str_addf(&text, " %s", finding->summary);
	if (finding->holder && *finding->holder)
		seep_str_addf(&text, " Held by %s.", finding->holder);
	if (finding->fix)
		seep_str_addf(&text, " To mend it: %s.", finding->fix);
	return text.failed ? NULL : message_of(seep_str_text(&text));
}

/** The number of a cause among the rules; -1 if it is none. */
static int rule_index(const struct seep_report_options *options, const char *cause)
{
	int index = 0;

	for (size_t i = 0; i < seep_cause_page_count; i++) {
		if (!seep_wording_looked_for(&seep_cause_pages[i], options->only))
			continue;
		if (strcmp(seep_cause_pages[i].name, cause) == 0)
			return index;
		index++;
	}
	return -1;
}

/** Why it is suppressed; empty if it is not. By the standard either all results have such a list, or none. */
static void set_suppressions(struct log *log, json_t *result,
			     const struct seep_suppressed *suppressed)
{
	json_t *array = json_array();

	if (suppressed) {
		_cleanup_(seep_str_deinit) struct seep_str why = {};
		json_t *object = json_object();
		seep_wording_suppressed(&why, suppressed);
		log->json.failed |= why.failed;
		set_text(log, object, "kind", "external");
		set_text(log, object, "status", "accepted");
		set_text(log, object, "justification", seep_str_text(&why));
		seep_json_append(&log->json, array, object);
	}
	if (log->report->suppressed.len)
		seep_json_set(&log->json, result, "suppressions", array);
	else
		json_decref(array);
}

/** suppressed: NULL if it is not. */
static json_t *result_of(struct log *log, const struct seep_report_options *options,
			 const struct seep_finding *finding,
			 const struct seep_suppressed *suppressed)
{
	json_t *result = json_object(), *prints = json_object(), *bag = json_object();
	const char *cause = finding->cause ? finding->cause : "unknown";
	int rule = rule_index(options, cause);

	seep_json_set_string(&log->json, result, "ruleId", cause);
	if (rule >= 0)
		seep_json_set_number(&log->json, result, "ruleIndex", (uint64_t)rule);
	set_text(log, result, "level", level_of(finding));
	seep_json_set(&log->json, result, "message", result_message(finding));
	set_locations(log, result, finding);
	set_stacks(log, result, finding);
	seep_json_set(&log->json, prints, "seep/v1",
		      json_sprintf("%016" PRIx64, finding->signature));
	seep_json_set(&log->json, result, "partialFingerprints", prints);
	set_suppressions(log, result, suppressed);
	set_text(log, bag, "verdict", seep_verdict_name(finding->verdict));
	seep_json_set_number(&log->json, bag, "count", finding->count);
	seep_json_set_string(&log->json, bag, "noun", seep_wording_noun(finding));
	seep_json_set_number(&log->json, bag, "retainedBytes", finding->retained_bytes);
	seep_json_set_known(&log->json, bag, "wastedBytes", finding->wasted_bytes);
	seep_json_set(&log->json, bag, "why",
		      seep_json_strings(&log->json, finding->why.data, finding->why.len));
	seep_json_set_string(&log->json, bag, "known", finding->known);
	seep_json_set(&log->json, result, "properties", bag);
	return result;
}

static json_t *rule_of(struct log *log, const struct seep_cause_page *page)
{
	_cleanup_(seep_str_deinit) struct seep_str title = {};
	json_t *rule = json_object(), *headline = json_object(), *help = json_object();

	seep_wording_title(&title, page);
	log->json.failed |= title.failed;
	set_text(log, rule, "id", page->name);
	set_text(log, headline, "text", seep_str_text(&title));
	seep_json_set(&log->json, rule, "shortDescription", headline);
	set_text(log, help, "text", page->text);
	set_text(log, help, "markdown", page->text);
	seep_json_set(&log->json, rule, "help", help);
	return rule;
}

static json_t *tool_of(struct log *log, const struct seep_report_options *options)
{
	json_t *tool = json_object(), *driver = json_object(), *rules = json_array();

	set_text(log, driver, "name", "seep");
	set_text(log, driver, "version", SEEP_VERSION);
	for (size_t i = 0; i < seep_cause_page_count; i++)
		if (seep_wording_looked_for(&seep_cause_pages[i], options->only))
			seep_json_append(&log->json, rules, rule_of(log, &seep_cause_pages[i]));
	seep_json_set(&log->json, driver, "rules", rules);
	seep_json_set(&log->json, tool, "driver", driver);
	return tool;
}

static void add_notice(struct log *log, json_t *notices, const char *text)
{
	json_t *notice = json_object();

	set_text(log, notice, "level", "warning");
	seep_json_set(&log->json, notice, "message", message_of(text));
	seep_json_append(&log->json, notices, notice);
}

/** What could not be seen, and what was cut off. */
static json_t *invocations_of(struct log *log, size_t left_out)
{
	json_t *array = json_array(), *invocation = json_object(), *notices = json_array();

	seep_vec_foreach(caveat, &log->report->caveats)
		add_notice(log, notices, *caveat);
	if (left_out) {
		char text[60];
		snprintf(text, sizeof(text), "%zu findings were left out", left_out);
		add_notice(log, notices, text);
	}
	seep_json_set(&log->json, invocation, "executionSuccessful",
		      json_boolean(log->report->left_out.len == 0));
	seep_json_set(&log->json, invocation, "toolExecutionNotifications", notices);
	seep_json_append(&log->json, array, invocation);
	return array;
}

static json_t *bases_of(struct log *log)
{
	_cleanup_(seep_str_deinit) struct seep_str uri = {};
	const struct seep_source_root absolute = {};
	json_t *bases = json_object(), *module = json_object(), *trimmed = json_object();

	if (log->source.root &&
	    seep_source_uri(&absolute, log->source.root, &uri) == SEEP_SOURCE_ABSOLUTE)
		set_text(log, module, "uri", seep_str_text(&uri));
	log->json.failed |= uri.failed;
	seep_json_set(&log->json, module, "description",
		      message_of("the folder of the main module"));
	seep_json_set(
		&log->json, trimmed, "description",
		message_of(
			"as go build -trimpath writes it: below GOROOT/src or the module cache"));
	seep_json_set(&log->json, bases, "SRCROOT", module);
	seep_json_set(&log->json, bases, "TRIMPATH", trimmed);
	return bases;
}

static json_t *run_of(struct log *log, const struct seep_report_options *options)
{
	json_t *run = json_object(), *results = json_array();
	size_t count = log->report->findings.len;

	if (options->top && count > options->top)
		count = options->top;
	seep_json_set(&log->json, run, "tool", tool_of(log, options));
	seep_json_set(&log->json, run, "invocations",
		      invocations_of(log, log->report->findings.len - count));
	seep_json_set(&log->json, run, "originalUriBaseIds", bases_of(log));
	for (size_t i = 0; i < count; i++)
		seep_json_append(&log->json, results,
				 result_of(log, options, &log->report->findings.data[i], NULL));
	seep_vec_foreach(known, &log->report->suppressed)
		seep_json_append(&log->json, results,
				 result_of(log, options, &known->finding, known));
	seep_json_set(&log->json, run, "results", results);
	return run;
}

struct seep_error *seep_report_write_sarif(const struct seep_report *report,
					   const struct seep_report_options *options, FILE *file)
{
	json_auto_t *root = json_object();
	struct log log = { .json.failed = !root, .report = report };
	json_t *runs = json_array();

	seep_source_root_init(&log.source, report);
	set_text(&log, root, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	set_text(&log, root, "version", "2.1.0");
	seep_json_append(&log.json, runs, run_of(&log, options));
	seep_json_set(&log.json, root, "runs", runs);
	struct seep_error *err = seep_json_finish(&log.json, root, file);
	seep_source_root_deinit(&log.source);
	return err;
}
