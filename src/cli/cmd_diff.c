// seep diff: what grew between looks at a program.
#include "cli/cli.h"

#include "cli/look.h"
#include "cli/sift_options.h"
#include "report/growth.h"

#include <stdlib.h>

enum { KEY_TOP = 256, KEY_FAIL_ON };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What is reported:", 1 },
	{ "top", KEY_TOP, "N", 0, "Show N lines of each kind (text: 10; JSON: all)", 1 },
	{ "verbose", 'v', NULL, 0, "All that changed, also what shrank", 1 },
	{ "fail-on", KEY_FAIL_ON, "VERDICT", 0,
	  "Exit with 1 if a finding at least this strong grew: suspect (growth, too), abandoned, deadlocked or proven; never (default)",
	  3 },
	{ NULL, 0, NULL, 0, NULL, -1 },
	{},
};

struct arguments {
	struct seep_sift sift;
	struct seep_fail_on fail_on;
	struct seep_look look; /** options; its source is taken anew for each */
	struct seep_source sources[SEEP_GROWTH_LOOKS_MAX];
	size_t count;
};

static struct seep_error *take_source(struct arguments *args, const char *text)
{
	struct seep_error *err;

	if (args->count == SEEP_GROWTH_LOOKS_MAX)
		return seep_error_format(SEEP_ERROR_USAGE, "at most %d files or PIDs",
					 SEEP_GROWTH_LOOKS_MAX);
	const char *exe = args->look.source.exe;
	args->look.source = (struct seep_source){};
	err = seep_look_take_source(&args->look, text);
	if (!err)
		args->sources[args->count++] = args->look.source;
	args->look.source.exe = exe;
	return err;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;
	struct seep_error *err = NULL;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->look;
		state->child_inputs[1] = &args->sift;
		state->child_inputs[2] = &args->look;
		return 0;
	case KEY_TOP:
		err = seep_option_count(arg, &args->look.report.top);
		break;
	case KEY_FAIL_ON:
		err = seep_option_fail_on(arg, &args->fail_on);
		break;
	case 'v':
		args->look.report.verbose = true;
		return 0;
	case ARGP_KEY_ARG:
		err = take_source(args, arg);
		break;
	case ARGP_KEY_END:
		if (args->count < 2)
			argp_error(
				state,
				"what is to be compared? Name two or more captures, cores or PIDs, the oldest first");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (err)
		exit(seep_cli_fail(err));
	return 0;
}

static int look_at_all(struct arguments *args, struct seep_report *reports)
{
	const char *exe = args->look.source.exe;

	for (size_t i = 0; i < args->count; i++) {
		args->look.source = args->sources[i];
		if (args->look.source.file)
			args->look.source.exe = exe;
		// Half a look would seem to be a change.
		int status = seep_look_at(&args->look, &reports[i]);
		if (status != SEEP_EXIT_OK)
			return status;
	}
	return SEEP_EXIT_OK;
}

static bool must_fail(const struct seep_fail_on *fail_on, const struct seep_growth *growth)
{
	seep_vec_foreach(line, &growth->lines[SEEP_GROWTH_FINDING])
		if (!line->shrank && seep_fail_on_finding(fail_on, line->finding))
			return true;
	return false;
}

static int compare(struct arguments *args, const struct seep_report *reports)
{
	const struct seep_report *looks[SEEP_GROWTH_LOOKS_MAX];
	_cleanup_(seep_growth_deinit) struct seep_growth growth = {};
	struct seep_error *err;

	for (size_t i = 0; i < args->count; i++)
		looks[i] = &reports[i];
	err = seep_growth_find(looks, args->count, &growth);
	// Not each look by itself: what is known in one and not in the next would seem to have grown.
	if (!err)
		err = seep_sift_apply(&args->sift, &growth.report);
	if (!err) {
		seep_growth_leave_out_suppressed(&growth);
		err = seep_look_write_growth(&args->look, &growth);
	}
	if (err)
		return seep_cli_fail(err);
	return must_fail(&args->fail_on, &growth) ? SEEP_EXIT_FINDINGS : SEEP_EXIT_OK;
}

int seep_cmd_diff(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &seep_look_argp },
						      { .argp = &seep_sift_argp },
						      { .argp = &seep_source_argp },
						      {} };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "BEFORE AFTER [LATER...]",
		.doc = "Compares two or more looks at a Go program, each a capture, a core file or a PID, the oldest first: what grew, "
		       "by finding, by what goroutines run, by package variable and by type; and how fast. Nothing is compared by "
		       "address, so that two instances or two builds can be compared, too.",
		.children = children,
	};
	struct arguments args = { .look.inspect.census = true,
				  .look.report.view = SEEP_REPORT_GROWTH };

	if (argp_parse(&argp, argc, argv, 0, NULL, &args) != 0)
		return SEEP_EXIT_INTERNAL;
	struct seep_report *reports = calloc(args.count, sizeof(*reports));
	if (!reports)
		return seep_cli_fail(&seep_enomem);
	for (size_t i = 0; i < args.count; i++)
		seep_report_init(&reports[i]);
	int status = look_at_all(&args, reports);
	if (status == SEEP_EXIT_OK)
		status = compare(&args, reports);
	for (size_t i = 0; i < args.count; i++)
		seep_report_deinit(&reports[i]);
	free(reports);
	seep_sift_deinit(&args.sift);
	return status;
}
