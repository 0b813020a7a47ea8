// What commands that look at a process have in common.
#include "cli/look.h"

#include "cli/cli.h"
#include "cli/output.h"

#include <string.h>
#include <unistd.h>

enum {
	KEY_JSON = 512,
	KEY_FORMAT,
	KEY_PAUSE,
	KEY_MAX_PAUSE,
	KEY_IF_LONGER,
	KEY_MAX_MEM,
	KEY_COLOR
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "How it is written:", 2 },
	{ "json", KEY_JSON, NULL, 0, "As JSON: --format json", 2 },
	{ "format", KEY_FORMAT, "NAME", 0, "text (default) or json", 2 },
	{ "output", 'o', "FILE", 0, "To FILE, which appears whole or not at all", 2 },
	{ "color", KEY_COLOR, "WHEN", 0,
	  "auto (default), always or never; NO_COLOR counts with auto", 2 },
	{ "quiet", 'q', NULL, 0, "No progress on standard error", 2 },
	{ NULL, 0, NULL, 0, "How it runs:", 3 },
	{ "pause", KEY_PAUSE, "METHOD", 0,
	  "precopy: copy while the process runs, and in the pause only what changed; stop: all in the pause; auto (default): the better of both",
	  3 },
	{ "max-pause", KEY_MAX_PAUSE, "DURATION", 0,
	  "Let the process run on after DURATION (50ms, 1s)", 3 },
	{ "if-longer", KEY_IF_LONGER, "WHAT", 0,
	  "If --max-pause does not suffice: fail (default), or report all the same and say how long it took",
	  3 },
	{ "max-mem", KEY_MAX_MEM, "SIZE", 0,
	  "Take at most SIZE of memory (300M, 2G), and leave out what does not fit", 3 },
	{},
};

static struct seep_error *take_option(struct seep_look *look, int key, const char *arg)
{
	switch (key) {
	case KEY_PAUSE:
		return seep_option_pause(arg, &look->inspect.snapshot.method);
	case KEY_MAX_PAUSE:
		return seep_option_duration(arg, &look->inspect.snapshot.max_pause_ns);
	case KEY_IF_LONGER:
		return seep_option_if_longer(arg, &look->inspect.snapshot.may_exceed);
	case KEY_MAX_MEM:
		return seep_option_size(arg, &look->inspect.max_mem_bytes);
	case KEY_COLOR:
		return seep_option_color(arg, &look->color);
	case KEY_FORMAT:
		look->format = seep_report_format_find(arg);
		if (!look->format)
			return seep_error_format(SEEP_ERROR_USAGE,
						 "--format knows text and json, not '%s'", arg);
	}
	return NULL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct seep_look *look = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		look->format = seep_report_format_find("text");
		return 0;
	case KEY_JSON:
		look->format = seep_report_format_find("json");
		return 0;
	case 'q':
		look->quiet = true;
		return 0;
	case 'o':
		look->path = arg;
		return 0;
	case KEY_PAUSE:
	case KEY_MAX_PAUSE:
	case KEY_IF_LONGER:
	case KEY_MAX_MEM:
	case KEY_COLOR:
	case KEY_FORMAT: {
		struct seep_error *err = take_option(look, key, arg);
		if (err)
			exit(seep_cli_fail(err));
		return 0;
	}
	}
	return ARGP_ERR_UNKNOWN;
}

const struct argp seep_look_argp = { .options = options, .parser = parse };

struct seep_error *seep_look_take_pid(struct seep_look *look, const char *text)
{
	if (look->pid)
		return seep_error_format(SEEP_ERROR_USAGE, "one PID at a time");
	return seep_option_pid(text, &look->pid);
}

static void show_progress(const char *stage, void *arg)
{
	(void)arg;
	fprintf(stderr, "\r\033[K%s%s", stage, *stage ? " ..." : "");
	fflush(stderr);
}

static struct seep_error *write_report(struct seep_look *look, const struct seep_report *report)
{
	_cleanup_(seep_output_deinit) struct seep_output output = {};
	bool to_stdout = !look->path || strcmp(look->path, "-") == 0;
	struct seep_error *err;

	look->report.color = look->color == SEEP_COLOR_ALWAYS ||
			     (to_stdout && seep_color_wanted(look->color, STDOUT_FILENO));
	look->report.columns = to_stdout ? seep_terminal_columns(STDOUT_FILENO) : 0;
	err = seep_output_open(look->path, &output);
	if (err)
		return err;
	err = look->format->write(report, &look->report, output.file);
	return err ? err : seep_output_finish(&output);
}

int seep_look_run(struct seep_look *look, struct seep_report *report)
{
	struct seep_error *err, *partial = NULL;
	bool progress = !look->quiet && isatty(STDERR_FILENO);

	if (progress)
		look->inspect.progress = show_progress;
	err = seep_inspect_live(look->pid, &look->inspect, report);
	if (progress)
		show_progress("", NULL);
	if (err && err->code == SEEP_ERROR_BUDGET && report->goroutines.total) {
		partial = err;
		err = NULL;
	}
	if (err) {
		// Nobody shall judge by half a report.
		seep_report_deinit(report);
		seep_report_init(report);
		return seep_cli_fail(err);
	}
	err = write_report(look, report);
	if (err) {
		seep_error_destroy(partial);
		return seep_cli_fail(err);
	}
	return partial ? seep_cli_fail(partial) : SEEP_EXIT_OK;
}
