// Errors become an exit status and one line here, and nowhere else.
#include "cli/cli.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

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
