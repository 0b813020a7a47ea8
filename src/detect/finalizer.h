/** What finalizer.c and finalizer_stuck.c have in common: finalizers in words. */
#ifndef SEEP_DETECT_FINALIZER_H
#define SEEP_DETECT_FINALIZER_H

#include "detect/detect.h"

/**
 * The function of a finalizer or cleanup and the line where it begins; borrowed from the executable. Function NULL if unknown. words: of the
 * special or of the queue's entry, cleanup first.
 */
struct seep_frame_text seep_text_finalizer(const struct seep_view *view, const seep_addr *words,
					   bool cleanup);
/** "*main.node", "map[string]int", "func main.f.func1" or "object of 4,096 bytes"; type: *T if it is known, else 0. Owned by the report. */
const char *seep_text_finalized(const struct seep_view *view, struct seep_report *report,
				struct seep_object object, seep_addr type);

/** finalizer-stuck alone. */
seep_detect seep_detect_stuck_finalizers;

#endif
