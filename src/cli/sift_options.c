// The files are read while options are parsed, so that a mistake in them is told before anything is looked at.
#include "cli/sift_options.h"

#include "cli/cli.h"
#include "cli/options.h"

#include <time.h>

enum { KEY_SUPPRESS = 1024, KEY_BASELINE, KEY_NO_KNOWN };

static const struct argp_option options[] = {
	{ "suppress", KEY_SUPPRESS, "FILE", 0,
	  "Leave out, but count, what the rules in FILE say is known; may be given several times",
	  1 },
	{ "baseline", KEY_BASELINE, "FILE", 0,
	  "Leave out, but count, what a former report (--json) has and what has not grown since",
	  1 },
	{ "no-known", KEY_NO_KNOWN, NULL, 0, "No labels on what is known of well-known libraries",
	  1 },
	{},
};

/** In UTC, so that a rule ends everywhere at once. */
static uint32_t today(void)
{
	time_t now = time(NULL);
	struct tm day;

	gmtime_r(&now, &day);
	return (uint32_t)((day.tm_year + 1900) * 10000 + (day.tm_mon + 1) * 100 + day.tm_mday);
}

static struct seep_error *take_option(struct seep_sift *sift, int key, const char *arg)
{
	if (key == KEY_SUPPRESS)
		return seep_rules_read(&sift->rules, arg, seep_option_is_cause);
	if (sift->baseline.path)
		return seep_error_format(SEEP_ERROR_USAGE, "one --baseline at a time");
	return seep_baseline_read(&sift->baseline, arg);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct seep_sift *sift = state->input;
	struct seep_error *err = NULL;

	switch (key) {
	case ARGP_KEY_INIT:
		sift->today = today();
		err = seep_sift_read_known(sift, seep_option_is_cause);
		break;
	case KEY_SUPPRESS:
	case KEY_BASELINE:
		err = take_option(sift, key, arg);
		break;
	case KEY_NO_KNOWN:
		seep_rules_deinit(&sift->known);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (err)
		exit(seep_cli_fail(err));
	return 0;
}

const struct argp seep_sift_argp = { .options = options, .parser = parse };
