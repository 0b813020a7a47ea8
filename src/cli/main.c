// seep: finds the goroutines of a running Go program that can never wake. This file: the table of
// commands.
//
// The map of the sources, in the order in which data flows; a folder includes only those above it
// in this list:
//
//	base/      errors, strings, vectors, maps, bounds-checked reading
//	target/    bytes: the live process, stopped, copied and let go; the only folder with system calls on it
//	binary/    what the executable says: ELF, build info, functions and lines, types, code
//	runtime/   what the Go runtime says: spans, objects, goroutines, frames, what each waits on
//	graph/     objects and edges, what reaches what, what holds what
//	detect/    causes: who can never wake and why. findings.h is the product, inspect.h the whole way to it
//	sift/      which findings are known already: suppressions, baselines, the shipped list
//	report/    findings to text or JSON; style.h for how it looks
//	cli/       one file per command; options, output and exit status
//
// `seep PID` is `seep inspect PID`, and so is anything that starts with an option.
#include "cli/cli.h"

#include "base/large.h"
#include "base/str.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef SEEP_VERSION
#define SEEP_VERSION "unknown"
#endif

const char *argp_program_version = "seep " SEEP_VERSION;

static int cmd_help(int argc, char **argv);

static const struct seep_command commands[] = {
	{ "inspect", "Find what leaks in a process or file (the default)", seep_cmd_inspect },
	{ "top", "Show who holds most memory, by type, variable and goroutine", seep_cmd_top },
	{ "why", "Show why an object, or those of a type, are still there", seep_cmd_why },
	{ "diff", "Show what grew between two or more looks", seep_cmd_diff },
	{ "capture", "Keep a process in a file, to look at it later", seep_cmd_capture },
	{ "ps", "List the Go programs that run here", seep_cmd_ps },
	{ "doctor", "Say what would stop an attach here, and what mends it", seep_cmd_doctor },
	{ "run", "Start a program, and find what had leaked when it exits", seep_cmd_run },
	{ "explain", "Explain a cause of leaks, or a verdict", seep_cmd_explain },
	{ "help", "Help on a command", cmd_help },
};

static const struct seep_command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void print_overview(FILE *file)
{
	fputs("Usage: seep PID|FILE [OPTION...]\n"
	      "  or:  seep COMMAND [OPTION...] [ARGUMENT]\n"
	      "\n"
	      "Finds what leaks in a running Go program, from outside: no rebuild, no restart,\n"
	      "no debug information. The program is paused for milliseconds and not changed.\n"
	      "\n",
	      file);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(file, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\n"
	      "Start with `seep ps` to find the PID. `seep help inspect` lists the options.\n",
	      file);
}

static int run_command(const struct seep_command *command, int argc, char **argv)
{
	char name[64];

	snprintf(name, sizeof(name), "seep %s", command->name);
	argv[0] = name;
	if (command->run != seep_cmd_run)
		seep_cli_yield_memory();
	return command->run(argc, argv);
}

static int unknown(const char *word)
{
	_cleanup_(seep_str_deinit) struct seep_str line = {};

	seep_str_add_escaped(&line, word, strlen(word));
	fprintf(stderr,
		"seep: '%s' is neither a PID, a file nor a command; find the PID with `seep ps`, see `seep help`\n",
		seep_str_text(&line));
	return SEEP_EXIT_USAGE;
}

static int cmd_help(int argc, char **argv)
{
	static char help[] = "--help";

	if (argc < 2 || argv[1][0] == '-') {
		print_overview(stdout);
		return SEEP_EXIT_OK;
	}
	const struct seep_command *command = find_command(argv[1]);
	if (!command)
		return unknown(argv[1]);
	char *help_argv[] = { argv[0], help, NULL };
	return command->run == cmd_help ? cmd_help(1, argv) : run_command(command, 2, help_argv);
}

/** Descriptors 0 to 2 shall be open: else a file of the target would become our standard output. */
static bool hold_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		// Not writable: that nobody reads the report must stay an error.
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			return false;
	return true;
}

/** What argp printed, too, must arrive. */
static void close_stdout(void)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "seep: cannot write to standard output: %s\n", strerror(errno));
		_exit(SEEP_EXIT_INTERNAL);
	}
}

int main(int argc, char **argv)
{
	argp_err_exit_status = SEEP_EXIT_USAGE;
	if (!hold_standard_fds() || atexit(close_stdout) != 0)
		return SEEP_EXIT_INTERNAL;
	seep_cli_ignore_signals();
	seep_large_give_back();

	if (argc < 2) {
		print_overview(stderr);
		return SEEP_EXIT_USAGE;
	}
	const char *word = argv[1];
	if (strcmp(word, "--help") == 0 || strcmp(word, "-?") == 0 || strcmp(word, "-h") == 0) {
		print_overview(stdout);
		return SEEP_EXIT_OK;
	}
	const struct seep_command *command = find_command(word);
	if (command)
		return run_command(command, argc - 1, argv + 1);
	bool file = strchr(word, '/') || access(word, F_OK) == 0;
	if (!file && word[0] != '-' && (word[0] < '0' || word[0] > '9'))
		return unknown(word);
	return run_command(find_command("inspect"), argc, argv);
}
