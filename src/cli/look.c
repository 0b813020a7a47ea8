// What commands that look at a process have in common.
#include "cli/look.h"

#include "cli/cli.h"
#include "cli/output.h"

#include <string.h>
#include <unistd.h>

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
