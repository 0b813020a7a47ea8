// seep capture: copies a process as a look does, and writes the copy to a file instead of analysing it; at once, or when it is about to be
// in trouble.
//
// Whatever can be known to go wrong is found out before the wait: whether FILE can be written, the process be read, and each quantity be
// known. During it there is no more than a few words of the process: the executable is closed and opened anew.
#include "cli/cli.h"

#include "cli/options.h"
#include "cli/output.h"
#include "cli/pause_options.h"
#include "cli/wait.h"
#include "runtime/save.h"
#include "target/gauge.h"

#include <argp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { KEY_MAX_MEM = 256, KEY_WHEN, KEY_WITHIN, KEY_WITH_VALUES };

static const struct argp_option options[] = {
	{ "output", 'o', "FILE", 0,
	  "Where to; FILE appears whole or not at all. - is standard output", 1 },
	{ "quiet", 'q', NULL, 0, "Do not say what was written", 1 },
	{ "with-values", KEY_WITH_VALUES, NULL, 0,
	  "Also keep contents of strings, buffers and other memory without pointers: the process's secrets",
	  1 },
	{ NULL, 0, NULL, 0, "When:", 2 },
	{ "when", KEY_WHEN, "CONDITION", 0,
	  "Wait until it holds: rss or heap>2GiB or >80% (of the memory limit), goroutines or threads>10000, fds>90%; of several any one",
	  2 },
	{ "within", KEY_WITHIN, "DURATION", 0,
	  "With --when: give up after DURATION (90s, 24h), with exit status 7", 2 },
	{ NULL, 0, NULL, 0, "How:", 3 },
	{ "max-mem", KEY_MAX_MEM, "SIZE", 0,
	  "Take at most SIZE of memory for the copy (300M, 2G), or do not touch the process", 3 },
	{},
};

struct arguments {
	pid_t pid;
	const char *path;
	bool quiet;
	struct seep_snapshot_options snapshot;
	struct seep_conditions conditions; /** empty: at once */
	uint64_t within_ns;
};

static void arguments_deinit(struct arguments *args)
{
	seep_vec_free(&args->conditions);
}

static struct seep_error *add_condition(struct arguments *args, const char *text)
{
	struct seep_condition condition;
	struct seep_error *err = seep_condition_parse(text, &condition);

	if (err)
		return err;
	return seep_vec_push(&args->conditions, condition) ? NULL : &seep_enomem;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;
	struct seep_error *err = NULL;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->snapshot;
		return 0;
	case 'o':
		args->path = arg;
		return 0;
	case 'q':
		args->quiet = true;
		return 0;
	case KEY_WITH_VALUES:
		args->snapshot.values = true;
		return 0;
	case ARGP_KEY_END:
		if (!args->pid)
			argp_error(state, "which process? `seep ps` lists the Go programs");
		if (!args->path)
			argp_error(state, "where to? -o FILE");
		if (args->within_ns && !args->conditions.len)
			argp_error(state, "--within what? It goes with --when");
		return 0;
	case KEY_MAX_MEM:
		err = seep_option_size(arg, &args->snapshot.max_bytes);
		break;
	case KEY_WHEN:
		err = add_condition(args, arg);
		break;
	case KEY_WITHIN:
		err = seep_option_long_duration(arg, &args->within_ns);
		break;
	case ARGP_KEY_ARG:
		err = args->pid ? seep_error_format(SEEP_ERROR_USAGE, "one PID at a time") :
				  seep_option_pid(arg, &args->pid);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (err)
		exit(seep_cli_fail(err));
	return 0;
}

static void tell(const struct arguments *args, const struct seep_stop_stats *stats,
		 const struct seep_capture_totals *totals)
{
	fprintf(stderr,
		"seep: captured process %d in a pause of %.1f ms: %.1f MB, of %.1f MB of memory and %.1f MB of the executable\n",
		(int)args->pid, stats->max_gap_ns / 1e6, totals->file_bytes / 1e6,
		totals->memory_bytes / 1e6, totals->exe_bytes / 1e6);
	if (args->snapshot.values)
		fprintf(stderr,
			"seep: with %.1f MB of contents of strings and buffers: keep it as secret as what the process knows\n",
			totals->values_bytes / 1e6);
}

static struct seep_error *capture(const struct arguments *args, struct seep_target *target,
				  struct seep_place *place)
{
	struct seep_error *err;
	struct seep_binary *binary = NULL;
	struct seep_snapshot snapshot;
	struct seep_capture_totals totals;
	_cleanup_(seep_usage_deinit) struct seep_usage usage = {};

	err = seep_binary_open(target, &binary);
	if (!err)
		err = seep_runtime_snapshot(target, binary, &args->snapshot, &snapshot);
	struct seep_moment moment = seep_target_moment(target);
	if (!err)
		err = seep_usage_read(target, &usage);
	if (!err)
		err = seep_runtime_save(target, binary, &snapshot, &usage, moment, place->fd,
					&totals);
	seep_binary_close(binary);
	if (!err)
		err = seep_place_commit(place);
	if (!err && !args->quiet) {
		struct seep_stop_stats stats = seep_target_stats(target);
		tell(args, &stats, &totals);
	}
	return err;
}

static struct seep_error *find_counters(struct seep_target *target, struct seep_counters *ret)
{
	struct seep_binary *binary = NULL;
	struct seep_error *err = seep_binary_open(target, &binary);

	if (!err)
		*ret = seep_counters_find(target, binary);
	seep_binary_close(binary);
	return err;
}

/** Until a condition holds; else waiting->end says what came instead. */
static struct seep_error *wait_for(const struct arguments *args, struct seep_target *target,
				   struct seep_waiting *waiting)
{
	struct seep_counters counters;
	struct seep_error *err = find_counters(target, &counters);

	if (err)
		return err;
	if (!args->quiet && seep_gauge_shares_limit(target))
		fprintf(stderr,
			"seep: process %d and seep share a memory limit: what the capture takes counts for it, too\n",
			(int)args->pid);
	err = seep_wait(target, &counters, waiting);
	if (!err && waiting->end == SEEP_WAITED_MET && !args->quiet)
		fprintf(stderr, "seep: %s\n", seep_str_text(&waiting->text));
	return err;
}

/** How seep ends when no condition was met. */
static int give_up(const struct seep_waiting *waiting)
{
	if (waiting->end == SEEP_WAITED_SIGNAL)
		raise(waiting->signal); // which ends seep, since it is not ignored
	fprintf(stderr, "seep: nothing was captured: no condition was met in time; %s\n",
		seep_str_text(&waiting->text));
	return SEEP_EXIT_NOT_MET;
}

int seep_cmd_capture(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &seep_pause_argp }, {} };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "PID",
		.doc = "Keeps a running Go program for later: what a look at it reads goes to a file, which `seep inspect FILE', `top', "
		       "`why' and `diff' take in place of a PID, here or elsewhere. Contents of strings and of other memory without pointers "
		       "are not in it unless asked for. The program is paused for milliseconds and not changed. With --when it is watched, without a "
		       "pause, and captured when it is about to be in trouble.",
		.children = children,
	};
	_cleanup_(arguments_deinit) struct arguments args = {};
	struct seep_target *target = NULL;
	struct seep_error *err;
	struct seep_place place;

	if (argp_parse(&argp, argc, argv, 0, NULL, &args) != 0)
		return SEEP_EXIT_INTERNAL;
	if (strcmp(args.path, "-") == 0 && isatty(STDOUT_FILENO))
		return seep_cli_fail(
			seep_error_format(SEEP_ERROR_USAGE, "a capture is nothing for a terminal"));
	err = seep_place_open(args.path, &place);
	if (err)
		return seep_cli_fail(err);
	struct seep_waiting waiting = {
		.conditions = &args.conditions,
		.within_ns = args.within_ns,
		.progress = !args.quiet && isatty(STDERR_FILENO),
	};
	err = seep_target_open(args.pid, &target);
	if (!err && args.conditions.len)
		err = wait_for(&args, target, &waiting);
	if (!err && waiting.end == SEEP_WAITED_MET)
		err = capture(&args, target, &place);
	seep_target_close(target);
	seep_place_deinit(&place);
	int status = err			    ? (int)seep_cli_fail(err) :
		     waiting.end == SEEP_WAITED_MET ? SEEP_EXIT_OK :
						      give_up(&waiting);
	seep_str_deinit(&waiting.text);
	return status;
}
