/** Source files as URIs that stand on another machine, too: those of the main module relative to its folder. */
#ifndef SEEP_REPORT_SOURCE_URI_H
#define SEEP_REPORT_SOURCE_URI_H

#include "base/str.h"
#include "detect/findings.h"

struct seep_source_root {
	const char *module; /** path of the main module; NULL = unknown */
	char *root; /** the folder that it was built in, "/" at its end; NULL = unknown, or built with -trimpath */
};

enum seep_source_base {
	SEEP_SOURCE_NONE, /** no file, or a name that is not one; no URI was added */
	SEEP_SOURCE_ABSOLUTE, /** "file:///..." */
	SEEP_SOURCE_MODULE, /** relative to the main module's folder */
	SEEP_SOURCE_TRIMMED, /** as -trimpath leaves it: "runtime/proc.go", "golang.org/x/sync@v0.7.0/..." */
};

/** Finds the module's folder by a frame of one of its functions: the folder of a file ends like the package's path. */
void seep_source_root_init(struct seep_source_root *source, const struct seep_report *report);
void seep_source_root_deinit(struct seep_source_root *source);
/** Adds the URI of a file, percent-encoded. */
enum seep_source_base seep_source_uri(const struct seep_source_root *source, const char *file,
				      struct seep_str *uri);

#endif
