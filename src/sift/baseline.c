// Former reports. What is read of them is little, but all of that must be there and be of its kind: a finding that was misread would
// hide another one.
#include "sift/baseline.h"

#include "sift/file.h"

#include <jansson.h>
#include <string.h>

/** Where we are in the report, for messages. */
struct place {
	struct seep_baseline *baseline;
	const char *list;
	size_t i;
};

static const char *keep_string(struct seep_baseline *baseline, const char *text)
{
	char *copy = strdup(text);

	if (copy && seep_vec_push(&baseline->strings, copy))
		return copy;
	free(copy);
	return NULL;
}

static struct seep_error *keep_text(struct seep_baseline *baseline, const json_t *value,
				    const char **ret)
{
	if (!json_is_string(value))
		return NULL;
	*ret = keep_string(baseline, json_string_value(value));
	return *ret ? NULL : &seep_enomem;
}

static struct seep_error *bad_key(const struct place *place, const char *key, const char *what)
{
	return seep_error_format(SEEP_ERROR_USAGE,
				 "%s is no report of seep: %s of %s[%zu] is not %s",
				 place->baseline->path, key, place->list, place->i, what);
}

static struct seep_error *read_signature(const struct place *place, const json_t *object,
					 uint64_t *ret)
{
	const char *text = json_string_value(json_object_get(object, "signature"));
	size_t len = text ? strlen(text) : 0;

	if (len != 16 || strspn(text, "0123456789abcdef") != len)
		return bad_key(place, "signature", "16 hexadecimal digits");
	*ret = strtoull(text, NULL, 16);
	return NULL;
}

static struct seep_error *read_verdict(const struct place *place, const json_t *object,
				       enum seep_verdict *ret)
{
	const char *text = json_string_value(json_object_get(object, "verdict"));

	for (enum seep_verdict v = SEEP_VERDICT_PROVEN; text && v <= SEEP_VERDICT_INTENDED; v++)
		if (strcmp(text, seep_verdict_name(v)) == 0) {
			*ret = v;
			return NULL;
		}
	return bad_key(place, "verdict", "one that this seep knows");
}

/** A number that may be missing if it is 0. */
static struct seep_error *read_number(const struct place *place, const json_t *object,
				      const char *key, uint64_t *ret)
{
	const json_t *value = json_object_get(object, key);

	*ret = 0;
	if (!value)
		return NULL;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return bad_key(place, key, "a number");
	*ret = (uint64_t)json_integer_value(value);
	return NULL;
}

static struct seep_error *read_finding(const struct place *place, const json_t *object)
{
	struct seep_error *err;
	struct seep_baseline_entry entry = {};
	uint64_t retained = 0, wasted = 0;

	if (!json_is_string(json_object_get(object, "cause")))
		return bad_key(place, "cause", "a text");
	err = keep_text(place->baseline, json_object_get(object, "cause"), &entry.cause);
	if (!err)
		err = read_signature(place, object, &entry.signature);
	if (!err)
		err = read_verdict(place, object, &entry.verdict);
	if (!err)
		err = read_number(place, object, "count", &entry.count);
	if (!err)
		err = read_number(place, object, "retained_bytes", &retained);
	if (!err)
		err = read_number(place, object, "wasted_bytes", &wasted);
	if (err)
		return err;
	entry.bytes = retained > wasted ? retained : wasted;
	return seep_vec_push(&place->baseline->entries, entry) ? NULL : &seep_enomem;
}

/** What a rule hid is not known by the baseline: with the rule's end it is to come back. */
static struct seep_error *read_list(struct seep_baseline *baseline, const json_t *root,
				    const char *list)
{
	struct seep_error *err = NULL;
	const json_t *array = json_object_get(root, list);
	struct place place = { .baseline = baseline, .list = list };

	for (; place.i < json_array_size(array) && !err; place.i++) {
		const json_t *object = json_array_get(array, place.i);
		if (!json_object_get(object, "rule"))
			err = read_finding(&place, object);
	}
	return err;
}

static struct seep_error *read_report(struct seep_baseline *baseline, const json_t *root)
{
	struct seep_error *err;
	const char *schema = json_string_value(json_object_get(root, "schema"));
	const json_t *target = json_object_get(root, "target"),
		     *left_out = json_object_get(root, "findings_left_out");

	if (!schema)
		return seep_error_format(
			SEEP_ERROR_USAGE,
			"%s is no report of seep: it has no schema; `seep --json -o FILE PID' writes one",
			baseline->path);
	if (strcmp(schema, "seep/1") != 0)
		return seep_error_format(SEEP_ERROR_USAGE,
					 "%s has the schema '%.60s'; this seep reads seep/1",
					 baseline->path, schema);
	if (!json_is_array(json_object_get(root, "findings")))
		return seep_error_format(
			SEEP_ERROR_USAGE,
			"%s has no list of findings: a baseline is what `seep --json PID' writes, not `seep top' or `seep why'",
			baseline->path);
	if (json_is_integer(left_out) && json_integer_value(left_out) > 0)
		baseline->left_out = (uint64_t)json_integer_value(left_out);
	err = keep_text(baseline, json_object_get(target, "main_path"), &baseline->main_path);
	if (!err)
		err = keep_text(baseline, json_object_get(target, "exe"), &baseline->exe);
	if (!err)
		err = read_list(baseline, root, "findings");
	return err ? err : read_list(baseline, root, "suppressed");
}

struct seep_error *seep_baseline_parse(struct seep_baseline *baseline, const char *path,
				       const char *text, size_t len)
{
	json_error_t error;

	baseline->path = keep_string(baseline, path);
	if (!baseline->path)
		return &seep_enomem;
	json_auto_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		return seep_error_format(SEEP_ERROR_USAGE, "%s is no report of seep: line %d: %s",
					 path, error.line, error.text);
	return read_report(baseline, root);
}

struct seep_error *seep_baseline_read(struct seep_baseline *baseline, const char *path)
{
	struct seep_error *err;
	_cleanup_free_ char *text = NULL;
	size_t len;

	err = seep_sift_read_file(path, SEEP_BASELINE_BYTES_MAX, &text, &len);
	return err ? err : seep_baseline_parse(baseline, path, text, len);
}

void seep_baseline_deinit(struct seep_baseline *baseline)
{
	seep_vec_foreach(string, &baseline->strings)
		free(*string);
	seep_vec_free(&baseline->strings);
	seep_vec_free(&baseline->entries);
	*baseline = (struct seep_baseline){};
}
