/**
 * What every command shares: the shape of a command, the exit statuses, and how an error is told.
 */
#ifndef SEEP_CLI_CLI_H
#define SEEP_CLI_CLI_H

#include "base/error.h"

/** The whole program's exit statuses; seep(1) documents them. */
enum seep_exit {
	SEEP_EXIT_OK = 0,
	SEEP_EXIT_FINDINGS = 1, /** findings at or above --fail-on */
	SEEP_EXIT_USAGE = 2,
	SEEP_EXIT_NOT_PERMITTED = 3,
	SEEP_EXIT_UNSUPPORTED = 4, /** not Go, or a Go program seep cannot read */
	SEEP_EXIT_GONE = 5, /** the target ended, or what it holds makes no sense */
	SEEP_EXIT_PARTIAL = 6, /** a budget was hit */
	SEEP_EXIT_NOT_MET = 7, /** what was waited for did not come in time */
	SEEP_EXIT_INTERNAL = 70, /** seep's own trouble: no memory, output that cannot be written */
};

struct seep_command {
	const char *name, *summary;
	/** argv[0] is "seep NAME". Returns an exit status. */
	int (*run)(int argc, char **argv);
};

int seep_cmd_inspect(int argc, char **argv);
int seep_cmd_top(int argc, char **argv);
int seep_cmd_why(int argc, char **argv);
int seep_cmd_diff(int argc, char **argv);
int seep_cmd_capture(int argc, char **argv);
int seep_cmd_ps(int argc, char **argv);
int seep_cmd_doctor(int argc, char **argv);
int seep_cmd_run(int argc, char **argv);
int seep_cmd_explain(int argc, char **argv);

/**
 * Where memory runs out, seep is to be killed, and not what it looks at. For a command that starts a program: only after that, which
 * would inherit it.
 */
void seep_cli_yield_memory(void);
/**
 * As errors of write(), a broken pipe and a file that is too large get a message and an exit status. A program that seep starts shall have
 * these signals as seep was given them: the second function, in the new process.
 */
void seep_cli_ignore_signals(void);
void seep_cli_restore_signals(void);
/** The exit status that an error's code stands for. */
enum seep_exit seep_cli_status(enum seep_error_code code);
/** Prints "seep: message" on stderr, escaped, and ends the error. Returns its exit status. */
enum seep_exit seep_cli_fail(struct seep_error *err);

#endif
