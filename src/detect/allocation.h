/** Where the objects of a finding were allocated, in words. */
#ifndef SEEP_DETECT_ALLOCATION_H
#define SEEP_DETECT_ALLOCATION_H

#include "detect/detect.h"

/**
 * Gives the finding the object's allocation stack, if the runtime has sampled it and the finding has none yet: without the allocator's own
 * frames at the top. Returns whether the finding has one now; to be tried with one object after the other.
 */
bool seep_text_allocated(const struct seep_view *view, struct seep_report *report,
			 struct seep_object object, struct seep_finding *finding);
/** For a finding that would have liked one: adds a caveat, once, if the program samples no allocations at all. */
void seep_text_unsampled(const struct seep_view *view, struct seep_report *report);

#endif
