/** sync.Pool: which pools there are and what they keep. */
#ifndef SEEP_RUNTIME_POOL_H
#define SEEP_RUNTIME_POOL_H

#include "runtime/runtime.h"

struct seep_pool_item {
	seep_addr type, data; /** as in an interface: descriptor, data word */
};

struct seep_pool {
	seep_addr addr; /** of the sync.Pool */
	seep_addr new_func; /** pc of its New, 0 if it has none */
	struct seep_vec(struct seep_pool_item) items; /** also those of the victim cache */
};

struct seep_pools {
	struct seep_vec(struct seep_pool) pools; /** in use since the last but one collection */
};

/** Finding none is no error. Errors: NO_MEMORY. */
struct seep_error *seep_pools_read(const struct seep_runtime *runtime, struct seep_pools *ret)
	_must_check_;
void seep_pools_deinit(struct seep_pools *pools);

#endif
