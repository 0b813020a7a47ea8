// seep inspect: looks at one process and reports. The stages are called here; what they do is
// theirs.
#include "cli/cli.h"

#include "cli/look.h"
#include "cli/sift_options.h"

enum { KEY_TOP = 256, KEY_ONLY, KEY_ALL, KEY_FAIL_ON };

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
	{ "fail-on", KEY_FAIL_ON, "VERDICT", 0,
	  "Exit with 1 on a finding at least this strong: suspect, abandoned, deadlocked or proven; never (default)",
	  3 },
	{ NULL, 0, NULL, 0, NULL, -1 },
	{},
};

struct arguments {
	struct seep_look look;
	struct seep_sift sift;
	struct seep_fail_on fail_on;
};

static struct seep_error *take_option(struct arguments *args, int key, const char *arg)
{
	switch (key) {
	case KEY_TOP:
		return seep_option_count(arg, &args->look.report.top);
	case KEY_FAIL_ON:
		return seep_option_fail_on(arg, &args->fail_on);
	case KEY_ONLY:
		args->look.inspect.only = args->look.report.only = arg;
		return seep_option_causes(arg);
	case ARGP_KEY_ARG:
		return seep_look_take_source(&args->look, arg);
	}
	return NULL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->look;
		state->child_inputs[1] = &args->sift;
		state->child_inputs[2] = &args->look;
		return 0;
	case KEY_ALL:
		args->look.inspect.all = args->look.report.all = true;
		return 0;
	case 'v':
		args->look.report.verbose = true;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(
			state,
			"which process? Give its PID or a file; `seep ps` lists the Go programs");
		return 0;
	case KEY_TOP:
	case KEY_FAIL_ON:
	case KEY_ONLY:
	case ARGP_KEY_ARG: {
		struct seep_error *err = take_option(args, key, arg);
		if (err)
			exit(seep_cli_fail(err));
		return 0;
	}
	}
	return ARGP_ERR_UNKNOWN;
}

int seep_cmd_inspect(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &seep_look_argp },
						      { .argp = &seep_sift_argp },
						      { .argp = &seep_source_argp },
						      {} };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "PID\nFILE [EXE]",
		.doc = "Finds what a running Go program leaks: goroutines that can never wake, memory that nothing can see, timers, "
		       "finalizers and defers that pile up; why, since when, at which line, and what they hold. The program is "
		       "paused for milliseconds and not changed.",
		.children = children,
	};
	struct arguments args = {};
	_cleanup_(seep_report_deinit) struct seep_report report;

	seep_report_init(&report);
	if (argp_parse(&argp, argc, argv, 0, NULL, &args) != 0)
		return SEEP_EXIT_INTERNAL;
	args.look.sift = &args.sift;
	int status = seep_look_run(&args.look, &report);
	seep_sift_deinit(&args.sift);
	if (status != SEEP_EXIT_OK && status != SEEP_EXIT_PARTIAL)
		return status;
	return seep_fail_on_report(&args.fail_on, &report) ? SEEP_EXIT_FINDINGS : status;
}
