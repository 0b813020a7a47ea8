/** Numbers for the types of objects, by name: what people take for one type is one number. */
#ifndef SEEP_DETECT_OBJECT_TYPES_H
#define SEEP_DETECT_OBJECT_TYPES_H

#include "detect/detect.h"

enum {
	SEEP_OBJECT_TYPE_UNKNOWN, /** with pointers */
	SEEP_OBJECT_TYPE_UNKNOWN_BYTES, /** without */
	SEEP_OBJECT_TYPES_KNOWN,
};

struct seep_object_types {
	const struct seep_view *view;
	struct seep_report *report; /** owns the names */
	struct seep_vec(const char *) names; /** by number */
	bool failed; /** memory ran out: some numbers are wrong */
	// private
	struct seep_map by_content, by_hash;
	uint64_t last_key;
	uint32_t last;
};

void seep_object_types_init(struct seep_object_types *types, const struct seep_view *view,
			    struct seep_report *report);
void seep_object_types_deinit(struct seep_object_types *types);
uint32_t seep_object_type(struct seep_object_types *types, struct seep_object object);

#endif
