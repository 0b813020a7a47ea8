// Errors become an exit status and one line here, and nowhere else; and what seep does to itself.
#include "cli/cli.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum seep_exit seep_cli_status(enum seep_error_code code)
{
	static const enum seep_exit statuses[] = {
		[SEEP_ERROR_NO_MEMORY] = SEEP_EXIT_INTERNAL,
		[SEEP_ERROR_OS] = SEEP_EXIT_INTERNAL,
		[SEEP_ERROR_NOT_PERMITTED] = SEEP_EXIT_NOT_PERMITTED,
		[SEEP_ERROR_GONE] = SEEP_EXIT_GONE,
		[SEEP_ERROR_FAULT] = SEEP_EXIT_GONE,
		[SEEP_ERROR_BAD_DATA] = SEEP_EXIT_GONE,
		[SEEP_ERROR_MISSING_INFO] = SEEP_EXIT_UNSUPPORTED,
		[SEEP_ERROR_UNSUPPORTED] = SEEP_EXIT_UNSUPPORTED,
		[SEEP_ERROR_INTERRUPTED] = SEEP_EXIT_PARTIAL,
		[SEEP_ERROR_BUDGET] = SEEP_EXIT_PARTIAL,
		[SEEP_ERROR_CHANGED] = SEEP_EXIT_PARTIAL,
		[SEEP_ERROR_USAGE] = SEEP_EXIT_USAGE,
	};

	return (size_t)code < sizeof(statuses) / sizeof(*statuses) ? statuses[code] :
								     SEEP_EXIT_INTERNAL;
}

enum seep_exit seep_cli_fail(struct seep_error *err)
{
	_cleanup_(seep_str_deinit) struct seep_str line = {};
	enum seep_exit status = seep_cli_status(err->code);

	seep_str_add_escaped(&line, err->message, strlen(err->message));
	fprintf(stderr, "seep: %s\n", line.failed ? "out of memory" : seep_str_text(&line));
	seep_error_destroy(err);
	return status;
}

/** Best effort: an executable with file capabilities may not. */
void seep_cli_yield_memory(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "1000", 4) < 0)
		errno = 0;
	close(fd);
}

static const int ignored[] = { SIGPIPE, SIGXFSZ };
static struct sigaction before[2];

void seep_cli_ignore_signals(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < 2; i++)
		sigaction(ignored[i], &ignore, &before[i]);
}

void seep_cli_restore_signals(void)
{
	for (size_t i = 0; i < 2; i++)
		sigaction(ignored[i], &before[i], NULL);
}
