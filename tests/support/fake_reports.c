// fake_reports KIND FORMAT: writes one of the reports of fake_report.h to standard output.
#include "report/report.h"
#include "support/fake_report.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	void (*make)(struct seep_report *);
} kinds[] = {
	{ "leaky", fake_report_leaky },	    { "memory", fake_report_memory },
	{ "suspect", fake_report_suspect }, { "clean", fake_report_clean },
	{ "hostile", fake_report_hostile }, { "known", fake_report_known },
};

int main(int argc, char **argv)
{
	const struct seep_report_format_ops *format =
		argc == 3 ? seep_report_format_find(argv[2], SEEP_REPORT_ALL) : NULL;
	_cleanup_(seep_report_deinit) struct seep_report report;
	size_t kind = 0, count = sizeof(kinds) / sizeof(*kinds);

	while (argc == 3 && kind < count && strcmp(argv[1], kinds[kind].name) != 0)
		kind++;
	if (!format || kind == count)
		return 2;
	kinds[kind].make(&report);
	struct seep_error *err = format->write(&report, &(struct seep_report_options){}, stdout);
	seep_error_destroy(err);
	return err || fflush(stdout) != 0;
}
