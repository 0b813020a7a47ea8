#include "cli/pause_options.h"

#include "cli/cli.h"
#include "cli/options.h"
#include "runtime/snapshot.h"

enum { KEY_PAUSE = 1280, KEY_MAX_PAUSE, KEY_IF_LONGER };

static const struct argp_option options[] = {
	{ "pause", KEY_PAUSE, "METHOD", 0,
	  "precopy: copy while the process runs, and in the pause only what changed; stop: all in the pause; auto (default): the better of both",
	  3 },
	{ "max-pause", KEY_MAX_PAUSE, "DURATION", 0,
	  "Let the process run on after DURATION (50ms, 1s)", 3 },
	{ "if-longer", KEY_IF_LONGER, "WHAT", 0,
	  "If --max-pause does not suffice: fail (default), or report all the same and say how long it took",
	  3 },
	{},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct seep_snapshot_options *snapshot = state->input;
	struct seep_error *err;

	switch (key) {
	case KEY_PAUSE:
		err = seep_option_pause(arg, &snapshot->method);
		break;
	case KEY_MAX_PAUSE:
		err = seep_option_duration(arg, &snapshot->max_pause_ns);
		break;
	case KEY_IF_LONGER:
		err = seep_option_if_longer(arg, &snapshot->may_exceed);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (err)
		exit(seep_cli_fail(err));
	return 0;
}

const struct argp seep_pause_argp = { .options = options, .parser = parse };
