// seep ps: the Go programs that run on this machine, and whether seep may look at them. Attaches to
// nothing.
//
// Whether a process is Go is a matter of its executable, and many processes share one: each file
// (device, inode) is looked at once. Of processes whose executable may not be opened, only the
// number is told.
#include "cli/cli.h"

#include "base/vec.h"
#include "binary/buildinfo.h"
#include "cli/options.h"
#include "cli/output.h"
#include "report/style.h"
#include "target/process.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** An executable file, looked at. */
struct program {
	dev_t dev;
	ino_t ino;
	char *go; // "go1.22.12"; NULL: not Go, or not one seep could read
	bool stripped;
};

struct process {
	pid_t pid;
	size_t program; // index
	uint64_t rss;
	char *command, *why_not;
};

struct listing {
	struct seep_vec(struct program) programs;
	struct seep_vec(struct process) processes;
	size_t hidden; // processes whose executable is closed to us
};

static void listing_deinit(struct listing *list)
{
	seep_vec_foreach(program, &list->programs)
		free(program->go);
	seep_vec_foreach(process, &list->processes) {
		free(process->command);
		free(process->why_not);
	}
	seep_vec_free(&list->programs);
	seep_vec_free(&list->processes);
}

/** What the file is: *ret->go stays NULL unless it is Go. Only a lack of memory is an error. */
static struct seep_error *look_at(int fd, struct program *ret)
{
	_cleanup_(seep_image_deinit) struct seep_image image = {};
	_cleanup_(seep_buildinfo_deinit) struct seep_buildinfo info = {};
	struct seep_error *err = seep_image_open(fd, NULL, &image);

	if (!err) {
		ret->stripped = image.stripped;
		err = seep_buildinfo_read(&image, &info);
	}
	if (!err) {
		ret->go = strdup(info.version);
		return ret->go ? NULL : &seep_enomem;
	}
	if (err->code == SEEP_ERROR_NO_MEMORY)
		return err;
	seep_error_destroy(err);
	return NULL;
}

static struct seep_error *find_program(struct listing *list, int fd, size_t *ret)
{
	struct seep_error *err;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return seep_error_os(errno, "cannot look at an executable");
	for (size_t i = 0; i < list->programs.len; i++) {
		if (list->programs.data[i].ino == st.st_ino &&
		    list->programs.data[i].dev == st.st_dev) {
			*ret = i;
			return NULL;
		}
	}
	struct program program = { .dev = st.st_dev, .ino = st.st_ino };
	err = look_at(fd, &program);
	if (err)
		return err;
	if (!seep_vec_push(&list->programs, program)) {
		free(program.go);
		return &seep_enomem;
	}
	*ret = list->programs.len - 1;
	return NULL;
}

static struct seep_error *visit(pid_t pid, void *arg)
{
	struct listing *list = arg;
	size_t program;

	int fd = seep_process_open_exe(pid);
	if (fd < 0) {
		list->hidden += errno == EACCES || errno == EPERM;
		return NULL;
	}
	struct seep_error *err = find_program(list, fd, &program);
	close(fd);
	if (err || !list->programs.data[program].go)
		return err;
	struct process process = {
		.pid = pid,
		.program = program,
		.rss = seep_process_rss(pid),
		.command = seep_process_command(pid),
		.why_not = seep_process_why_not(pid),
	};
	if (seep_vec_push(&list->processes, process))
		return NULL;
	free(process.command);
	free(process.why_not);
	return &seep_enomem;
}

static int by_rss(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	if (x->rss != y->rss)
		return x->rss < y->rss ? 1 : -1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

// --- as a table ---

static void add_padded(struct seep_str *line, const char *text, size_t width)
{
	size_t start = line->len;

	seep_style_text(line, text, width);
	size_t have = line->failed ? width : seep_style_width(line->text + start);
	seep_style_spaces(line, (have < width ? width - have : 0) + 2);
}

static size_t width_of(const char *text, size_t least, size_t most)
{
	_cleanup_(seep_str_deinit) struct seep_str safe = {};

	seep_style_text(&safe, text, most);
	size_t width = seep_style_width(seep_str_text(&safe));
	return width > least ? width : least;
}

/** A command line in at most width columns: first the folders of the program go, then the end. */
static void add_command(struct seep_str *str, const char *command, size_t width)
{
	size_t word = strcspn(command, " ");
	const char *slash = memrchr(command, '/', word);

	if (slash && slash != command && seep_style_width(command) > width) {
		seep_str_add(str, "...");
		seep_style_text(str, slash, width - 3);
	} else {
		seep_style_text(str, command, width);
	}
}

static struct seep_error *write_table(const struct listing *list, bool color, size_t columns,
				      FILE *file)
{
	_cleanup_(seep_str_deinit) struct seep_str str = {};
	size_t go_width = 2, attach_width = 6,
	       reason_most = columns && columns < 176 ? columns / 4 : 44;

	seep_vec_foreach(process, &list->processes) {
		go_width = width_of(list->programs.data[process->program].go, go_width, 20);
		attach_width = width_of(process->why_not ? process->why_not : "yes", attach_width,
					reason_most);
	}
	seep_str_add(&str, seep_style_on(SEEP_INK_BOLD, color));
	seep_str_addf(&str, "%7s  %-*s  %9s  %-8s  %-*s  %s", "PID", (int)go_width, "GO", "RSS",
		      "STRIPPED", (int)attach_width, "ATTACH", "COMMAND");
	seep_str_add(&str, seep_style_off(SEEP_INK_BOLD, color));
	seep_str_add(&str, "\n");
	size_t at = 7 + 2 + go_width + 2 + 9 + 2 + 8 + 2 + attach_width + 2;
	seep_vec_foreach(process, &list->processes) {
		const struct program *program = &list->programs.data[process->program];
		_cleanup_(seep_str_deinit) struct seep_str rss = {};

		if (process->rss)
			seep_style_bytes(&rss, process->rss);
		seep_str_addf(&str, "%7d  ", (int)process->pid);
		add_padded(&str, program->go, go_width);
		seep_str_addf(&str, "%9s  %-8s  ", seep_str_text(&rss),
			      program->stripped ? "yes" : "no");
		if (process->why_not)
			seep_str_add(&str, seep_style_on(SEEP_INK_DIM, color));
		add_padded(&str, process->why_not ? process->why_not : "yes", attach_width);
		if (process->why_not)
			seep_str_add(&str, seep_style_off(SEEP_INK_DIM, color));
		add_command(&str, process->command ? process->command : "",
			    columns > at + 20 ? columns - at :
			    columns	      ? 20 :
						300);
		seep_str_add(&str, "\n");
	}
	if (str.failed)
		return &seep_enomem;
	fwrite(str.text, 1, str.len, file);
	return NULL;
}

// --- as JSON: {"schema": "seep-ps/1", "processes": [
//     {"pid", "go", "rss", "stripped", "attach", "why_not", "command"}]} ---

/** Takes value; a failure to make or add it is noted. */
static void set(json_t *object, const char *key, json_t *value, bool *failed)
{
	*failed |= json_object_set_new(object, key, value) != 0;
}

static void set_string(json_t *object, const char *key, const char *text, bool *failed)
{
	_cleanup_(seep_str_deinit) struct seep_str safe = {};

	if (!text)
		return;
	seep_str_add_escaped(&safe, text, strlen(text));
	set(object, key, json_string(seep_str_text(&safe)), failed);
	*failed |= safe.failed;
}

static struct seep_error *write_json(const struct listing *list, FILE *file)
{
	json_auto_t *root = json_object();
	json_t *array = json_array();
	bool failed = false;

	set(root, "schema", json_string("seep-ps/1"), &failed);
	seep_vec_foreach(process, &list->processes) {
		const struct program *program = &list->programs.data[process->program];
		json_t *object = json_object();

		set(object, "pid", json_integer(process->pid), &failed);
		set_string(object, "go", program->go, &failed);
		if (process->rss)
			set(object, "rss", json_integer((json_int_t)process->rss), &failed);
		set(object, "stripped", json_boolean(program->stripped), &failed);
		set(object, "attach", json_boolean(!process->why_not), &failed);
		set_string(object, "why_not", process->why_not, &failed);
		set_string(object, "command", process->command, &failed);
		failed |= json_array_append_new(array, object) != 0;
	}
	set(root, "processes", array, &failed);
	if (failed || json_dumpf(root, file, JSON_INDENT(2) | JSON_PRESERVE_ORDER) != 0)
		return &seep_enomem;
	fputc('\n', file);
	return NULL;
}

// --- the command ---

enum { KEY_JSON = 256, KEY_COLOR };

struct arguments {
	bool json;
	enum seep_color_when color;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;
	struct seep_error *err;

	switch (key) {
	case KEY_JSON:
		args->json = true;
		return 0;
	case KEY_COLOR:
		err = seep_option_color(arg, &args->color);
		if (err)
			exit(seep_cli_fail(err));
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "takes no argument, not '%s' either", arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static struct seep_error *run(const struct arguments *args, struct listing *list)
{
	_cleanup_(seep_output_deinit) struct seep_output output = {};
	struct seep_error *err = seep_process_each(visit, list);

	if (!err)
		err = seep_output_open(NULL, &output);
	if (err)
		return err;
	if (list->processes.len)
		qsort(list->processes.data, list->processes.len, sizeof(*list->processes.data),
		      by_rss);
	if (args->json)
		err = write_json(list, output.file);
	else if (list->processes.len)
		err = write_table(list, seep_color_wanted(args->color, STDOUT_FILENO),
				  (size_t)seep_terminal_columns(STDOUT_FILENO), output.file);
	return err ? err : seep_output_finish(&output);
}

int seep_cmd_ps(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "json", KEY_JSON, NULL, 0, "As JSON", 0 },
		{ "color", KEY_COLOR, "WHEN", 0,
		  "auto (default), always or never; NO_COLOR counts with auto", 0 },
		{},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Lists the Go programs that run on this machine, the largest first, and whether seep may look at them. "
		       "Attaches to nothing.",
	};
	_cleanup_(listing_deinit) struct listing list = {};
	struct arguments args = {};

	if (argp_parse(&argp, argc, argv, 0, NULL, &args) != 0)
		return SEEP_EXIT_INTERNAL;
	struct seep_error *err = run(&args, &list);
	if (err)
		return seep_cli_fail(err);
	if (!args.json && list.processes.len == 0)
		fprintf(stderr, "seep: no Go program runs here that could be seen\n");
	if (!args.json && list.hidden && geteuid() != 0)
		fprintf(stderr,
			"seep: %zu process%s of other users could not be looked at; root sees them all\n",
			list.hidden, list.hidden == 1 ? "" : "es");
	return SEEP_EXIT_OK;
}
