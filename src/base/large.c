// Large arrays on large pages. That the kernel has none is no error.
#include "base/large.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LARGE_PAGE = 2 << 20, GIVE_BACK = 512 << 10 };

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

void seep_large_give_back(void)
{
	// Else glibc raises it to the size of what is freed, up to 32 MB, and keeps all that is smaller.
	mallopt(M_MMAP_THRESHOLD, GIVE_BACK);
}

uint64_t seep_large_resident(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
