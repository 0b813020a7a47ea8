/** What a copy would be like, before it is made by seep_runtime_snapshot() (runtime.h). */
#ifndef SEEP_RUNTIME_SNAPSHOT_H
#define SEEP_RUNTIME_SNAPSHOT_H

#include "runtime/runtime.h"

/** Bytes that a copy would have now, and whether that is enough for pre-copy to pay. Reads a little, stops nothing. */
uint64_t seep_snapshot_bytes(struct seep_target *target, const struct seep_binary *binary,
			     bool *worth_watching_ret);

#endif
