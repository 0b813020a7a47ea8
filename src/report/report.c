// The table of report formats. A format is one function in a file of its own and one entry here.
#include "report/internal.h"

#include <errno.h>
#include <string.h>

static const struct seep_report_format_ops formats[] = {
	{ "text", seep_report_write_text },
	{ "json", seep_report_write_json },
};

const struct seep_report_format_ops *seep_report_format_find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

const char *seep_report_format_name(size_t i)
{
	return i < sizeof(formats) / sizeof(*formats) ? formats[i].name : NULL;
}

struct seep_error *seep_report_put(FILE *file, const char *text, size_t len)
{
	errno = 0;
	if (fwrite(text, 1, len, file) == len)
		return NULL;
	return seep_error_format(SEEP_ERROR_OS, "cannot write the report: %s",
				 errno ? strerror(errno) : "the output was cut short");
}
