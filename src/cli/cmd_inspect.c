// seep inspect: looks at one process and reports. The stages are called here; what they do is
// theirs.
#include "cli/cli.h"

#include "cli/options.h"
#include "cli/output.h"
#include "detect/inspect.h"
#include "report/report.h"

#include <argp.h>
#include <string.h>
#include <unistd.h>

enum {
	KEY_JSON = 256,
	KEY_FORMAT,
	KEY_TOP,
	KEY_ONLY,
	KEY_ALL,
	KEY_FAIL_ON,
	KEY_MAX_PAUSE,
	KEY_COLOR
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What is reported:", 1 },
	{ "all", KEY_ALL, NULL, 0,
	  "Also goroutines that wait for something alive, or block for ever on purpose; and all parts of the memory",
	  1 },
	{ "only", KEY_ONLY, "CAUSE,...", 0, "These causes alone; `seep explain' lists them", 1 },
	{ "top", KEY_TOP, "N", 0,
	  "Show N findings in full (text: 5, the rest one line each; JSON: all)", 1 },
	{ "verbose", 'v', NULL, 0,
	  "All evidence, every listed goroutine's stack and object's path, all of the memory", 1 },
	{ NULL, 0, NULL, 0, "How it is written:", 2 },
	{ "json", KEY_JSON, NULL, 0, "As JSON: --format json", 2 },
	{ "format", KEY_FORMAT, "NAME", 0, "text (default) or json", 2 },
	{ "output", 'o', "FILE", 0, "To FILE, which appears whole or not at all", 2 },
	{ "color", KEY_COLOR, "WHEN", 0,
	  "auto (default), always or never; NO_COLOR counts with auto", 2 },
	{ "quiet", 'q', NULL, 0, "No progress on standard error", 2 },
	{ NULL, 0, NULL, 0, "How it runs:", 3 },
	{ "max-pause", KEY_MAX_PAUSE, "DURATION", 0,
	  "Let the process run on after DURATION (50ms, 1s) in any case", 3 },
	{ "fail-on", KEY_FAIL_ON, "VERDICT", 0,
	  "Exit with 1 on a finding at least this strong: suspect, abandoned, deadlocked or proven; never (default)",
	  3 },
	{ NULL, 0, NULL, 0, NULL, -1 },
	{},
};

struct arguments {
	pid_t pid;
	bool quiet;
	const char *path;
	const struct seep_report_format_ops *format;
	enum seep_color_when color;
	struct seep_fail_on fail_on;
	struct seep_report_options report;
	struct seep_inspect_options inspect;
};

static struct seep_error *take_option(struct arguments *args, int key, const char *arg)
{
	switch (key) {
	case KEY_TOP:
		return seep_option_count(arg, &args->report.top);
	case KEY_FAIL_ON:
		return seep_option_fail_on(arg, &args->fail_on);
	case KEY_MAX_PAUSE:
		return seep_option_duration(arg, &args->inspect.max_pause_ns);
	case KEY_COLOR:
		return seep_option_color(arg, &args->color);
	case KEY_ONLY:
		args->inspect.only = args->report.only = arg;
		return seep_option_causes(arg);
	case KEY_FORMAT:
		args->format = seep_report_format_find(arg);
		if (!args->format)
			return seep_error_format(SEEP_ERROR_USAGE,
						 "--format knows text and json, not '%s'", arg);
		return NULL;
	case ARGP_KEY_ARG:
		if (args->pid)
			return seep_error_format(SEEP_ERROR_USAGE, "one PID at a time");
		return seep_option_pid(arg, &args->pid);
	}
	return NULL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;

	switch (key) {
	case KEY_JSON:
		args->format = seep_report_format_find("json");
		return 0;
	case KEY_ALL:
		args->inspect.all = args->report.all = true;
		return 0;
	case 'v':
		args->report.verbose = true;
		return 0;
	case 'q':
		args->quiet = true;
		return 0;
	case 'o':
		args->path = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which process? Give its PID; `seep ps` lists the Go programs");
		return 0;
	case KEY_TOP:
	case KEY_FAIL_ON:
	case KEY_MAX_PAUSE:
	case KEY_COLOR:
	case KEY_ONLY:
	case KEY_FORMAT:
	case ARGP_KEY_ARG: {
		struct seep_error *err = take_option(args, key, arg);
		if (err)
			exit(seep_cli_fail(err));
		return 0;
	}
	}
	return ARGP_ERR_UNKNOWN;
}

static void show_progress(const char *stage, void *arg)
{
	(void)arg;
	fprintf(stderr, "\r\033[K%s%s", stage, *stage ? " ..." : "");
	fflush(stderr);
}

static bool must_fail(const struct seep_fail_on *fail_on, const struct seep_report *report)
{
	if (!fail_on->enabled)
		return false;
	seep_vec_foreach(finding, &report->findings)
		if (finding->verdict <= fail_on->weakest)
			return true;
	return false;
}

static struct seep_error *write_report(struct arguments *args, const struct seep_report *report)
{
	_cleanup_(seep_output_deinit) struct seep_output output = {};
	bool to_stdout = !args->path || strcmp(args->path, "-") == 0;
	struct seep_error *err;

	args->report.color = args->color == SEEP_COLOR_ALWAYS ||
			     (to_stdout && seep_color_wanted(args->color, STDOUT_FILENO));
	args->report.columns = to_stdout ? seep_terminal_columns(STDOUT_FILENO) : 0;
	err = seep_output_open(args->path, &output);
	if (err)
		return err;
	err = args->format->write(report, &args->report, output.file);
	return err ? err : seep_output_finish(&output);
}

int seep_cmd_inspect(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "PID",
		.doc = "Finds what a running Go program leaks: goroutines that can never wake, memory that nothing can see, timers, "
		       "finalizers and defers that pile up; why, since when, at which line, and what they hold. The program is "
		       "paused for milliseconds and not changed.",
	};
	struct arguments args = { .format = seep_report_format_find("text") };
	_cleanup_(seep_report_deinit) struct seep_report report;
	struct seep_error *err, *partial = NULL;

	seep_report_init(&report);
	if (argp_parse(&argp, argc, argv, 0, NULL, &args) != 0)
		return SEEP_EXIT_INTERNAL;
	bool progress = !args.quiet && isatty(STDERR_FILENO);
	if (progress)
		args.inspect.progress = show_progress;
	err = seep_inspect_live(args.pid, &args.inspect, &report);
	if (progress)
		show_progress("", NULL);
	if (err && err->code == SEEP_ERROR_BUDGET && report.goroutines.total) {
		partial = err;
		err = NULL;
	}
	if (err)
		return seep_cli_fail(err);
	err = write_report(&args, &report);
	if (err) {
		seep_error_destroy(partial);
		return seep_cli_fail(err);
	}
	int status = partial ? seep_cli_fail(partial) : SEEP_EXIT_OK;
	return must_fail(&args.fail_on, &report) ? SEEP_EXIT_FINDINGS : status;
}
