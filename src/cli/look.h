/**
 * A look at a process: what the commands have in common that attach to one. Options for the product and for the run, from the
 * command line to the written report.
 */
#ifndef SEEP_CLI_LOOK_H
#define SEEP_CLI_LOOK_H

#include "cli/options.h"
#include "detect/inspect.h"
#include "report/report.h"

#include <argp.h>

struct seep_look {
	pid_t pid; /** 0 = not given yet */
	bool quiet;
	const char *path;
	const struct seep_report_format_ops *format;
	enum seep_color_when color;
	struct seep_report_options report;
	struct seep_inspect_options inspect;
};

/** --json, --format, -o, --color, -q, --pause, --max-pause, --if-longer, --max-mem: to be the child of a command's argp, with a struct seep_look as its input. */
extern const struct argp seep_look_argp;
/** Takes the PID; USAGE if there is one already. */
struct seep_error *seep_look_take_pid(struct seep_look *look, const char *text) _must_check_;

/**
 * Looks at the process and writes the report, which is initialised and the caller's to deinit. Says what went wrong;
 * returns an exit status, that of a partial report included.
 */
int seep_look_run(struct seep_look *look, struct seep_report *report);

#endif
