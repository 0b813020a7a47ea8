/** Memory for arrays with an entry for each object of a heap. */
#ifndef SEEP_BASE_LARGE_H
#define SEEP_BASE_LARGE_H

#include <stddef.h>
#include <stdint.h>

/**
 * count * size bytes, not zeroed, for free(); NULL when memory is out or the product overflows. Arrays of many megabytes that are
 * accessed at random get large pages where the kernel has them: else most accesses miss the TLB, too.
 */
void *seep_large_alloc(size_t count, size_t size);

/**
 * Has the C library give the memory of large blocks back to the system as soon as they are freed, however large those before were. Once, at the start
 * of a program.
 */
void seep_large_give_back(void);
/** Bytes of this process that are in memory, within some hundred KB; 0 if the system does not tell. */
uint64_t seep_large_resident(void);

#endif
