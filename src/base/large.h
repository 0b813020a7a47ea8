/** Memory for arrays with an entry for each object of a heap. */
#ifndef SEEP_BASE_LARGE_H
#define SEEP_BASE_LARGE_H

#include <stddef.h>

/**
 * count * size bytes, not zeroed, for free(); NULL when memory is out or the product overflows. Arrays of many megabytes that are
 * accessed at random get large pages where the kernel has them: else most accesses miss the TLB, too.
 */
void *seep_large_alloc(size_t count, size_t size);

#endif
