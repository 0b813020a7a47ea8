/** What a function's code does with locks. Private to runtime/. */
#ifndef SEEP_RUNTIME_LOCK_CODE_H
#define SEEP_RUNTIME_LOCK_CODE_H

#include "binary/code.h"
#include "runtime/runtime.h"

enum { SEEP_LEVELS_MAX = 6 };

/** A source position with the inlining that leads to it, outermost first, without the levels inside package sync. */
struct seep_levels {
	struct seep_position at[SEEP_LEVELS_MAX];
	uint8_t count;
	bool wrapper; /** in a wrapper that the compiler made for a defer or go statement */
};

struct seep_lock_op {
	seep_addr pc; /** of the call or atomic */
	bool unlock;
	struct seep_origin arg; /** the lock's address, less `inside` */
	int32_t inside; /** offset of what the origin names within the lock */
	struct seep_levels levels;
};

struct seep_lock_code {
	struct seep_vec(struct seep_lock_op) ops;
};

/** Analyses functions on demand and keeps what it found. */
struct seep_lock_coder {
	const struct seep_runtime *runtime;
	struct seep_vec(seep_addr) entries; /** of the functions that lock and unlock, sorted */
	struct seep_vec(bool) entry_unlocks; /** by entry */
	struct seep_map by_func; /** function index → struct seep_lock_code * */
	struct seep_map
		helpers; /** entry → struct seep_lock_code * of a small function, sync's own calls only */
	struct seep_vec(struct seep_lock_code *) all;
};

struct seep_error *seep_lock_coder_init(struct seep_lock_coder *coder,
					const struct seep_runtime *runtime) _must_check_;
void seep_lock_coder_deinit(struct seep_lock_coder *coder);

/** The lock operations of func in code order; NULL when it has none (or its code cannot be read). */
const struct seep_lock_code *seep_lock_code_of(struct seep_lock_coder *coder,
					       const struct seep_func *func);

void seep_levels_of(const struct seep_runtime *runtime, const struct seep_func *func, seep_addr pc,
		    struct seep_levels *ret);
/** Source order: negative if a stands before b, 0 on the same line of the same function. */
int seep_levels_compare(const struct seep_levels *a, const struct seep_levels *b);
/** Does op unlock without any Lock before it in the same function? */
bool seep_lock_op_is_foreign(const struct seep_lock_code *code, const struct seep_lock_op *op);

#endif
