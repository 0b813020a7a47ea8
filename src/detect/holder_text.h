/** Who holds memory, by type and field. */
#ifndef SEEP_DETECT_HOLDER_TEXT_H
#define SEEP_DETECT_HOLDER_TEXT_H

#include "base/str.h"
#include "detect/detect.h"

/**
 * Adds the type and field that the pointer at addr belongs to, the same in each run: "map[int]main.record[...].name". Where the type
 * has no name of its own, also whose it is: "[]string[...] in main.cache.items".
 */
void seep_text_holder(const struct seep_view *view, seep_addr addr, struct seep_str *text);
/**
 * The same, said of a pointer that leads to the object `held`: where a stripped program's variable has it, the text begins with the
 * object's type: "[]*main.page in a package variable".
 */
void seep_text_holder_of(const struct seep_view *view, seep_addr addr, struct seep_object held,
			 struct seep_str *text);
/** The same for what leads to an object, one shortest way. "the runtime" where that is no package variable and no object. */
void seep_text_held_by(const struct seep_view *view, struct seep_object object,
		       struct seep_str *text);

#endif
