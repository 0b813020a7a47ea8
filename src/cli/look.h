/**
 * A look at a process, or at a file that keeps one: what the commands have in common that attach to one. Options for the product and for the run, from the
 * command line to the written report.
 */
#ifndef SEEP_CLI_LOOK_H
#define SEEP_CLI_LOOK_H

#include "cli/options.h"
#include "detect/inspect.h"
#include "report/growth.h"
#include "sift/sift.h"

#include <argp.h>

struct seep_look {
	struct seep_source source;
	bool quiet;
	const char *path;
	const struct seep_report_format_ops *format;
	enum seep_color_when color;
	struct seep_report_options report;
	struct seep_inspect_options inspect;
	const struct seep_sift
		*sift; /** what is known already; NULL = nothing, or no findings are asked for */
};

/** --json, --format, -o, --color, -q, --pause, --max-pause, --if-longer, --max-mem: to be the child of a command's argp, with a struct seep_look as its input. */
extern const struct argp seep_look_argp;
/** --exe: likewise, of a command that looks at files, too. */
extern const struct argp seep_source_argp;
/** --all, --only, -v: likewise, of a command that reports findings. */
extern const struct argp seep_scope_argp;
/** Takes a PID, or the path of a core or capture and, after it, that of its executable; USAGE if it is neither, or one too many. */
struct seep_error *seep_look_take_source(struct seep_look *look, const char *text) _must_check_;
static inline bool seep_look_has_source(const struct seep_look *look)
{
	return look->source.pid || look->source.file;
}

/** Looks, and says what went wrong; returns an exit status, PARTIAL with a report in part. */
int seep_look_at(struct seep_look *look, struct seep_report *report);
/** Writes what grew as the options ask for: as text or JSON. */
struct seep_error *seep_look_write_growth(struct seep_look *look, const struct seep_growth *growth)
	_must_check_;
/**
 * Looks at the process and writes the report, which is initialised and the caller's to deinit. Says what went wrong;
 * returns an exit status, that of a partial report included.
 */
int seep_look_run(struct seep_look *look, struct seep_report *report);

#endif
