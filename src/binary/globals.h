/**
 * Addresses of the runtime's package variables without a symbol table: taken from the instructions of small runtime functions
 * that refer to them. Each recipe was checked on Go 1.18 to 1.27; two functions must agree wherever two are known.
 */
#ifndef SEEP_BINARY_GLOBALS_H
#define SEEP_BINARY_GLOBALS_H

#include "binary/layout.h"

struct seep_globals {
	seep_addr allglen, allgptr;
	seep_addr allp; /** slice header */
	seep_addr allm;
	seep_addr mheap; /** runtime.mheap_ */
	seep_addr gcphase;
	seep_addr semtable;
	uint32_t semtable_stride; /** bytes from one root to the next; there are 251 */
	seep_addr wait_reasons; /** [N]string */
	uint32_t wait_reason_count;
	seep_addr finq, allfin;
	seep_addr cleanups; /** runtime.gcCleanups, 1.25+, else 0 */
	// From here on 0 where they cannot be told: nothing essential rests on them.
	seep_addr mem_profile_rate; /** runtime.MemProfileRate */
	seep_addr gc_controller; /** runtime.gcController */
	seep_addr memstats_enablegc, memstats_other_sys; /** fields of runtime.memstats */
	seep_addr persistent_chunks; /** runtime.persistentChunks: head of the list */
	seep_addr gc_bits_arenas; /** runtime.gcBitsArenas: a lock and the heads of four lists */
	seep_addr buckhash; /** runtime.buckhash: pointer to the table of profile records */
};

/**
 * Errors: MISSING_INFO naming the variable that could not be found. Values are addresses in the target (bias applied);
 * what they point to is checked by runtime/, not here.
 */
struct seep_error *seep_globals_find(const struct seep_pclntab *tab,
				     const struct seep_layout *layout, int minor,
				     struct seep_globals *ret) _must_check_;

#endif
