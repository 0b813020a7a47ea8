// The report as JSON, schema seep/1: stable names and order, sizes in bytes, times in nanoseconds,
// addresses as "0x...".
//
// Lists are cut at what findings.h says (10 goroutines and 10 objects per finding); `count` keeps the
// full number.
#include "base/str.h"
#include "report/internal.h"
#include "report/json.h"
#include "report/wording.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static json_t *goroutine_json(struct seep_json *w, const struct seep_finding_goroutine *goroutine)
{
	json_t *object = json_object();

	seep_json_set_number(w, object, "id", goroutine->id);
	seep_json_set_string(w, object, "state", goroutine->state);
	seep_json_set_known(w, object, "wait_ns", goroutine->wait_ns);
	if (goroutine->wait_kind) {
		json_t *waits_on = json_object();

		seep_json_set_string(w, waits_on, "kind", goroutine->wait_kind);
		seep_json_set_address(w, waits_on, "address", goroutine->wait_address);
		seep_json_set_string(w, waits_on, "type", goroutine->wait_type);
		seep_json_set(w, object, "waits_on", waits_on);
	}
	seep_json_set(w, object, "stack",
		      seep_json_frames(w, goroutine->frames, goroutine->frame_count));
	return object;
}

/** What it is and how much of it. */
static void set_identity(struct seep_json *w, json_t *object, const struct seep_finding *finding)
{
	seep_json_set_string(w, object, "cause", finding->cause);
	seep_json_set_string(w, object, "verdict", seep_verdict_name(finding->verdict));
	seep_json_set(w, object, "signature", json_sprintf("%016" PRIx64, finding->signature));
	seep_json_set_number(w, object, "count", finding->count);
	seep_json_set_string(w, object, "noun", seep_wording_noun(finding));
	seep_json_set_number(w, object, "retained_bytes", finding->retained_bytes);
	seep_json_set_known(w, object, "wasted_bytes", finding->wasted_bytes);
}

static json_t *finding_json(struct seep_json *w, const struct seep_finding *finding)
{
	json_t *object = json_object(), *goroutines = json_array(), *objects = json_array();
	size_t listed = finding->goroutines.len, held = finding->objects.len;

	set_identity(w, object, finding);
	seep_json_set_known(w, object, "age_ns", finding->age_ns);
	seep_json_set_string(w, object, "summary", finding->summary);
	seep_json_set(w, object, "why", seep_json_strings(w, finding->why.data, finding->why.len));
	seep_json_set_string(w, object, "fix", finding->fix);
	seep_json_set_frame(w, object, "where", &finding->where);
	seep_json_set_frame(w, object, "created", &finding->created);
	seep_json_set_string(w, object, "holder", finding->holder);
	seep_json_set_string(w, object, "known", finding->known);
	seep_json_set_string(w, object, "known_source", finding->known_source);
	if (finding->allocated_count)
		seep_json_set(w, object, "allocated",
			      seep_json_frames(w, finding->allocated, finding->allocated_count));
	for (size_t i = 0; i < listed && i < SEEP_FINDING_GOROUTINES_MAX; i++)
		seep_json_append(w, goroutines, goroutine_json(w, &finding->goroutines.data[i]));
	seep_json_set(w, object, "goroutines", goroutines);
	for (size_t i = 0; i < held && i < SEEP_FINDING_OBJECTS_MAX; i++)
		seep_json_append(w, objects, seep_json_object(w, &finding->objects.data[i]));
	seep_json_set(w, object, "objects", objects);
	return object;
}

static json_t *suppressed_json(struct seep_json *w, const struct seep_suppressed *suppressed)
{
	json_t *object = json_object();

	set_identity(w, object, &suppressed->finding);
	seep_json_set_frame(w, object, "where", &suppressed->finding.where);
	seep_json_set_string(w, object, "holder", suppressed->finding.holder);
	seep_json_set_string(w, object, "reason", suppressed->reason);
	seep_json_set_string(w, object, "rule", suppressed->rule);
	return object;
}

void seep_json_set_suppressed(struct seep_json *w, json_t *root, const struct seep_report *report)
{
	if (!report->suppressed.len)
		return;
	json_t *array = json_array();
	seep_vec_foreach(suppressed, &report->suppressed)
		seep_json_append(w, array, suppressed_json(w, suppressed));
	seep_json_set(w, root, "suppressed", array);
}

static json_t *target_json(struct seep_json *w, const struct seep_report *report)
{
	json_t *object = json_object();

	static const char *const kinds[] = {
		[SEEP_TARGET_LIVE] = "live", [SEEP_TARGET_CORE] = "core", [SEEP_TARGET_CAPTURE] = "capture"
	};
	seep_json_set_string(w, object, "kind", kinds[report->target.kind]);
	if (report->target.pid > 0)
		seep_json_set_number(w, object, "pid", (uint64_t)report->target.pid);
	seep_json_set_string(w, object, "exe", report->target.exe);
	seep_json_set_string(w, object, "main_path", report->target.main_path);
	seep_json_set_string(w, object, "module", report->target.module);
	seep_json_set_string(w, object, "go", report->target.go);
	seep_json_set_string(w, object, "arch", report->target.arch);
	seep_json_set(w, object, "stripped", json_boolean(report->target.stripped));
	seep_json_set_string(w, object, "build_id", report->target.build_id);
	return object;
}

static json_t *capture_json(struct seep_json *w, const struct seep_report *report)
{
	json_t *object = json_object();

	seep_json_set_known(w, object, "pause_ns", report->capture.pause_ns);
	seep_json_set_known(w, object, "max_gap_ns", report->capture.max_gap_ns);
	seep_json_set_known(w, object, "total_ns", report->capture.total_ns);
	seep_json_set_number(w, object, "read_bytes", report->capture.read_bytes);
	seep_json_set_known(w, object, "values_bytes", report->capture.values_bytes);
	seep_json_set_known(w, object, "precopy_bytes", report->capture.precopy_bytes);
	seep_json_set_string(w, object, "method", report->capture.method);
	seep_json_set_known(w, object, "realtime_ns", report->capture.realtime_ns);
	seep_json_set_string(w, object, "why_stopped", report->capture.why_stopped);
	seep_json_set_known(w, object, "rounds", report->capture.rounds);
	seep_json_set_known(w, object, "stops", report->capture.stops);
	seep_json_set_known(w, object, "threads", report->capture.threads);
	return object;
}

static json_t *goroutines_json(struct seep_json *w, const struct seep_report *report)
{
	json_t *object = json_object(), *by_state = json_object();

	seep_json_set_number(w, object, "total", report->goroutines.total);
	seep_json_set_number(w, object, "user", report->goroutines.user);
	seep_json_set_number(w, object, "leaked", report->goroutines.leaked);
	seep_json_set_number(w, object, "waiting", report->goroutines.waiting);
	seep_json_set_number(w, object, "intended", report->goroutines.intended);
	seep_vec_foreach(entry, &report->goroutines.by_state) {
		_cleanup_(seep_str_deinit) struct seep_str state = {};

		seep_str_add_escaped(&state, entry->state, strlen(entry->state));
		w->failed |= state.failed;
		seep_json_set_number(w, by_state, seep_str_text(&state), entry->count);
	}
	seep_json_set(w, object, "by_state", by_state);
	return object;
}

static json_t *heap_json(struct seep_json *w, const struct seep_report *report)
{
	json_t *object = json_object();

	seep_json_set_number(w, object, "objects", report->heap.objects);
	seep_json_set_number(w, object, "bytes", report->heap.bytes);
	seep_json_set_number(w, object, "reachable_objects", report->heap.reachable_objects);
	seep_json_set_number(w, object, "reachable_bytes", report->heap.reachable_bytes);
	seep_json_set_number(w, object, "garbage_bytes", report->heap.garbage_bytes);
	seep_json_set_number(w, object, "stack_bytes", report->heap.stack_bytes);
	return object;
}

/** What the process's memory consists of; empty if nothing of it is known. */
static json_t *memory_json(struct seep_json *w, const struct seep_report *report)
{
	json_t *object = json_object();

	seep_json_set_known(w, object, "rss", report->memory.rss);
	if (report->memory.parts.len)
		seep_json_set(w, object, "parts",
			      seep_json_parts(w, report->memory.parts.data,
					      report->memory.parts.len));
	if (report->memory.gogc != INT64_MIN)
		seep_json_set(w, object, "gogc", json_integer(report->memory.gogc));
	// No limit becomes math.MaxInt64, which is how the runtime says it too.
	seep_json_set_known(w, object, "memory_limit", report->memory.memory_limit);
	seep_json_set_known(w, object, "next_gc", report->memory.next_gc);
	seep_json_set_known(w, object, "cgroup_limit", report->memory.cgroup_limit);
	seep_json_set_known(w, object, "cgroup_usage", report->memory.cgroup_usage);
	return object;
}

static json_t *types_json(struct seep_json *w, const struct seep_report *report)
{
	json_t *object = json_object();

	seep_json_set_number(w, object, "objects", report->types.objects);
	seep_json_set_number(w, object, "typed_objects", report->types.typed_objects);
	seep_json_set_number(w, object, "bytes", report->types.bytes);
	seep_json_set_number(w, object, "typed_bytes", report->types.typed_bytes);
	seep_json_set(w, object, "untyped",
		      seep_json_parts(w, report->types.untyped.data, report->types.untyped.len));
	return object;
}

static json_t *holders_json(struct seep_json *w, const struct seep_holder *holders, size_t len)
{
	json_t *array = json_array();

	for (size_t i = 0; i < len; i++)
		seep_json_append(w, array, seep_json_holder(w, &holders[i]));
	return array;
}

static json_t *top_json(struct seep_json *w, const struct seep_report *report)
{
	json_t *object = json_object();

	seep_json_set(w, object, "types",
		      holders_json(w, report->top.types.data, report->top.types.len));
	seep_json_set(w, object, "variables",
		      holders_json(w, report->top.variables.data, report->top.variables.len));
	seep_json_set(w, object, "goroutines",
		      holders_json(w, report->top.goroutines.data, report->top.goroutines.len));
	return object;
}

static json_t *paths_json(struct seep_json *w, const struct seep_report *report)
{
	json_t *array = json_array();

	seep_vec_foreach(path, &report->paths) {
		json_t *object = seep_json_object(w, &path->object);
		seep_json_set_number(w, object, "retained_bytes", path->retained_bytes);
		seep_json_append(w, array, object);
	}
	return array;
}

static void set_findings(struct seep_json *w, json_t *root, const struct seep_report *report,
			 const struct seep_report_options *options)
{
	size_t count = report->findings.len;
	json_t *findings = json_array();

	if (options->top && count > options->top)
		count = options->top;
	for (size_t i = 0; i < count; i++)
		seep_json_append(w, findings, finding_json(w, &report->findings.data[i]));
	seep_json_set(w, root, "findings", findings);
	seep_json_set_known(w, root, "findings_left_out", report->findings.len - count);
	seep_json_set_suppressed(w, root, report);
	seep_json_set(w, root, "holders",
		      holders_json(w, report->holders.data, report->holders.len));
}

struct seep_error *seep_report_write_json(const struct seep_report *report,
					  const struct seep_report_options *options, FILE *file)
{
	json_auto_t *root = json_object();
	struct seep_json w = { .failed = !root };

	seep_json_set_string(&w, root, "schema", "seep/1");
	seep_json_set(&w, root, "target", target_json(&w, report));
	seep_json_set(&w, root, "capture", capture_json(&w, report));
	seep_json_set(&w, root, "goroutines", goroutines_json(&w, report));
	seep_json_set(&w, root, "heap", heap_json(&w, report));
	json_t *memory = memory_json(&w, report);
	if (json_object_size(memory))
		seep_json_set(&w, root, "memory", memory);
	else
		json_decref(memory);
	if (report->types.objects)
		seep_json_set(&w, root, "types", types_json(&w, report));
	// Where nothing was looked for, nothing is said to be found.
	if (options->view == SEEP_REPORT_TOP)
		seep_json_set(&w, root, "top", top_json(&w, report));
	else if (options->view == SEEP_REPORT_PATHS)
		seep_json_set(&w, root, "paths", paths_json(&w, report));
	else
		set_findings(&w, root, report, options);
	json_t *caveats = seep_json_strings(&w, report->caveats.data, report->caveats.len);
	seep_vec_foreach(note, &report->notes)
		seep_json_append(&w, caveats, seep_json_string(*note));
	seep_json_set(&w, root, "caveats", caveats);

	return seep_json_finish(&w, root, file);
}
