/** What the executable says, opened once while the process still runs: everything that needs no stop. */
#ifndef SEEP_BINARY_BINARY_H
#define SEEP_BINARY_BINARY_H

#include "binary/buildinfo.h"
#include "binary/globals.h"

struct seep_binary {
	struct seep_image image;
	struct seep_buildinfo info;
	struct seep_pclntab pclntab;
	struct seep_types types; /** over the image alone */
	struct seep_layout layout;
	struct seep_globals globals;
	int minor; /** Go release: 22 for 1.22 */
	const char *
		godebug; /** GODEBUG of the environment it was started with, borrowed from the target; NULL = none */
	bool newer_than_known; /** newer than the generated table: results carry a caveat */
};

/** The newest release that layout_table.inc knows. */
extern const int seep_newest_minor;
enum { SEEP_OLDEST_MINOR = 18 };

struct seep_error *seep_binary_open(struct seep_target *target, struct seep_binary **ret)
	_must_check_;
void seep_binary_close(struct seep_binary *binary);

#endif
