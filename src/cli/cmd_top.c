// seep top: who holds most memory in a process, by type, by package variable and by goroutine.
#include "cli/cli.h"

#include "cli/look.h"

enum { KEY_TOP = 256, DEFAULT_TOP = 10 };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What is reported:", 1 },
	{ "top", KEY_TOP, "N", 0, "So many types, variables and goroutines each (default 10)", 1 },
	{ NULL, 0, NULL, 0, NULL, -1 },
	{},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct seep_look *look = state->input;
	struct seep_error *err;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = look;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(
			state,
			"which process? Give its PID or a file; `seep ps` lists the Go programs");
		return 0;
	case KEY_TOP:
	case ARGP_KEY_ARG:
		err = key == KEY_TOP ? seep_option_count(arg, &look->inspect.top) :
				       seep_look_take_source(look, arg);
		if (err)
			exit(seep_cli_fail(err));
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int seep_cmd_top(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &seep_look_argp },
						      { .argp = &seep_source_argp },
						      {} };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "PID|FILE",
		.doc = "Shows which types, package variables and goroutines of a running Go program hold most memory: what would "
		       "become free with each of them. The program is paused for milliseconds and not changed.",
		.children = children,
	};
	struct seep_look look = { .inspect.top = DEFAULT_TOP, .report.view = SEEP_REPORT_TOP };
	_cleanup_(seep_report_deinit) struct seep_report report;

	seep_report_init(&report);
	if (argp_parse(&argp, argc, argv, 0, NULL, &look) != 0)
		return SEEP_EXIT_INTERNAL;
	return seep_look_run(&look, &report);
}
