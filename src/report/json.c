// The building blocks of the JSON formats: see json.h.
//
// jansson returns NULL when memory is out and accepts NULL everywhere by failing, so a failure is noted
// and looked at once, at the end.
#include "report/json.h"

#include "base/str.h"
#include "report/internal.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

void seep_json_set(struct seep_json *w, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		w->failed = true;
}

void seep_json_append(struct seep_json *w, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) != 0)
		w->failed = true;
}

json_t *seep_json_string(const char *text)
{
	_cleanup_(seep_str_deinit) struct seep_str safe = {};

	seep_str_add_escaped(&safe, text, strlen(text));
	return safe.failed ? NULL : json_string(seep_str_text(&safe));
}

void seep_json_set_string(struct seep_json *w, json_t *object, const char *key, const char *text)
{
	if (text && *text)
		seep_json_set(w, object, key, seep_json_string(text));
}

void seep_json_set_number(struct seep_json *w, json_t *object, const char *key, uint64_t n)
{
	seep_json_set(w, object, key, json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n));
}

void seep_json_set_known(struct seep_json *w, json_t *object, const char *key, uint64_t n)
{
	if (n)
		seep_json_set_number(w, object, key, n);
}

void seep_json_set_address(struct seep_json *w, json_t *object, const char *key, seep_addr addr)
{
	if (addr)
		seep_json_set(w, object, key, json_sprintf("0x%" PRIx64, addr));
}

json_t *seep_json_frame(struct seep_json *w, const struct seep_frame_text *frame)
{
	json_t *object = json_object();

	seep_json_set_string(w, object, "function", frame->function);
	seep_json_set_string(w, object, "file", frame->file);
	if (frame->line > 0)
		seep_json_set_number(w, object, "line", (uint64_t)frame->line);
	return object;
}

void seep_json_set_frame(struct seep_json *w, json_t *object, const char *key,
			 const struct seep_frame_text *frame)
{
	if (frame->function || frame->file)
		seep_json_set(w, object, key, seep_json_frame(w, frame));
}

json_t *seep_json_frames(struct seep_json *w, const struct seep_frame_text *frames, size_t len)
{
	json_t *array = json_array();

	for (size_t i = 0; i < len; i++)
		seep_json_append(w, array, seep_json_frame(w, &frames[i]));
	return array;
}

json_t *seep_json_strings(struct seep_json *w, const char *const *strings, size_t len)
{
	json_t *array = json_array();

	for (size_t i = 0; i < len; i++)
		if (strings[i])
			seep_json_append(w, array, seep_json_string(strings[i]));
	return array;
}

json_t *seep_json_object(struct seep_json *w, const struct seep_finding_object *held)
{
	json_t *object = json_object();

	seep_json_set_address(w, object, "address", held->address);
	seep_json_set_string(w, object, "type", held->type);
	seep_json_set_known(w, object, "size", held->size);
	if (held->has_visible)
		seep_json_set_number(w, object, "visible_bytes", held->visible_bytes);
	if (held->path_len)
		seep_json_set(w, object, "path", seep_json_strings(w, held->path, held->path_len));
	return object;
}

json_t *seep_json_holder(struct seep_json *w, const struct seep_holder *holder)
{
	json_t *object = json_object();

	seep_json_set_string(w, object, "kind", holder->kind);
	seep_json_set_string(w, object, "name", holder->name);
	seep_json_set_number(w, object, "count", holder->count);
	seep_json_set_number(w, object, "bytes", holder->bytes);
	seep_json_set_number(w, object, "retained_bytes", holder->retained_bytes);
	if (holder->path_len)
		seep_json_set(w, object, "path",
			      seep_json_strings(w, holder->path, holder->path_len));
	seep_json_set_string(w, object, "point", holder->point);
	return object;
}

json_t *seep_json_parts(struct seep_json *w, const struct seep_ledger_part *parts, size_t len)
{
	json_t *array = json_array();

	for (size_t i = 0; i < len; i++) {
		json_t *object = json_object();

		seep_json_set_string(w, object, "name", parts[i].name);
		seep_json_set_number(w, object, "bytes", parts[i].bytes);
		seep_json_append(w, array, object);
	}
	return array;
}

struct seep_error *seep_json_finish(struct seep_json *w, const json_t *root, FILE *file)
{
	struct seep_error *err;
	_cleanup_free_ char *text =
		w->failed ? NULL : json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER);

	if (!text)
		return &seep_enomem;
	err = seep_report_put(file, text, strlen(text));
	return err ? err : seep_report_put(file, "\n", 1);
}
