/** The three questions about who holds how much; seep_describe_holders() asks those that the options want. */
#ifndef SEEP_DETECT_HOLDERS_H
#define SEEP_DETECT_HOLDERS_H

#include "detect/detect.h"

/** report->holders: what retains at least a tenth of the heap. */
seep_detect seep_describe_suspects;
/** report->top: types, package variables and goroutines by what they retain. */
seep_detect seep_describe_top;
/** report->paths: who holds an address, or the objects of a type. USAGE if there is no such object. */
seep_detect seep_describe_paths;

/** By retained bytes, then own, then name; the largest first. For qsort(), of struct seep_holder. */
int seep_holder_compare(const void *a, const void *b);

#endif
