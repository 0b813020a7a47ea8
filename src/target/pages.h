/** Sets of pages as bitmaps: one bit for each page from some start on. */
#ifndef SEEP_TARGET_PAGES_H
#define SEEP_TARGET_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Makes the bits [first, end) be value. */
void seep_pages_put(uint64_t *bits, size_t first, size_t end, bool value);
/** The first page in [first, end) whose bit is value; end if there is none. */
size_t seep_pages_next(const uint64_t *bits, size_t first, size_t end, bool value);

#endif
