// What commands that look at a process have in common.
#include "cli/look.h"

#include "base/str.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/pause_options.h"

#include <string.h>
#include <unistd.h>

enum {
	KEY_JSON = 512,
	KEY_FORMAT,
	KEY_MAX_MEM,
	KEY_COLOR,
	KEY_EXE,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "How it is written:", 2 },
	{ "json", KEY_JSON, NULL, 0, "As JSON: --format json", 2 },
	{ "format", KEY_FORMAT, "NAME", 0, "", 2 },
	{ "output", 'o', "FILE", 0, "To FILE, which appears whole or not at all", 2 },
	{ "color", KEY_COLOR, "WHEN", 0,
	  "auto (default), always or never; NO_COLOR counts with auto", 2 },
	{ "quiet", 'q', NULL, 0, "No progress on standard error", 2 },
	{ NULL, 0, NULL, 0, "How it runs:", 3 },
	{ "max-mem", KEY_MAX_MEM, "SIZE", 0,
	  "Take at most SIZE of memory (300M, 2G), and leave out what does not fit", 3 },
	{},
};

/** "text, json and pprof": what the command can write. */
static void add_formats(struct seep_str *str, const struct seep_look *look)
{
	enum seep_report_view view = look ? look->report.view : SEEP_REPORT_ALL;
	const char *name;

	for (size_t i = 0; (name = seep_report_format_name(i, view)); i++)
		seep_str_addf(str, "%s%s",
			      i == 0				   ? "" :
			      seep_report_format_name(i + 1, view) ? ", " :
								     " and ",
			      name);
}

static struct seep_error *take_format(struct seep_look *look, const char *name)
{
	_cleanup_(seep_str_deinit) struct seep_str known = {};
	const struct seep_report_format_ops *format =
		seep_report_format_find(name, look->report.view);

	if (!format) {
		add_formats(&known, look);
		return seep_error_format(SEEP_ERROR_USAGE, "--format knows %s here, not '%s'",
					 seep_str_text(&known), name);
	}
	if (!format->write)
		return seep_error_format(
			SEEP_ERROR_UNSUPPORTED,
			"this seep was built without npm, and so without %s: install npm, then `meson setup --reconfigure build && ninja -C build'",
			name);
	look->format = format;
	look->inspect.tree = format->tree;
	return NULL;
}

/** The names of the formats come from their table. */
static char *help(int key, const char *text, void *input)
{
	_cleanup_(seep_str_deinit) struct seep_str str = {};

	if (key != KEY_FORMAT)
		return (char *)text;
	add_formats(&str, input);
	seep_str_add(&str, "; text is the default");
	return str.failed ? NULL : strdup(seep_str_text(&str));
}

static struct seep_error *take_option(struct seep_look *look, int key, const char *arg)
{
	switch (key) {
	case KEY_MAX_MEM:
		return seep_option_size(arg, &look->inspect.max_mem_bytes);
	case KEY_COLOR:
		return seep_option_color(arg, &look->color);
	case KEY_FORMAT:
		return take_format(look, arg);
	}
	return NULL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct seep_look *look = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &look->inspect.snapshot;
		look->format = seep_report_format_find("text", look->report.view);
		return 0;
	case KEY_JSON:
		look->format = seep_report_format_find("json", look->report.view);
		return 0;
	case 'q':
		look->quiet = true;
		return 0;
	case 'o':
		look->path = arg;
		return 0;
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

static const struct argp_child children[] = { { .argp = &seep_pause_argp }, {} };
const struct argp seep_look_argp = { .options = options,
				     .parser = parse,
				     .help_filter = help,
				     .children = children };

static error_t parse_source(int key, char *arg, struct argp_state *state)
{
	struct seep_look *look = state->input;

	if (key != KEY_EXE)
		return ARGP_ERR_UNKNOWN;
	look->source.exe = arg;
	return 0;
}

static const struct argp_option source_options[] = {
	{ "exe", KEY_EXE, "FILE", 0, "The executable that a core file is of", 3 },
	{},
};
const struct argp seep_source_argp = { .options = source_options, .parser = parse_source };

struct seep_error *seep_look_take_source(struct seep_look *look, const char *text)
{
	struct seep_source *source = &look->source;

	if (source->pid || (source->file && source->exe))
		return seep_error_format(SEEP_ERROR_USAGE, "one PID or file at a time");
	if (source->file) {
		source->exe = text;
		return NULL;
	}
	// Whoever means a file that looks like a number writes ./123.
	bool number = text[strspn(text, "0123456789")] == '\0';
	if (number || (strcmp(text, "-") != 0 && !strchr(text, '/') && access(text, F_OK) != 0))
		return seep_option_pid(text, &source->pid);
	source->file = text;
	return NULL;
}

static void show_progress(const char *stage, void *arg)
{
	(void)arg;
	fprintf(stderr, "\r\033[K%s%s", stage, *stage ? " ..." : "");
	fflush(stderr);
}

static struct seep_error *open_output(struct seep_look *look, struct seep_output *ret)
{
	bool to_stdout = !look->path || strcmp(look->path, "-") == 0;

	look->report.color = look->color == SEEP_COLOR_ALWAYS ||
			     (to_stdout && seep_color_wanted(look->color, STDOUT_FILENO));
	look->report.columns = to_stdout ? seep_terminal_columns(STDOUT_FILENO) : 0;
	return seep_output_open(look->path, ret);
}

static struct seep_error *write_report(struct seep_look *look, const struct seep_report *report)
{
	_cleanup_(seep_output_deinit) struct seep_output output = {};
	struct seep_error *err;

	err = open_output(look, &output);
	if (err)
		return err;
	err = look->format->write(report, &look->report, output.file);
	return err ? err : seep_output_finish(&output);
}

/** Before the process is stopped for a report that nobody could read. */
static struct seep_error *check_output(const struct seep_look *look)
{
	bool to_stdout = !look->path || strcmp(look->path, "-") == 0;

	if (!look->format->binary || !to_stdout || !isatty(STDOUT_FILENO))
		return NULL;
	return seep_error_format(
		SEEP_ERROR_USAGE,
		"%s is binary and not for a terminal: write it to a file with -o FILE",
		look->format->name);
}

struct seep_error *seep_look_write_growth(struct seep_look *look, const struct seep_growth *growth)
{
	_cleanup_(seep_output_deinit) struct seep_output output = {};
	bool json = strcmp(look->format->name, "json") == 0;
	struct seep_error *err;

	err = open_output(look, &output);
	if (!err)
		err = json ? seep_growth_write_json(growth, &look->report, output.file) :
			     seep_growth_write_text(growth, &look->report, output.file);
	return err ? err : seep_output_finish(&output);
}

int seep_look_at(struct seep_look *look, struct seep_report *report)
{
	struct seep_error *err, *partial = NULL;
	bool progress = !look->quiet && isatty(STDERR_FILENO);

	err = check_output(look);
	if (err)
		return seep_cli_fail(err);
	if (progress)
		look->inspect.progress = show_progress;
	err = seep_inspect(&look->source, &look->inspect, report);
	if (progress)
		show_progress("", NULL);
	if (err && err->code == SEEP_ERROR_BUDGET && report->goroutines.total) {
		partial = err;
		err = NULL;
	}
	if (!err && look->sift)
		err = seep_sift_apply(look->sift, report);
	if (err) {
		seep_error_destroy(partial);
		// Nobody shall judge by half a report.
		seep_report_deinit(report);
		seep_report_init(report);
		return seep_cli_fail(err);
	}
	return partial ? (int)seep_cli_fail(partial) : SEEP_EXIT_OK;
}

int seep_look_run(struct seep_look *look, struct seep_report *report)
{
	int status = seep_look_at(look, report);

	if (status != SEEP_EXIT_OK && report->goroutines.total == 0)
		return status;
	struct seep_error *err = write_report(look, report);
	return err ? (int)seep_cli_fail(err) : status;
}
