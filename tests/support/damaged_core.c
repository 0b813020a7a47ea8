// Usage: damaged_core CORE EXE cut FROM TO STEP | flip SEED ROUNDS BYTES | drop FIRST LAST STEP
//
// Looks at CORE, and then at the same core damaged: cut to each of the lengths FROM, FROM - STEP, ... TO; with bits changed in 1 to 8
// places of its first BYTES bytes (0: anywhere); or without one of its mappings, from number FIRST to LAST. CORE is changed for this, and whole again at the end (but of cut). What comes out must be a
// report or an error, by seep's own will; a report on a core that lacks something must not have a finding that the whole core has not. Of a
// flipped bit in the middle of memory nobody can tell: those findings are only counted. Prints each look that ended otherwise,
//
//	WHAT: signal N | status N | CAUSE VERDICT COUNT at the whole core's COUNT
//
// and at last how many gave a report, with how many findings, an error, a finding too many. Exit status: 0 all is well.
#include "detect/inspect.h"
#include "report/report.h"
#include "support/fake_heap.h"

#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPORT = 0, ERROR = 3, MORE = 4, SECONDS_MAX = 120, FLIPS_MAX = 8 };

static struct seep_report whole;
static struct seep_source source;
static uint64_t ended[3]; /** reports, errors, reports with more */

/** The same, claimed at least as strongly. */
static const struct seep_finding *in_whole(const struct seep_finding *finding)
{
	seep_vec_foreach(f, &whole.findings)
		if (f->signature == finding->signature && f->verdict <= finding->verdict &&
		    strcmp(f->cause, finding->cause) == 0)
			return f;
	return NULL;
}

/** In a child: looks, writes the report nowhere, compares. */
static int look(const char *what, bool tell)
{
	const struct seep_report_options options = { .verbose = true };
	struct seep_report report;
	int status = REPORT;
	FILE *nowhere = fopen("/dev/null", "w");

	seep_report_init(&report);
	struct seep_error *err = seep_inspect(&source, &(struct seep_inspect_options){}, &report);
	if (err && getenv("DAMAGED_CORE_TELL"))
		printf("%s: %s\n", what, err->message);
	if (err)
		status = ERROR;
	else if (nowhere)
		err = seep_report_format_find("text", options.view)
			      ->write(&report, &options, nowhere);
	for (size_t i = 0; status != ERROR && i < report.findings.len; i++) {
		const struct seep_finding *f = &report.findings.data[i], *w = in_whole(f);
		if (w && f->count <= w->count)
			continue;
		status = MORE;
		if (tell)
			printf("%s: %s %s %" PRIu64 " at the whole core's %" PRIu64 "\n", what,
			       f->cause, seep_verdict_name(f->verdict), f->count, w ? w->count : 0);
	}
	seep_error_destroy(err);
	seep_report_deinit(&report);
	if (nowhere)
		fclose(nowhere);
	fflush(stdout);
	return status;
}

/** True when it ended as it should. */
static bool run(const char *what, bool may_have_more)
{
	const struct rlimit limit = { SECONDS_MAX, SECONDS_MAX };
	int status;

	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		setrlimit(RLIMIT_CPU, &limit);
		status = look(what, !may_have_more);
		// Only with exit() are leaks looked for.
		seep_report_deinit(&whole);
		exit(status);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		err(EXIT_FAILURE, "cannot look at %s", what);
	if (WIFEXITED(status)) {
		int code = WEXITSTATUS(status);
		if (code == REPORT || code == ERROR || code == MORE) {
			ended[code == REPORT ? 0 : code == ERROR ? 1 : 2]++;
			return code != MORE || may_have_more;
		}
		printf("%s: status %d\n", what, code);
	} else {
		printf("%s: signal %d\n", what, WTERMSIG(status));
	}
	return false;
}

static bool cut(int fd, uint64_t from, uint64_t to, uint64_t step)
{
	bool ok = true;
	char what[64];

	for (uint64_t len = from; len >= to && len <= from; len -= step) {
		if (ftruncate(fd, (off_t)len) < 0)
			err(EXIT_FAILURE, "cannot cut the core");
		snprintf(what, sizeof(what), "%" PRIu64 " bytes", len);
		ok = run(what, false) && ok;
	}
	return ok;
}

/** A place that is in use: in memory that is all zeros a flipped bit seldom says anything. */
static uint64_t any_place(int fd, struct fake_random *random, uint64_t size)
{
	uint64_t place = 0;
	unsigned char byte = 0;

	for (int i = 0; i < 200 && !byte; i++) {
		place = fake_below(random, size);
		if (pread(fd, &byte, 1, (off_t)place) != 1)
			break;
	}
	return place;
}

static bool flip(int fd, uint64_t seed, uint64_t rounds, uint64_t size)
{
	bool ok = true;
	char what[64];

	for (uint64_t n = seed; n < seed + rounds; n++) {
		struct fake_random random = { n * 0x9e3779b97f4a7c15 + 1 };
		size_t count = 1 + fake_below(&random, FLIPS_MAX);
		uint64_t places[FLIPS_MAX];
		unsigned char old[FLIPS_MAX], byte;
		for (size_t i = 0; i < count; i++) {
			places[i] = any_place(fd, &random, size);
			if (pread(fd, &old[i], 1, (off_t)places[i]) != 1)
				err(EXIT_FAILURE, "cannot read the core");
			byte = old[i] ^ (unsigned char)(1u << fake_below(&random, 8));
			if (pwrite(fd, &byte, 1, (off_t)places[i]) != 1)
				err(EXIT_FAILURE, "cannot change the core");
		}
		snprintf(what, sizeof(what), "seed %" PRIu64, n);
		ok = run(what, true) && ok;
		while (count--)
			if (pwrite(fd, &old[count], 1, (off_t)places[count]) != 1)
				err(EXIT_FAILURE, "cannot mend the core");
	}
	return ok;
}

/** As if the filter had kept one mapping out, each in turn. */
static bool drop(int fd, uint64_t first, uint64_t last, uint64_t step)
{
	Elf64_Ehdr header;
	Elf64_Phdr phdr, dropped;
	bool ok = true;
	char what[64];

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header))
		err(EXIT_FAILURE, "cannot read the core");
	for (uint64_t i = first; i <= last && i < header.e_phnum; i += step) {
		off_t at = (off_t)(header.e_phoff + i * sizeof(phdr));
		if (pread(fd, &phdr, sizeof(phdr), at) != sizeof(phdr))
			err(EXIT_FAILURE, "cannot read the core");
		if (phdr.p_type != PT_LOAD || phdr.p_filesz == 0)
			continue;
		dropped = phdr;
		dropped.p_filesz = 0;
		if (pwrite(fd, &dropped, sizeof(phdr), at) != sizeof(phdr))
			err(EXIT_FAILURE, "cannot change the core");
		snprintf(what, sizeof(what), "without the mapping at %#" PRIx64, phdr.p_vaddr);
		ok = run(what, false) && ok;
		if (pwrite(fd, &phdr, sizeof(phdr), at) != sizeof(phdr))
			err(EXIT_FAILURE, "cannot mend the core");
	}
	return ok;
}

/** The part of main() that depends on the kind of damage. */
static bool damage(const char *kind, int fd, const uint64_t numbers[3], uint64_t size)
{
	if (strcmp(kind, "cut") == 0)
		return cut(fd, numbers[0], numbers[1], numbers[2]);
	if (strcmp(kind, "drop") == 0)
		return drop(fd, numbers[0], numbers[1], numbers[2]);
	if (strcmp(kind, "flip") == 0)
		return flip(fd, numbers[0], numbers[1], numbers[2] ? numbers[2] : size);
	errx(EXIT_FAILURE, "there is cut, flip and drop, not '%s'", kind);
}

int main(int argc, char **argv)
{
	struct stat status;

	if (argc != 7)
		errx(EXIT_FAILURE,
		     "usage: damaged_core CORE EXE cut|flip|drop NUMBER NUMBER NUMBER");
	source = (struct seep_source){ .file = argv[1], .exe = argv[2] };
	int fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		err(EXIT_FAILURE, "%s", argv[1]);
	seep_report_init(&whole);
	struct seep_error *error = seep_inspect(&source, &(struct seep_inspect_options){}, &whole);
	if (error)
		errx(EXIT_FAILURE, "%s", error->message);
	uint64_t numbers[3];
	for (size_t i = 0; i < 3; i++)
		numbers[i] = strtoull(argv[4 + i], NULL, 10);
	size_t findings = whole.findings.len;
	bool ok = damage(argv[3], fd, numbers, (uint64_t)status.st_size);
	seep_report_deinit(&whole);
	printf("%" PRIu64 " reports, %" PRIu64 " errors, %" PRIu64
	       " reports with findings that the whole core, with %zu, has not\n",
	       ended[0], ended[1], ended[2], findings);
	return ok ? 0 : EXIT_FAILURE;
}
