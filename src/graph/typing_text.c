// Types and fields in words.
//
// Storage of maps has types of its own, map.bucket[K]V with fields topbits, keys, elems, overflow, and map.group[K]V with
// ctrl and slots of key and elem (Go 1.27: also keys and elems). Nobody wrote those: they are told as map[K]V, [key] and [...].
#include "graph/typing.h"

#include <string.h>

static const char *map_storage(const char *name)
{
	if (strncmp(name, "map.bucket[", 11) == 0)
		return name + 10;
	if (strncmp(name, "map.group[", 10) == 0)
		return name + 9;
	return NULL;
}

bool seep_typing_name(const struct seep_typing *typing, struct seep_object object,
		      struct seep_str *text)
{
	struct seep_types *types = typing->shapes.types;
	const struct seep_content_type *c = seep_typing_content(typing, object);
	const struct seep_span *span = &typing->runtime->heap.spans.data[object.span];
	struct seep_func func;
	const char *name;

	switch (c->content) {
	case SEEP_CONTENT_SHAPE: {
		name = c->type ? seep_type_name(types, c->type) :
				 typing->shapes.shapes.data[c->shape].name;
		if (!name)
			return false;
		const char *storage = map_storage(name);
		uint64_t size = typing->shapes.shapes.data[c->shape].size;
		if (storage)
			seep_str_addf(text, "map%s", storage);
		else // as many as two fit: it was made as an array
			seep_str_addf(text, "%s%s", span->elem_size >= 2 * size && size ? "[]" : "",
				      name);
		return true;
	}
	case SEEP_CONTENT_BYTES:
		seep_str_add(text, "string");
		return true;
	case SEEP_CONTENT_MAP:
	case SEEP_CONTENT_MAP_TABLE:
	case SEEP_CONTENT_MAP_DIRECTORY:
		name = seep_type_name(types, c->type);
		seep_str_addf(text, "%s%s", map_storage(name) ? "map" : "",
			      map_storage(name) ?: name);
		return true;
	case SEEP_CONTENT_CHANNEL:
		seep_str_addf(text, "chan %s", c->type ? seep_type_name(types, c->type) : "?");
		return true;
	case SEEP_CONTENT_CLOSURE:
		if (seep_pclntab_find(&typing->runtime->binary->pclntab, c->type, &func))
			seep_str_addf(text, "func %s", func.name);
		else
			seep_str_add(text, "func");
		return true;
	default:
		return false;
	}
}

/** A step in a map's storage: what stands behind .elems[3] or .slots[3].elem is the value's. */
static void add_map_step(const char *path, bool any_index, struct seep_str *text)
{
	const char *elem = strstr(path, ".elem"), *key = strstr(path, ".key");
	const char *at = elem && (!key || elem < key) ? elem : key;

	(void)any_index;
	if (!at)
		return;
	seep_str_add(text, at == elem ? "[...]" : "[key]");
	at += at == elem ? 5 : 4;
	if (*at == 's') { // an array of them, with an index
		at++;
		const char *end = strchr(at, ']');
		at = *at == '[' && end ? end + 1 : at;
	}
	seep_str_add(text, at);
}

void seep_typing_step(const struct seep_typing *typing, struct seep_object object, uint64_t offset,
		      bool any_index, struct seep_str *text)
{
	struct seep_types *types = typing->shapes.types;
	const struct seep_content_type *c = seep_typing_content(typing, object);
	const struct seep_span *span = &typing->runtime->heap.spans.data[object.span];
	uint64_t start = seep_content_start(span), size = typing->shapes.shapes.data[c->shape].size;

	if (c->content == SEEP_CONTENT_CLOSURE && offset >= 8) {
		seep_str_addf(text, " captured %llu", (unsigned long long)(offset / 8));
		return;
	}
	if (c->content == SEEP_CONTENT_CHANNEL) {
		seep_str_add(text, " buffer");
		return;
	}
	if (c->content != SEEP_CONTENT_SHAPE || offset < start || !size || !c->type)
		return;
	offset -= start;
	_cleanup_(seep_str_deinit) struct seep_str path = {};
	seep_type_path(types, c->type, offset % size, any_index, &path);
	if (map_storage(seep_type_name(types, c->type))) {
		add_map_step(seep_str_text(&path), any_index, text);
	} else {
		if (span->elem_size - start >= 2 * size) {
			if (any_index)
				seep_str_add(text, "[...]");
			else
				seep_str_addf(text, "[%llu]", (unsigned long long)(offset / size));
		}
		seep_str_add(text, seep_str_text(&path));
	}
	text->failed |= path.failed;
}
