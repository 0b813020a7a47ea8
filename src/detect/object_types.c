// A name is made once for each content and size of slot, which is all that it depends on; equal names become one number.
#include "detect/object_types.h"

#include "base/str.h"

enum { SIZE_BITS = 40 };

void seep_object_types_init(struct seep_object_types *types, const struct seep_view *view,
			    struct seep_report *report)
{
	*types = (struct seep_object_types){ .view = view,
					     .report = report,
					     .last_key = UINT64_MAX };
	types->failed = !seep_vec_push(&types->names, "(type unknown)") ||
			!seep_vec_push(&types->names, "(type unknown, without pointers)");
}

void seep_object_types_deinit(struct seep_object_types *types)
{
	seep_map_deinit(&types->by_content);
	seep_map_deinit(&types->by_hash);
	seep_vec_free(&types->names);
}

static uint32_t number_of_name(struct seep_object_types *types, const char *name)
{
	uint64_t hash = seep_detect_signature(name, NULL);
	uint64_t *slot;

	while ((slot = seep_map_put(&types->by_hash, hash, NULL)) && *slot &&
	       strcmp(types->names.data[*slot], name) != 0)
		hash++;
	if (slot && *slot)
		return *slot;
	name = seep_report_format(types->report, "%s", name);
	if (!slot || !name || !seep_vec_push(&types->names, name)) {
		types->failed = true;
		return SEEP_OBJECT_TYPE_UNKNOWN;
	}
	*slot = types->names.len - 1;
	return *slot;
}

uint32_t seep_object_type(struct seep_object_types *types, struct seep_object object)
{
	const struct seep_typing *typing = types->view->typing;
	const struct seep_span *span = &types->view->runtime->heap.spans.data[object.span];
	uint32_t content = seep_typing_content_id(typing, span->first + (uint64_t)object.slot);
	_cleanup_(seep_str_deinit) struct seep_str name = {};
	bool added;

	if (content == 0)
		return span->noscan ? SEEP_OBJECT_TYPE_UNKNOWN_BYTES : SEEP_OBJECT_TYPE_UNKNOWN;
	uint64_t key = (uint64_t)content << SIZE_BITS ^ span->elem_size;
	if (key == types->last_key)
		return types->last;
	uint64_t *slot = seep_map_put(&types->by_content, key, &added);
	if (!slot) {
		types->failed = true;
		return SEEP_OBJECT_TYPE_UNKNOWN;
	}
	if (added) {
		if (seep_typing_name(typing, object, &name))
			*slot = number_of_name(types, seep_str_text(&name));
		else
			*slot = span->noscan ? SEEP_OBJECT_TYPE_UNKNOWN_BYTES :
					       SEEP_OBJECT_TYPE_UNKNOWN;
		types->failed |= name.failed;
	}
	types->last_key = key;
	types->last = *slot;
	return types->last;
}
