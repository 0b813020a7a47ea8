// The report as JSON, schema seep/1: stable names and order, sizes in bytes, times in nanoseconds,
// addresses as "0x...".
//
// A key whose value is unknown is left out, never null or guessed. Strings from the target go
// through the same escaping as on a terminal, so that invalid UTF-8 and control characters arrive
// as visible \xNN and the output is always valid JSON. Lists are cut at what findings.h says (10
// goroutines and 10 objects per finding); `count` keeps the full number.
//
// jansson returns NULL when memory is out and accepts NULL everywhere by failing, so `set` and
// `append` note a failure and the end looks at it once.
#include "report/internal.h"

#include "base/str.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

struct writer {
	bool failed;
};

/** Takes value. */
static void set(struct writer *w, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		w->failed = true;
}

/** Takes value. */
static void append(struct writer *w, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) != 0)
		w->failed = true;
}

static json_t *string(const char *text)
{
	_cleanup_(seep_str_deinit) struct seep_str safe = {};

	seep_str_add_escaped(&safe, text, strlen(text));
	return safe.failed ? NULL : json_string(seep_str_text(&safe));
}

static void set_string(struct writer *w, json_t *object, const char *key, const char *text)
{
	if (text && *text)
		set(w, object, key, string(text));
}

static void set_number(struct writer *w, json_t *object, const char *key, uint64_t n)
{
	set(w, object, key, json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n));
}

/** A number that is unknown when 0. */
static void set_known(struct writer *w, json_t *object, const char *key, uint64_t n)
{
	if (n)
		set_number(w, object, key, n);
}

static void set_address(struct writer *w, json_t *object, const char *key, seep_addr addr)
{
	if (addr)
		set(w, object, key, json_sprintf("0x%" PRIx64, addr));
}

static json_t *frame_json(struct writer *w, const struct seep_frame_text *frame)
{
	json_t *object = json_object();

	set_string(w, object, "function", frame->function);
	set_string(w, object, "file", frame->file);
	if (frame->line > 0)
		set_number(w, object, "line", (uint64_t)frame->line);
	return object;
}

static void set_frame(struct writer *w, json_t *object, const char *key,
		      const struct seep_frame_text *frame)
{
	if (frame->function || frame->file)
		set(w, object, key, frame_json(w, frame));
}

static json_t *frames_json(struct writer *w, const struct seep_frame_text *frames, size_t len)
{
	json_t *array = json_array();

	for (size_t i = 0; i < len; i++)
		append(w, array, frame_json(w, &frames[i]));
	return array;
}

static json_t *goroutine_json(struct writer *w, const struct seep_finding_goroutine *goroutine)
{
	json_t *object = json_object();

	set_number(w, object, "id", goroutine->id);
	set_string(w, object, "state", goroutine->state);
	set_known(w, object, "wait_ns", goroutine->wait_ns);
	if (goroutine->wait_kind) {
		json_t *waits_on = json_object();

		set_string(w, waits_on, "kind", goroutine->wait_kind);
		set_address(w, waits_on, "address", goroutine->wait_address);
		set_string(w, waits_on, "type", goroutine->wait_type);
		set(w, object, "waits_on", waits_on);
	}
	set(w, object, "stack", frames_json(w, goroutine->frames, goroutine->frame_count));
	return object;
}

static json_t *strings_json(struct writer *w, const char *const *strings, size_t len)
{
	json_t *array = json_array();

	for (size_t i = 0; i < len; i++)
		if (strings[i])
			append(w, array, string(strings[i]));
	return array;
}

static json_t *object_json(struct writer *w, const struct seep_finding_object *held)
{
	json_t *object = json_object();

	set_address(w, object, "address", held->address);
	set_string(w, object, "type", held->type);
	set_known(w, object, "size", held->size);
	if (held->has_visible)
		set_number(w, object, "visible_bytes", held->visible_bytes);
	if (held->path_len)
		set(w, object, "path", strings_json(w, held->path, held->path_len));
	return object;
}

static json_t *finding_json(struct writer *w, const struct seep_finding *finding)
{
	json_t *object = json_object(), *goroutines = json_array(), *objects = json_array();
	size_t listed = finding->goroutines.len, held = finding->objects.len;

	set_string(w, object, "cause", finding->cause);
	set_string(w, object, "verdict", seep_verdict_name(finding->verdict));
	set(w, object, "signature", json_sprintf("%016" PRIx64, finding->signature));
	set_number(w, object, "count", finding->count);
	set_string(w, object, "noun", finding->noun ? finding->noun : "goroutine");
	set_number(w, object, "retained_bytes", finding->retained_bytes);
	set_known(w, object, "wasted_bytes", finding->wasted_bytes);
	set_known(w, object, "age_ns", finding->age_ns);
	set_string(w, object, "summary", finding->summary);
	set(w, object, "why", strings_json(w, finding->why.data, finding->why.len));
	set_string(w, object, "fix", finding->fix);
	set_frame(w, object, "where", &finding->where);
	set_frame(w, object, "created", &finding->created);
	set_string(w, object, "holder", finding->holder);
	if (finding->allocated_count)
		set(w, object, "allocated",
		    frames_json(w, finding->allocated, finding->allocated_count));
	for (size_t i = 0; i < listed && i < SEEP_FINDING_GOROUTINES_MAX; i++)
		append(w, goroutines, goroutine_json(w, &finding->goroutines.data[i]));
	set(w, object, "goroutines", goroutines);
	for (size_t i = 0; i < held && i < SEEP_FINDING_OBJECTS_MAX; i++)
		append(w, objects, object_json(w, &finding->objects.data[i]));
	set(w, object, "objects", objects);
	return object;
}

static json_t *target_json(struct writer *w, const struct seep_report *report)
{
	json_t *object = json_object();

	set_string(w, object, "kind", "live");
	if (report->target.pid > 0)
		set_number(w, object, "pid", (uint64_t)report->target.pid);
	set_string(w, object, "exe", report->target.exe);
	set_string(w, object, "main_path", report->target.main_path);
	set_string(w, object, "go", report->target.go);
	set_string(w, object, "arch", report->target.arch);
	set(w, object, "stripped", json_boolean(report->target.stripped));
	set_string(w, object, "build_id", report->target.build_id);
	return object;
}

static json_t *capture_json(struct writer *w, const struct seep_report *report)
{
	json_t *object = json_object();

	set_known(w, object, "pause_ns", report->capture.pause_ns);
	set_known(w, object, "total_ns", report->capture.total_ns);
	set_number(w, object, "read_bytes", report->capture.read_bytes);
	set_string(w, object, "method", report->capture.method);
	set_known(w, object, "threads", report->capture.threads);
	return object;
}

static json_t *goroutines_json(struct writer *w, const struct seep_report *report)
{
	json_t *object = json_object(), *by_state = json_object();

	set_number(w, object, "total", report->goroutines.total);
	set_number(w, object, "user", report->goroutines.user);
	set_number(w, object, "leaked", report->goroutines.leaked);
	set_number(w, object, "waiting", report->goroutines.waiting);
	set_number(w, object, "intended", report->goroutines.intended);
	seep_vec_foreach(entry, &report->goroutines.by_state) {
		_cleanup_(seep_str_deinit) struct seep_str state = {};

		seep_str_add_escaped(&state, entry->state, strlen(entry->state));
		w->failed |= state.failed;
		set_number(w, by_state, seep_str_text(&state), entry->count);
	}
	set(w, object, "by_state", by_state);
	return object;
}

static json_t *heap_json(struct writer *w, const struct seep_report *report)
{
	json_t *object = json_object();

	set_number(w, object, "objects", report->heap.objects);
	set_number(w, object, "bytes", report->heap.bytes);
	set_number(w, object, "reachable_objects", report->heap.reachable_objects);
	set_number(w, object, "reachable_bytes", report->heap.reachable_bytes);
	set_number(w, object, "garbage_bytes", report->heap.garbage_bytes);
	set_number(w, object, "stack_bytes", report->heap.stack_bytes);
	return object;
}

struct seep_error *seep_report_write_json(const struct seep_report *report,
					  const struct seep_report_options *options, FILE *file)
{
	json_auto_t *root = json_object();
	struct writer w = { .failed = !root };
	size_t count = report->findings.len;

	if (options->top && count > options->top)
		count = options->top;
	set_string(&w, root, "schema", "seep/1");
	set(&w, root, "target", target_json(&w, report));
	set(&w, root, "capture", capture_json(&w, report));
	set(&w, root, "goroutines", goroutines_json(&w, report));
	set(&w, root, "heap", heap_json(&w, report));
	json_t *findings = json_array();
	for (size_t i = 0; i < count; i++)
		append(&w, findings, finding_json(&w, &report->findings.data[i]));
	set(&w, root, "findings", findings);
	set_known(&w, root, "findings_left_out", report->findings.len - count);
	set(&w, root, "caveats", strings_json(&w, report->caveats.data, report->caveats.len));

	_cleanup_free_ char *text =
		w.failed ? NULL : json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	if (!text)
		return &seep_enomem;
	struct seep_error *err = seep_report_put(file, text, strlen(text));
	return err ? err : seep_report_put(file, "\n", 1);
}
