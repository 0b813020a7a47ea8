/** The parts of the executable's file that anything in this folder reads: what a capture must keep of it. */
#ifndef SEEP_BINARY_EXTENT_H
#define SEEP_BINARY_EXTENT_H

#include "base/vec.h"
#include "binary/image.h"

struct seep_file_ranges seep_vec(struct seep_range);

/** Adds them to ret: offsets in the file, any order, overlaps and what lies beyond its end not excluded. Errors: NO_MEMORY. */
struct seep_error *seep_image_extent(const struct seep_image *image, struct seep_file_ranges *ret)
	_must_check_;

#endif
