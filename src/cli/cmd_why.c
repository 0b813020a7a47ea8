// seep why: what holds an object, or the objects of a type.
#include "cli/cli.h"

#include "cli/look.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct seep_look *look = state->input;
	struct seep_error *err = NULL;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = look;
		return 0;
	case ARGP_KEY_ARG:
		if (!seep_look_has_source(look))
			err = seep_look_take_source(look, arg);
		else if (!look->inspect.why)
			look->inspect.why = arg;
		else
			err = seep_error_format(
				SEEP_ERROR_USAGE,
				"one address or type at a time; quote a type that has blanks");
		if (err)
			exit(seep_cli_fail(err));
		return 0;
	case ARGP_KEY_END:
		if (!seep_look_has_source(look))
			argp_error(
				state,
				"which process? Give its PID or a file; `seep ps` lists the Go programs");
		else if (!look->inspect.why)
			argp_error(
				state,
				"why what? Give an address such as 0xc000123000 or a type such as main.node");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int seep_cmd_why(int argc, char **argv)
{
	static const struct argp_option options[] = { { NULL, 0, NULL, 0, NULL, -1 }, {} };
	static const struct argp_child children[] = { { .argp = &seep_look_argp },
						      { .argp = &seep_source_argp },
						      {} };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "PID|FILE ADDRESS|TYPE",
		.doc = "Shows why an object of a running Go program is still there: a shortest path to it from a package variable, a "
		       "goroutine or another root. ADDRESS may lead inside the object. Of a TYPE, written as in main.node, []string or "
		       "map[string]int, the ten objects that hold most. The program is paused for milliseconds and not changed.",
		.children = children,
	};
	struct seep_look look = { .report.view = SEEP_REPORT_PATHS };
	_cleanup_(seep_report_deinit) struct seep_report report;

	seep_report_init(&report);
	if (argp_parse(&argp, argc, argv, 0, NULL, &look) != 0)
		return SEEP_EXIT_INTERNAL;
	return seep_look_run(&look, &report);
}
