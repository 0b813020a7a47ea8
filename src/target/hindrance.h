/** Why pre-copy cannot be had, and what mends it. */
#ifndef SEEP_TARGET_HINDRANCE_H
#define SEEP_TARGET_HINDRANCE_H

#include "base/error.h"

enum seep_hindrance {
	SEEP_HINDRANCE_NO_SCAN, /** of PAGEMAP_SCAN */
	SEEP_HINDRANCE_NO_WATCH, /** the kernel's userfaultfd cannot do what watching needs */
	SEEP_HINDRANCE_FILTER,
	SEEP_HINDRANCE_IN_USE,
	SEEP_HINDRANCE_AWAKE, /** no thread sleeps */
	SEEP_HINDRANCE_NO_CHILD,
	SEEP_HINDRANCE_CHILD, /** seep traces it already, from another thread */
	SEEP_HINDRANCE_REFUSED, /** a call on the way to a userfaultfd failed */
};
const char *seep_hindrance_reason(enum seep_hindrance hindrance);
const char *seep_hindrance_remedy(enum seep_hindrance hindrance);
/** UNSUPPORTED, with the reason. errnum: 0, or what a call said. */
struct seep_error *seep_hindrance_error(enum seep_hindrance hindrance, int errnum) _must_check_;

#endif
