// What grew, as JSON, schema seep-diff/1: docs/diff.md describes it.
#include "report/growth.h"

#include "report/json.h"
#include "report/wording.h"

#include <inttypes.h>
#include <jansson.h>

static json_t *look_json(struct seep_json *w, const struct seep_growth *growth, size_t i)
{
	const struct seep_report *look = growth->looks[i];
	json_t *object = json_object();

	seep_json_set_known(w, object, "pid", (uint64_t)look->target.pid);
	seep_json_set_string(w, object, "exe", look->target.exe);
	seep_json_set_string(w, object, "main_path", look->target.main_path);
	seep_json_set_string(w, object, "go", look->target.go);
	seep_json_set_string(w, object, "build_id", look->target.build_id);
	seep_json_set_known(w, object, "realtime_ns", look->capture.realtime_ns);
	if (growth->seconds)
		seep_json_set(w, object, "seconds", json_real(growth->seconds[i]));
	return object;
}

static json_t *amounts_json(struct seep_json *w, const struct seep_growth *growth,
			    const struct seep_growth_line *line, bool bytes)
{
	json_t *array = json_array();

	for (size_t i = 0; i < growth->look_count; i++) {
		uint64_t n = bytes ? line->at[i].bytes : line->at[i].count;
		seep_json_append(w, array, json_integer(n < INT64_MAX ? (json_int_t)n : INT64_MAX));
	}
	return array;
}

static void set_finding(struct seep_json *w, json_t *object, const struct seep_finding *finding)
{
	seep_json_set_string(w, object, "cause", finding->cause);
	seep_json_set_string(w, object, "verdict", seep_verdict_name(finding->verdict));
	seep_json_set(w, object, "signature", json_sprintf("%016" PRIx64, finding->signature));
	seep_json_set_string(w, object, "noun", seep_wording_noun(finding));
	seep_json_set_string(w, object, "holder", finding->holder);
	seep_json_set_frame(w, object, "where", &finding->where);
	seep_json_set_frame(w, object, "created", &finding->created);
	seep_json_set_string(w, object, "summary", finding->summary);
	seep_json_set(w, object, "why", seep_json_strings(w, finding->why.data, finding->why.len));
	seep_json_set_string(w, object, "fix", finding->fix);
	seep_json_set_string(w, object, "known", finding->known);
	seep_json_set_string(w, object, "known_source", finding->known_source);
}

static json_t *line_json(struct seep_json *w, const struct seep_growth *growth,
			 const struct seep_growth_line *line)
{
	json_t *object = json_object();

	if (line->finding)
		set_finding(w, object, line->finding);
	else
		seep_json_set_string(w, object, "name", line->name);
	seep_json_set(w, object, "count", amounts_json(w, growth, line, false));
	seep_json_set(w, object, "retained_bytes", amounts_json(w, growth, line, true));
	if (growth->seconds) {
		seep_json_set(w, object, "count_per_second", json_real(line->counts_per_s));
		seep_json_set(w, object, "bytes_per_second", json_real(line->bytes_per_s));
	}
	seep_json_set(w, object, "steady", json_boolean(line->steady));
	seep_json_set(w, object, "stands_out", json_boolean(line->stands_out));
	return object;
}

struct seep_error *seep_growth_write_json(const struct seep_growth *growth,
					  const struct seep_report_options *options, FILE *file)
{
	static const char *const keys[] = {
		[SEEP_GROWTH_FINDING] = "findings",
		[SEEP_GROWTH_GOROUTINES] = "goroutines",
		[SEEP_GROWTH_VARIABLE] = "variables",
		[SEEP_GROWTH_TYPE] = "types",
	};
	struct seep_json w = {};
	json_auto_t *root = json_object();
	json_t *looks = json_array(), *totals = json_object();

	seep_json_set_string(&w, root, "schema", "seep-diff/1");
	for (size_t i = 0; i < growth->look_count; i++)
		seep_json_append(&w, looks, look_json(&w, growth, i));
	seep_json_set(&w, root, "looks", looks);
	seep_json_set(&w, totals, "heap", line_json(&w, growth, &growth->heap));
	seep_json_set(&w, totals, "goroutines", line_json(&w, growth, &growth->goroutines));
	seep_json_set(&w, root, "totals", totals);
	for (unsigned kind = 0; kind < SEEP_GROWTH_KINDS; kind++) {
		json_t *lines = json_array();
		for (size_t i = 0;
		     i < growth->lines[kind].len && (!options->top || i < options->top); i++)
			seep_json_append(&w, lines,
					 line_json(&w, growth, &growth->lines[kind].data[i]));
		seep_json_set(&w, root, keys[kind], lines);
	}
	seep_json_set_suppressed(&w, root, &growth->report);
	json_t *caveats =
		seep_json_strings(&w, growth->report.caveats.data, growth->report.caveats.len);
	seep_vec_foreach(note, &growth->report.notes)
		seep_json_append(&w, caveats, seep_json_string(*note));
	seep_json_set(&w, root, "caveats", caveats);
	return seep_json_finish(&w, root, file);
}
