// seep inspect: looks at one process and reports. The stages are called here; what they do is
// theirs.
#include "cli/cli.h"

#include "cli/look.h"
#include "cli/sift_options.h"

enum { KEY_TOP = 256, KEY_FAIL_ON };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What is reported:", 1 },
	{ "top", KEY_TOP, "N", 0,
	  "Show N findings in full (text: 5, the rest one line each; JSON: all)", 1 },
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

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;
	struct seep_error *err = NULL;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->look;
		state->child_inputs[1] = &args->sift;
		state->child_inputs[2] = &args->look;
		state->child_inputs[3] = &args->look;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(
			state,
			"which process? Give its PID or a file; `seep ps` lists the Go programs");
		return 0;
	case KEY_TOP:
		err = seep_option_count(arg, &args->look.report.top);
		break;
	case KEY_FAIL_ON:
		err = seep_option_fail_on(arg, &args->fail_on);
		break;
	case ARGP_KEY_ARG:
		err = seep_look_take_source(&args->look, arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (err)
		exit(seep_cli_fail(err));
	return 0;
}

int seep_cmd_inspect(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &seep_look_argp },
						      { .argp = &seep_sift_argp },
						      { .argp = &seep_source_argp },
						      { .argp = &seep_scope_argp },
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
