// Options of commands that look at a process.
#include "cli/look.h"

#include "base/str.h"
#include "cli/cli.h"
#include "cli/pause_options.h"

#include <string.h>

enum {
	KEY_JSON = 512,
	KEY_FORMAT,
	KEY_MAX_MEM,
	KEY_COLOR,
	KEY_EXE,
	KEY_ALL,
	KEY_ONLY,
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

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct seep_look *look = state->input;
	struct seep_error *err = NULL;

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
		err = seep_option_size(arg, &look->inspect.max_mem_bytes);
		break;
	case KEY_COLOR:
		err = seep_option_color(arg, &look->color);
		break;
	case KEY_FORMAT:
		err = take_format(look, arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (err)
		exit(seep_cli_fail(err));
	return 0;
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

static error_t parse_scope(int key, char *arg, struct argp_state *state)
{
	struct seep_look *look = state->input;
	struct seep_error *err = NULL;

	switch (key) {
	case KEY_ALL:
		look->inspect.all = look->report.all = true;
		break;
	case 'v':
		look->report.verbose = true;
		break;
	case KEY_ONLY:
		look->inspect.only = look->report.only = arg;
		err = seep_option_causes(arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (err)
		exit(seep_cli_fail(err));
	return 0;
}

static const struct argp_option scope_options[] = {
	{ "all", KEY_ALL, NULL, 0,
	  "Also goroutines that wait for something alive, or block for ever on purpose; and all parts of the memory",
	  1 },
	{ "only", KEY_ONLY, "CAUSE,...", 0, "These causes alone; `seep explain' lists them", 1 },
	{ "verbose", 'v', NULL, 0,
	  "All evidence, every listed goroutine's stack and object's path, all of the memory", 1 },
	{},
};
const struct argp seep_scope_argp = { .options = scope_options, .parser = parse_scope };
