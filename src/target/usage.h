/**
 * What the kernel says of a process's memory: how much of each mapping is resident, which pages, and what its control
 * group allows. Asked while the process runs on, right after the stop: the values are of a moment later than the copy.
 */
#ifndef SEEP_TARGET_USAGE_H
#define SEEP_TARGET_USAGE_H

#include "base/vec.h"
#include "target/target.h"

struct seep_usage_mapping {
	seep_addr start, end;
	uint64_t rss; /** bytes, maybe 0, as the kernel counts: what Rss of smaps_rollup is the sum of */
	bool file_backed, shared, is_exe;
	bool stack, brk; /** the main thread's stack; the C heap that brk() moves */
	bool kernel; /** [vdso] and its like: pages that the kernel shows to every process */
	bool go; /** named by the Go runtime ("[anon: Go: ...]", 1.25+ on kernels that keep names) */
};

struct seep_usage {
	uint64_t rss; /** 0 = not known */
	uint64_t swap; /** bytes that were swapped out, and are no part of rss */
	bool by_mapping; /** the mappings are known; else there is the sum at most */
	bool by_page; /** and the resident pages of the anonymous private ones */
	struct seep_vec(struct seep_usage_mapping) mappings; /** ascending */
	struct seep_vec(struct seep_range) resident; /** those pages, ascending */
	uint64_t cgroup_limit; /** of the group or one above it, the least; 0 = none or not known */
	uint64_t cgroup_usage; /** of the group that has this limit, or else its own; 0 = not known */
	char gogc[32], gomemlimit[32]; /** the environment at the start, "" = not set */
};

/** Best effort: what cannot be read stays unknown. Errors: NO_MEMORY. */
struct seep_error *seep_usage_read(struct seep_target *target, struct seep_usage *ret) _must_check_;
void seep_usage_deinit(struct seep_usage *usage);

/** Resident bytes of [start, end) as far as pages are known. */
uint64_t seep_usage_resident(const struct seep_usage *usage, seep_addr start, seep_addr end);

/** Name of a Linux system call of amd64, NULL for a number that has none. */
const char *seep_syscall_name(int64_t number);

#endif
