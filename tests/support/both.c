// Usage: both PID FILE [inspect|top|why TYPE]
//
// Looks at the running Go program PID as seep does, and prints the report as JSON; the copy that it is made from is also written to FILE,
// as a capture, by the same code as that of seep capture. So a look at FILE must give the same report.
//
// Linked with --wrap for four functions: the copy is written when it is complete and nothing is read from it yet, by a child, since writing uses
// it up; and both see the same clock.
#include "detect/inspect.h"
#include "report/report.h"
#include "runtime/save.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *path;
static struct seep_snapshot snapshot;
static const struct seep_usage *usage;
static struct seep_moment moment;

struct seep_error *__real_seep_runtime_snapshot(struct seep_target *target,
						const struct seep_binary *binary,
						const struct seep_snapshot_options *options,
						struct seep_snapshot *ret);
struct seep_error *__wrap_seep_runtime_snapshot(struct seep_target *target,
						const struct seep_binary *binary,
						const struct seep_snapshot_options *options,
						struct seep_snapshot *ret);
struct seep_error *__real_seep_usage_read(struct seep_target *target, struct seep_usage *ret);
struct seep_error *__wrap_seep_usage_read(struct seep_target *target, struct seep_usage *ret);
struct seep_moment __real_seep_target_moment(const struct seep_target *target);
struct seep_moment __wrap_seep_target_moment(const struct seep_target *target);
struct seep_error *__real_seep_runtime_read(struct seep_target *target,
					    const struct seep_binary *binary,
					    struct seep_runtime **ret);
struct seep_error *__wrap_seep_runtime_read(struct seep_target *target,
					    const struct seep_binary *binary,
					    struct seep_runtime **ret);

struct seep_error *__wrap_seep_runtime_snapshot(struct seep_target *target,
						const struct seep_binary *binary,
						const struct seep_snapshot_options *options,
						struct seep_snapshot *ret)
{
	struct seep_error *error = __real_seep_runtime_snapshot(target, binary, options, ret);

	snapshot = *ret;
	return error;
}

struct seep_error *__wrap_seep_usage_read(struct seep_target *target, struct seep_usage *ret)
{
	usage = ret;
	return __real_seep_usage_read(target, ret);
}

struct seep_moment __wrap_seep_target_moment(const struct seep_target *target)
{
	if (!moment.realtime_ns)
		moment = __real_seep_target_moment(target);
	return moment;
}

static void save(struct seep_target *target, const struct seep_binary *binary)
{
	struct seep_capture_totals totals;
	struct seep_error *error;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		err(EXIT_FAILURE, "%s", path);
	error = seep_runtime_save(target, binary, &snapshot, usage, seep_target_moment(target), fd,
				  &totals);
	if (error)
		errx(EXIT_FAILURE, "%s", error->message);
	_exit(EXIT_SUCCESS);
}

struct seep_error *__wrap_seep_runtime_read(struct seep_target *target,
					    const struct seep_binary *binary,
					    struct seep_runtime **ret)
{
	int status;

	(void)seep_target_moment(target);
	pid_t child = fork();
	if (child == 0)
		save(target, binary);
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		errx(EXIT_FAILURE, "nothing was saved");
	return __real_seep_runtime_read(target, binary, ret);
}

int main(int argc, char **argv)
{
	struct seep_report report;
	struct seep_source source = { .pid = argc > 2 ? atoi(argv[1]) : 0 };
	struct seep_inspect_options options = {};
	struct seep_report_options how = {};

	if (argc < 3)
		errx(2, "usage: both PID FILE [inspect|top|why TYPE]");
	path = argv[2];
	if (argc > 3 && strcmp(argv[3], "top") == 0) {
		options.top = 10;
		how.view = SEEP_REPORT_TOP;
	} else if (argc > 4 && strcmp(argv[3], "why") == 0) {
		options.why = argv[4];
		how.view = SEEP_REPORT_PATHS;
	} else {
		options.all = how.all = true;
	}
	seep_report_init(&report);
	struct seep_error *error = seep_inspect(&source, &options, &report);
	if (!error)
		error = seep_report_format_find("json", how.view)->write(&report, &how, stdout);
	seep_report_deinit(&report);
	if (error)
		errx(EXIT_FAILURE, "%s", error->message);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
