// Usage: damaged_capture FILE SEED FLIPS RESEALED
//
// Looks at damaged copies of the capture FILE, which must be whole:
//
//	cut short		at every 4 KiB
//	FLIPS			random ones with one to eight bits changed
//	RESEALED		random ones with bytes of what the chunks hold changed, and right checksums
//
// The first two must each give the error BAD_DATA, or USAGE and UNSUPPORTED where it is the first line that is damaged. Of the third all that
// is asked is that the look comes to an end by its own will; each is a process. It is meant to be built with sanitizers. Prints what went
// wrong, and at last how many there were. Exit status: 0 all ended well.
#include "detect/inspect.h"
#include "report/report.h"
#include "support/fake_heap.h"
#include "target/capture_format.h"

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEP = 4096, FLIPS_MAX = 8, CHANGES_MAX = 8, CHUNK_BYTES_MIN = 16, SECONDS_MAX = 120 };
enum { FIRST_LINE_BYTES = 16, REPORT = 0, ERROR = 3 };

static struct fake_random random_state;
static char path[32]; // of the copy
static int failed;

static struct seep_error *open_copy(void)
{
	struct seep_target *target = NULL;
	struct seep_source source = { .file = path };
	struct seep_error *error = seep_target_open_file(&source, &target);

	seep_target_close(target);
	return error;
}

/** The copy, damaged from byte `at` on, must be refused. */
static void expect_refusal(const char *how, uint64_t at)
{
	struct seep_error *error = open_copy();

	if (!error || (error->code != SEEP_ERROR_BAD_DATA && at >= FIRST_LINE_BYTES)) {
		printf("%s at %" PRIu64 ": %s\n", how, at, error ? error->message : "no error");
		failed++;
	}
	seep_error_destroy(error);
}

static unsigned cut_short(int fd, off_t size)
{
	unsigned count = 0;

	for (off_t end = (size - 1) & -STEP; end >= 0; end -= STEP, count++) {
		if (ftruncate(fd, end) < 0)
			err(EXIT_FAILURE, "cannot cut");
		expect_refusal("cut", (uint64_t)end);
	}
	return count;
}

static void flip_bits(int fd, off_t size)
{
	uint64_t bits[FLIPS_MAX], n = 1 + fake_below(&random_state, FLIPS_MAX), first = UINT64_MAX;
	unsigned char old[FLIPS_MAX];

	for (uint64_t i = 0; i < n; i++) {
		bits[i] = fake_below(&random_state, (uint64_t)size * 8);
		first = bits[i] / 8 < first ? bits[i] / 8 : first;
		for (uint64_t k = 0; k < i; k++)
			if (bits[k] / 8 == bits[i] / 8) // else one may undo the other
				n = i;
		if (i >= n)
			break;
		if (pread(fd, old + i, 1, (off_t)(bits[i] / 8)) != 1 ||
		    pwrite(fd, &(unsigned char){ old[i] ^ 1 << bits[i] % 8 }, 1,
			   (off_t)(bits[i] / 8)) != 1)
			err(EXIT_FAILURE, "cannot flip");
	}
	expect_refusal("flipped", first);
	for (uint64_t i = 0; i < n; i++)
		if (pwrite(fd, old + i, 1, (off_t)(bits[i] / 8)) != 1)
			err(EXIT_FAILURE, "cannot restore");
}

/** A number that means something, or any. */
static void change(unsigned char *bytes, size_t len)
{
	static const uint64_t numbers[] = { 0, 1, 7, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX };
	size_t at = fake_below(&random_state, len - 8) & -(size_t)4;
	uint64_t value = fake_below(&random_state, 2) ?
				 numbers[fake_below(&random_state, 7)] :
				 seep_le64(bytes + at) ^ 1ull << fake_below(&random_state, 64);

	memcpy(bytes + at, &value, fake_below(&random_state, 2) ? 4 : 8);
}

/** Writes FILE to fd once more, with changes in some chunks, small ones rather than large ones. */
static void reseal(const char *file, int fd, unsigned odds)
{
	struct seep_chunk_reader reader;
	struct seep_chunk_writer writer;
	int from = open(file, O_RDONLY | O_CLOEXEC);
	struct seep_error *error = seep_chunk_reader_init(&reader, from);

	seep_chunk_writer_init(&writer, fd);
	while (!error && reader.type != SEEP_CHUNK_END) {
		error = seep_chunk_next(&reader);
		unsigned char *p = error ? NULL :
					   seep_chunk_record(&writer, reader.type, reader.len);
		if (!p)
			continue;
		memcpy(p, reader.records, reader.len);
		if (reader.len < CHUNK_BYTES_MIN || fake_below(&random_state, odds))
			continue;
		for (uint64_t n = 1 + fake_below(&random_state, CHANGES_MAX); n; n--)
			change(p, reader.type == SEEP_CHUNK_MEMORY && fake_below(&random_state, 2) ?
					  64 :
					  reader.len);
	}
	seep_chunk_flush(&writer);
	seep_chunk_reader_deinit(&reader);
	if (!error)
		error = seep_chunk_writer_deinit(&writer);
	if (error)
		errx(EXIT_FAILURE, "%s", error->message);
	close(from);
}

static int look(void)
{
	const struct seep_inspect_options options = { .all = true };
	const struct seep_report_options how = { .all = true };
	struct seep_report report;
	FILE *nowhere = fopen("/dev/null", "w");

	seep_report_init(&report);
	struct seep_error *error =
		seep_inspect(&(struct seep_source){ .file = path }, &options, &report);
	int status = error ? ERROR : REPORT;
	if (!error && nowhere)
		error = seep_report_format_find("json", how.view)->write(&report, &how, nowhere);
	seep_error_destroy(error);
	seep_report_deinit(&report);
	if (nowhere)
		fclose(nowhere);
	return status;
}

/** Counts how the look at a resealed copy ended: 0 a report, 1 an error, 2 badly. */
static void look_at_resealed(const char *file, uint64_t seed, uint64_t ended[3])
{
	const struct rlimit limit = { SECONDS_MAX, SECONDS_MAX };
	int status, fd = memfd_create("resealed", MFD_CLOEXEC);

	random_state.state = seed * 0x9e3779b97f4a7c15 + 1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		setrlimit(RLIMIT_CPU, &limit);
		reseal(file, fd, 4 + seed % 30);
		exit(look());
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		err(EXIT_FAILURE, "cannot run round %" PRIu64, seed);
	close(fd);
	bool well = WIFEXITED(status) &&
		    (WEXITSTATUS(status) == REPORT || WEXITSTATUS(status) == ERROR);
	if (!well)
		printf("resealed with seed %" PRIu64 ": status %#x\n", seed, (unsigned)status);
	failed += !well;
	ended[!well ? 2 : WEXITSTATUS(status) == ERROR]++;
}

int main(int argc, char **argv)
{
	struct stat st;
	uint64_t ended[3] = {};

	if (argc != 5)
		errx(2, "usage: damaged_capture FILE SEED FLIPS RESEALED");
	uint64_t seed = strtoull(argv[2], NULL, 10), flips = strtoull(argv[3], NULL, 10),
		 resealed = strtoull(argv[4], NULL, 10);
	int from = open(argv[1], O_RDONLY | O_CLOEXEC), fd = memfd_create("damaged", MFD_CLOEXEC);
	if (from < 0 || fd < 0 || fstat(from, &st) < 0)
		err(EXIT_FAILURE, "%s", argv[1]);
	for (off_t done = 0; done < st.st_size;) {
		unsigned char bytes[1 << 16];
		ssize_t n = read(from, bytes, sizeof(bytes));
		if (n <= 0 || write(fd, bytes, n) != n)
			err(EXIT_FAILURE, "cannot copy %s", argv[1]);
		done += n;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct seep_error *error = open_copy();
	if (error)
		errx(EXIT_FAILURE, "%s: %s", argv[1], error->message);
	random_state.state = seed * 0x9e3779b97f4a7c15 + 1;
	for (uint64_t i = 0; i < flips; i++)
		flip_bits(fd, st.st_size);
	error = open_copy(); // all is as it was
	if (error)
		errx(EXIT_FAILURE, "%s", error->message);
	unsigned cuts = cut_short(fd, st.st_size);
	for (uint64_t i = 0; i < resealed; i++)
		look_at_resealed(argv[1], seed + i, ended);
	printf("%u cut, %" PRIu64 " flipped, %" PRIu64 " resealed: %" PRIu64 " reports, %" PRIu64
	       " errors; %d failed\n",
	       cuts, flips, resealed, ended[0], ended[1], failed);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
