// seep run: starts a program and looks at it when it is about to exit, whatever ends it; also from time to time, or when asked to by
// SIGUSR1; with --children, likewise at the Go programs that it starts.
//
// The program must not notice, nor who started seep: what it reads and writes is seep's own input and output, signals that somebody sends
// to seep are sent on, and seep ends as it ended, by exit status or signal. What is found goes to standard error or a file.
#include "cli/cli.h"

#include "base/str.h"
#include "binary/buildinfo.h"
#include "cli/look.h"
#include "cli/output.h"
#include "cli/sift_options.h"
#include "report/style.h"
#include "target/child.h"
#include "target/process.h"

#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KEY_EVERY = 256, KEY_CHILDREN, KEY_FAIL_ON };
/** As shells have it. */
enum { EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };
/** Of a command line, where a process is named. */
enum { COMMAND_COLUMNS = 160 };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What is reported:", 1 },
	{ "every", KEY_EVERY, "DURATION", 0,
	  "Look every DURATION (30s, 5m), too; always when it exits, and on SIGUSR1 to seep", 3 },
	{ "children", KEY_CHILDREN, "PATTERN", OPTION_ARG_OPTIONAL,
	  "Look at the processes that it starts, and theirs, too, if they are Go and the name of their file is like PATTERN ('*.test')",
	  3 },
	{ "fail-on", KEY_FAIL_ON, "VERDICT", 0,
	  "Exit with 1 instead of 0 if at its exit there is a finding at least this strong: suspect, abandoned, deadlocked or proven; never (default)",
	  3 },
	{ NULL, 0, NULL, 0, NULL, -1 },
	{},
};

struct arguments {
	struct seep_look look;
	struct seep_sift sift;
	struct seep_fail_on fail_on;
	uint64_t every_ns; /** 0: not asked for */
	bool children;
	const char *pattern; /** NULL: any */
	char **command;
	size_t looks; /** made */
};

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
	case KEY_CHILDREN:
		args->children = true;
		args->pattern = arg;
		return 0;
	case KEY_EVERY:
		err = seep_option_duration(arg, &args->every_ns);
		break;
	case KEY_FAIL_ON:
		err = seep_option_fail_on(arg, &args->fail_on);
		break;
	case ARGP_KEY_ARG: // and all that follows is the program's
		args->command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which program? Give its name and arguments behind --");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (err)
		exit(seep_cli_fail(err));
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/** A path with the process's number for each %p. */
static void add_path(struct seep_str *str, const char *path, pid_t pid)
{
	const char *mark;

	for (; (mark = strstr(path, "%p")); path = mark + 2) {
		seep_str_add_bytes(str, path, (size_t)(mark - path));
		seep_str_addf(str, "%d", (int)pid);
	}
	seep_str_add(str, path);
}

/** "process 7 (sh -c true)" */
static void add_process(struct seep_str *str, pid_t pid)
{
	_cleanup_free_ char *command = seep_process_command(pid);

	seep_str_addf(str, "process %d (", (int)pid);
	seep_style_text(str, command ? command : "?", COMMAND_COLUMNS);
	seep_str_add(str, ")");
}

/** Of a report that has no findings but those that are known already. */
static struct seep_error *tell_suppressed(struct arguments *args, const struct seep_report *report)
{
	_cleanup_(seep_str_deinit) struct seep_str line = {};

	if (!report->suppressed.len)
		return NULL;
	seep_style_counted(&line, report->suppressed.len, "finding");
	seep_str_add(&line, " known already, and not counted");
	if (args->children) {
		seep_str_add(&line, ", in ");
		add_process(&line, args->look.source.pid);
	}
	fprintf(stderr, "seep: %s\n", seep_str_text(&line));
	return line.failed ? &seep_enomem : NULL;
}

static struct seep_error *write_to_stderr(struct arguments *args, const struct seep_report *report)
{
	struct seep_look *look = &args->look;

	if (!report->findings.len)
		return tell_suppressed(args, report);
	if (args->children) {
		_cleanup_(seep_str_deinit) struct seep_str title = {};
		add_process(&title, look->source.pid);
		fprintf(stderr, "seep: %s:\n", seep_str_text(&title));
	}
	look->report.color = seep_color_wanted(look->color, STDERR_FILENO);
	look->report.columns = seep_terminal_columns(STDERR_FILENO);
	return look->format->write(report, &look->report, stderr);
}

/** To the file of -o; else, if there is something to tell, to standard error. */
static struct seep_error *write_report(struct arguments *args, const struct seep_report *report)
{
	_cleanup_(seep_output_deinit) struct seep_output output = {};
	_cleanup_(seep_str_deinit) struct seep_str path = {};
	struct seep_look *look = &args->look;

	if (!look->path)
		return write_to_stderr(args, report);
	if (args->children)
		add_path(&path, look->path, look->source.pid);
	if (path.failed)
		return &seep_enomem;
	look->report.color = look->color == SEEP_COLOR_ALWAYS;
	struct seep_error *err =
		seep_output_open(args->children ? seep_str_text(&path) : look->path, &output);
	if (!err)
		err = look->format->write(report, &look->report, output.file);
	return err ? err : seep_output_finish(&output);
}

/** Says what went wrong with a look; among many processes, with which. */
static void complain(const struct arguments *args, struct seep_error *err)
{
	_cleanup_(seep_str_deinit) struct seep_str name = {};

	if (args->children) {
		add_process(&name, args->look.source.pid);
		err = seep_error_prefix(err, "%s", seep_str_text(&name));
	}
	seep_cli_fail(err);
}

/** Whether there is a finding of --fail-on. What goes wrong is said, and does not matter to the program. */
static bool look_at(struct arguments *args, struct seep_child *child, pid_t pid)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	struct seep_error *err;

	seep_report_init(&report);
	args->look.source = (struct seep_source){ .pid = pid, .child = child };
	args->looks++;
	err = seep_inspect(&args->look.source, &args->look.inspect, &report);
	bool partial = err && err->code == SEEP_ERROR_BUDGET && report.goroutines.total;
	if (err)
		complain(args, err);
	if (err && !partial)
		return false;
	// By a baseline of another program nothing is known: all is told, and counts.
	err = seep_sift_apply(&args->sift, &report);
	if (err)
		complain(args, err);
	err = write_report(args, &report);
	if (err)
		complain(args, err);
	return seep_fail_on_report(&args->fail_on, &report);
}

/** At all that run. */
static void look_at_all(struct arguments *args, struct seep_child *child)
{
	size_t count;
	_cleanup_free_ pid_t *pids = seep_child_running(child, &count);

	for (size_t i = 0; i < count; i++)
		look_at(args, child, pids[i]);
}

/** go, compile, link, vet: with `go test` there are many of these, and nobody has asked for them. */
static bool is_go_tool(const struct seep_buildinfo *info)
{
	char path[8];

	return seep_buildinfo_path(info, path, sizeof(path)) && strncmp(path, "cmd/", 4) == 0;
}

/** For --children: whether a process is a Go program that is asked for. On the thread that traces it. */
static bool is_wanted(pid_t pid, void *arg)
{
	const struct arguments *args = arg;
	_cleanup_(seep_image_deinit) struct seep_image image = {};
	_cleanup_(seep_buildinfo_deinit) struct seep_buildinfo info = {};
	_cleanup_free_ char *path = args->pattern ? seep_process_exe_path(pid) : NULL;

	if (args->pattern && (!path || fnmatch(args->pattern, basename(path), 0)))
		return false;
	int fd = seep_process_open_exe(pid);
	if (fd < 0)
		return false;
	struct seep_error *err = seep_image_open(fd, NULL, &image);
	if (!err)
		err = seep_buildinfo_read(&image, &info);
	close(fd);
	bool failed = err != NULL;
	seep_error_destroy(err);
	return !failed && (args->pattern || !is_go_tool(&info));
}

/** What came for seep. True: a look is asked for. */
static bool take_signals(int fd, pid_t pid)
{
	struct signalfd_siginfo info;
	bool asked = false;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		int signal = (int)info.ssi_signo;
		if (signal == SIGUSR1)
			asked = true;
		else if (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
			kill(getpid(), SIGSTOP);
		else if (signal != SIGCHLD && info.ssi_code <= 0)
			// By somebody. What the terminal sends, the program has got itself.
			kill(pid, signal);
	}
	return asked;
}

/** Until the program has ended; whether --fail-on found something when it, or another one that was looked at, did. */
static bool follow(struct arguments *args, struct seep_child *child, int signal_fd)
{
	uint64_t next = args->every_ns ? now_ns() + args->every_ns : UINT64_MAX;
	bool found = false;
	pid_t pid;

	for (;;) {
		uint64_t now = now_ns();
		uint64_t left = next == UINT64_MAX ? UINT64_MAX : next > now ? next - now : 0;
		switch (seep_child_wait(child, left, signal_fd, &pid)) {
		case SEEP_CHILD_ENDED:
			return found;
		case SEEP_CHILD_EXITING:
			found |= look_at(args, child, pid);
			seep_child_release(child, pid);
			break;
		case SEEP_CHILD_NOTHING:
			break;
		}
		bool asked = take_signals(signal_fd, seep_child_pid(child));
		if (!asked && now_ns() < next)
			continue;
		look_at_all(args, child);
		if (args->every_ns)
			next = now_ns() + args->every_ns;
	}
}

/** With --children: what was not looked at, and might have been expected to be. */
static void tell_what_is_left(const struct arguments *args, struct seep_child *child)
{
	size_t count;
	_cleanup_free_ pid_t *pids = seep_child_running(child, &count);

	for (size_t i = 0; i < count; i++) {
		_cleanup_(seep_str_deinit) struct seep_str name = {};
		add_process(&name, pids[i]);
		fprintf(stderr, "seep: %s outlives the program and was not looked at\n",
			seep_str_text(&name));
	}
	if (args->looks == 0 && count == 0)
		fprintf(stderr, "seep: nothing was looked at: no process was a Go program%s%s\n",
			args->pattern ? " whose file has a name like " :
					", tools of Go's own aside",
			args->pattern ? args->pattern : "");
}

/** Ends seep as the program ended. */
static int end_as(int status, bool found)
{
	sigset_t one;

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status) ? WEXITSTATUS(status) : found ? SEEP_EXIT_FINDINGS : 0;
	// One core file is enough.
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signal(WTERMSIG(status), SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, WTERMSIG(status));
	kill(getpid(), WTERMSIG(status));
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	return 128 + WTERMSIG(status);
}

static int run(struct arguments *args)
{
	struct seep_child *child;
	sigset_t all, before;
	struct seep_child_choice choice = { .children = args->children,
					    .wants = args->children ? is_wanted : NULL,
					    .arg = args };
	int errnum;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	int signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		return seep_cli_fail(seep_error_os(errno, "cannot wait for signals"));
	struct seep_error *err = seep_child_start(args->command, &before, seep_cli_restore_signals,
						  choice, &errnum, &child);
	if (err) {
		close(signal_fd);
		enum seep_exit status = seep_cli_fail(err);
		return errnum == ENOENT ? EXIT_NOT_FOUND :
		       errnum		? EXIT_NOT_EXECUTABLE :
					  (int)status;
	}
	seep_cli_yield_memory();
	bool found = follow(args, child, signal_fd);
	close(signal_fd);
	if (args->children)
		tell_what_is_left(args, child);
	int status = seep_child_status(child);
	seep_child_destroy(child);
	return end_as(status, found);
}

int seep_cmd_run(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &seep_look_argp },
						      { .argp = &seep_sift_argp },
						      { .argp = &seep_scope_argp },
						      {} };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[--] COMMAND [ARGUMENT...]",
		.doc = "Starts a program and says what had leaked when it exits, by itself, by a signal or a panic. Its input, output, signals "
		       "and exit status pass through; findings go to standard error, or to the file of -o.",
		.children = children,
	};
	struct arguments args = {};

	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &args) != 0)
		return SEEP_EXIT_INTERNAL;
	const char *path = args.look.path;
	if (args.children && path && strcmp(path, "-") != 0 && !strstr(path, "%p"))
		return seep_cli_fail(seep_error_format(
			SEEP_ERROR_USAGE,
			"with --children there is a report for each process: FILE of -o needs a %%p, which stands for its number (report-%%p.json)"));
	int status = run(&args);
	seep_sift_deinit(&args.sift);
	return status;
}
