/** Work that several threads do at once. */
#ifndef SEEP_BASE_POOL_H
#define SEEP_BASE_POOL_H

#include <stdint.h>

/** How many threads are worth having: one for each processor that this process may use, up to 64; or as set. */
unsigned seep_pool_threads(void);
/** Of two ways, the one with several threads is worth its trouble from so much work on: `least`, but 0 where threads are set. */
uint64_t seep_pool_least(uint64_t least);
/**
 * For tests: has so many threads work, whatever the machine has, however little there is to do; 0 = as many as there are processors. Not
 * while work is done.
 */
void seep_pool_set_threads(unsigned threads);

/**
 * Calls work(arg, i) once for each i below count, and returns when all have returned. The calls run beside each other, 0 on the calling thread,
 * as far as the system gives threads; those for which there is none run here, one after the other, when 0 has returned. So none may wait for
 * another to begin.
 */
void seep_pool_run(unsigned count, void (*work)(void *arg, unsigned i), void *arg);

#endif
