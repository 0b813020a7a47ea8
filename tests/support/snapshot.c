#include "support/snapshot.h"

#include <stdlib.h>
#include <string.h>

struct seep_error *take_snapshot(struct seep_target *target, const struct seep_binary *binary)
{
	struct seep_snapshot_options options = { .method = SEEP_SNAPSHOT_AUTO };
	struct seep_snapshot snapshot;
	const char *wanted = getenv("SEEP_TEST_PAUSE");

	if (wanted && !strcmp(wanted, "precopy"))
		options.method = SEEP_SNAPSHOT_PRECOPY;
	else if (wanted && !strcmp(wanted, "stop"))
		options.method = SEEP_SNAPSHOT_STOP;
	else if (wanted && strcmp(wanted, "auto") != 0)
		return seep_error_format(SEEP_ERROR_USAGE, "SEEP_TEST_PAUSE: %s?", wanted);
	return seep_runtime_snapshot(target, binary, &options, &snapshot);
}
