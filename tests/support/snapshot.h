/** The copy that a test's program works on. */
#ifndef SEEP_TESTS_SUPPORT_SNAPSHOT_H
#define SEEP_TESTS_SUPPORT_SNAPSHOT_H

#include "runtime/runtime.h"

/**
 * Copies the process by the method that the environment's SEEP_TEST_PAUSE names: precopy or stop; auto unless it does. With precopy it
 * is an error if that cannot be had.
 */
struct seep_error *take_snapshot(struct seep_target *target, const struct seep_binary *binary)
	_must_check_;

#endif
