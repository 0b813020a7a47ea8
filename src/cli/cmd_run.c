// seep run: starts a program and looks at it when it is about to exit, whatever ends it; also from time to time, or when asked to by
// SIGUSR1.
//
// The program must not notice, nor who started seep: what it reads and writes is seep's own input and output, signals that somebody sends
// to seep are sent on, and seep ends as it ended, by exit status or signal. What is found goes to standard error or a file.
#include "cli/cli.h"

#include "cli/look.h"
#include "cli/output.h"
#include "target/child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KEY_EVERY = 256, KEY_FAIL_ON, KEY_ONLY, KEY_ALL };
/** As shells have it. */
enum { EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "When it is looked at:", 1 },
	{ "every", KEY_EVERY, "DURATION", 0,
	  "Also every DURATION (30s, 5m); always when it exits, and on SIGUSR1 to seep", 1 },
	{ NULL, 0, NULL, 0, "What is reported:", 2 },
	{ "all", KEY_ALL, NULL, 0,
	  "Also goroutines that wait for something alive, or block for ever on purpose", 2 },
	{ "only", KEY_ONLY, "CAUSE,...", 0, "These causes alone; `seep explain' lists them", 2 },
	{ "verbose", 'v', NULL, 0, "All evidence, every listed goroutine's stack", 2 },
	{ "fail-on", KEY_FAIL_ON, "VERDICT", 0,
	  "Exit with 1 instead of 0 if at its exit there is a finding at least this strong: suspect, abandoned, deadlocked or proven; never (default)",
	  2 },
	{},
};

struct arguments {
	struct seep_look look;
	struct seep_fail_on fail_on;
	uint64_t every_ns; /** 0: not asked for */
	char **command;
};

static struct seep_error *take_option(struct arguments *args, int key, char *arg)
{
	switch (key) {
	case KEY_EVERY:
		return seep_option_duration(arg, &args->every_ns);
	case KEY_FAIL_ON:
		return seep_option_fail_on(arg, &args->fail_on);
	default:
		args->look.inspect.only = args->look.report.only = arg;
		return seep_option_causes(arg);
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->look;
		return 0;
	case KEY_ALL:
		args->look.inspect.all = args->look.report.all = true;
		return 0;
	case 'v':
		args->look.report.verbose = true;
		return 0;
	case KEY_EVERY:
	case KEY_FAIL_ON:
	case KEY_ONLY: {
		struct seep_error *err = take_option(args, key, arg);
		if (err)
			exit(seep_cli_fail(err));
		return 0;
	}
	case ARGP_KEY_ARG: // and all that follows is the program's
		args->command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which program? Give its name and arguments behind --");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/** To the file of -o; else, if there is something to tell, to standard error. */
static struct seep_error *write_report(struct seep_look *look, const struct seep_report *report)
{
	_cleanup_(seep_output_deinit) struct seep_output output = {};
	struct seep_error *err;

	if (!look->path) {
		if (!report->findings.len)
			return NULL;
		look->report.color = seep_color_wanted(look->color, STDERR_FILENO);
		look->report.columns = seep_terminal_columns(STDERR_FILENO);
		return look->format->write(report, &look->report, stderr);
	}
	look->report.color = look->color == SEEP_COLOR_ALWAYS;
	err = seep_output_open(look->path, &output);
	if (!err)
		err = look->format->write(report, &look->report, output.file);
	return err ? err : seep_output_finish(&output);
}

static bool is_finding(const struct seep_fail_on *fail_on, const struct seep_report *report)
{
	seep_vec_foreach(finding, &report->findings)
		if (fail_on->enabled && finding->verdict <= fail_on->weakest)
			return true;
	return false;
}

/** Whether there is a finding of --fail-on. What goes wrong is said, and does not matter to the program. */
static bool look_at(struct arguments *args, struct seep_child *child)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	struct seep_error *err;

	seep_report_init(&report);
	args->look.source = (struct seep_source){ .pid = seep_child_pid(child), .child = child };
	err = seep_inspect(&args->look.source, &args->look.inspect, &report);
	bool partial = err && err->code == SEEP_ERROR_BUDGET && report.goroutines.total;
	if (err)
		seep_cli_fail(err);
	if (err && !partial)
		return false;
	err = write_report(&args->look, &report);
	if (err)
		seep_cli_fail(err);
	return is_finding(&args->fail_on, &report);
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

/** Until the program has ended; whether --fail-on found something when it did. */
static bool follow(struct arguments *args, struct seep_child *child, int signal_fd)
{
	uint64_t next = args->every_ns ? now_ns() + args->every_ns : UINT64_MAX;
	bool found = false;

	for (;;) {
		uint64_t now = now_ns();
		uint64_t left = next == UINT64_MAX ? UINT64_MAX : next > now ? next - now : 0;
		switch (seep_child_wait(child, left, signal_fd)) {
		case SEEP_CHILD_ENDED:
			return found;
		case SEEP_CHILD_EXITING:
			found = look_at(args, child);
			seep_child_release(child);
			continue;
		case SEEP_CHILD_NOTHING:
			break;
		}
		bool asked = take_signals(signal_fd, seep_child_pid(child));
		if (!asked && now_ns() < next)
			continue;
		look_at(args, child);
		if (args->every_ns)
			next = now_ns() + args->every_ns;
	}
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
	int errnum;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	int signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		return seep_cli_fail(seep_error_os(errno, "cannot wait for signals"));
	struct seep_error *err =
		seep_child_start(args->command, &before, seep_cli_restore_signals, &errnum, &child);
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
	int status = seep_child_status(child);
	seep_child_destroy(child);
	return end_as(status, found);
}

int seep_cmd_run(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &seep_look_argp }, {} };
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
	return run(&args);
}
