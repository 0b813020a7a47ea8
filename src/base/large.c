// Large arrays on large pages. That the kernel has none is no error.
#include "base/large.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { LARGE_PAGE = 2 << 20 };

void *seep_large_alloc(size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) ||
	    __builtin_add_overflow(bytes, (size_t)LARGE_PAGE, &bytes))
		return NULL;
	bytes -= LARGE_PAGE;
	if (bytes < 2 * LARGE_PAGE)
		return malloc(bytes ? bytes : 1);
	bytes = (bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
	void *memory = aligned_alloc(LARGE_PAGE, bytes);
	if (memory)
		madvise(memory, bytes, MADV_HUGEPAGE);
	return memory;
}
