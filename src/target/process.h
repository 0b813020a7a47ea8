/** The processes of this machine, for `seep ps`: what /proc says without attaching. */
#ifndef SEEP_TARGET_PROCESS_H
#define SEEP_TARGET_PROCESS_H

#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

/**
 * Calls visit for every process in ascending pid order until it returns an error, which is passed
 * on.
 */
struct seep_error *seep_process_each(struct seep_error *(*visit)(pid_t pid, void *arg), void *arg)
	_must_check_;
/** Opens /proc/PID/exe; -1 when that is refused or there is none. */
int seep_process_open_exe(pid_t pid);
/** The path of the executable, owned; NULL when that is refused or there is none. */
char *seep_process_exe_path(pid_t pid);
/** Resident set in bytes, 0 if unknown. */
uint64_t seep_process_rss(pid_t pid);
/** The command line with spaces between words (owned), or the short name in brackets, or NULL. */
char *seep_process_command(pid_t pid);
/**
 * NULL when an attach would be permitted now, else one short owned reason ("user 1000's, run as
 * root", ...). Stops nothing.
 */
char *seep_process_why_not(pid_t pid);

#endif
