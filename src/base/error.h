/**
 * Errors: every function that can fail returns `struct seep_error *`, NULL for success.
 *
 * An error is owned by whoever receives it and ends in seep_error_destroy(), in being returned, or in cli/, which
 * prints one line and chooses the exit code. Layers add what they know in front with seep_error_prefix().
 */
#ifndef SEEP_BASE_ERROR_H
#define SEEP_BASE_ERROR_H

#include "base/cleanup.h"

enum seep_error_code {
	SEEP_ERROR_NO_MEMORY,
	SEEP_ERROR_OS, /** A system call failed for a reason that has no code of its own. */
	SEEP_ERROR_NOT_PERMITTED, /** The kernel refuses us; the message names the remedy. */
	SEEP_ERROR_GONE, /** The process does not exist or ended under us. */
	SEEP_ERROR_FAULT, /** An address of the target cannot be read. */
	SEEP_ERROR_BAD_DATA, /** What was read contradicts its format. */
	SEEP_ERROR_MISSING_INFO, /** Something needed is not in the binary. */
	SEEP_ERROR_UNSUPPORTED, /** Not Go, too old, another architecture. */
	SEEP_ERROR_INTERRUPTED,
	SEEP_ERROR_BUDGET, /** A limit that the user set was hit. */
	SEEP_ERROR_CHANGED, /** What was to be copied is no longer as it was in the stop. */
	SEEP_ERROR_USAGE,
};

struct seep_error {
	enum seep_error_code code;
	char *message; /** One line, from general to particular; escaped for a terminal only when printed. */
};

/** The error for failed allocations; static, so that reporting it cannot fail. */
extern struct seep_error seep_enomem;

/** New error with a formatted message; &seep_enomem when there is no memory for it. */
struct seep_error *seep_error_format(enum seep_error_code code, const char *format, ...)
	_must_check_ _printf_(2, 3);
/** Like seep_error_format() with ": strerror(errnum)" behind; EPERM/EACCES and ESRCH choose their own codes. */
struct seep_error *seep_error_os(int errnum, const char *format, ...) _must_check_ _printf_(2, 3);
/** Puts "format: " in front of the message of err and returns it. */
struct seep_error *seep_error_prefix(struct seep_error *err, const char *format, ...)
	_must_check_ _printf_(2, 3);
void seep_error_destroy(struct seep_error *err);

#endif
