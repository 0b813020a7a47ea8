// Usage: damage PID SEED ROUNDS
//
// Looks at the running Go program PID as seep does, ROUNDS times, each time with words of the copy of its memory changed before anything has
// been read from it: from a bit to a pointer to elsewhere. What comes out is of no interest, as long as seep ends, and does so by itself.
// It is meant to be built with sanitizers. Prints, for each round that ended otherwise,
//
//	SEED signal N | status N
//
// and at last how many of the rounds gave a report, and how many an error. Exit status: 0 all ended well.
//
// Linked with --wrap=seep_runtime_read: that is where the copy is complete and nothing is read yet.
#include "detect/inspect.h"
#include "report/report.h"
#include "runtime/runtime.h"
#include "support/fake_heap.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 400, TRIES = 200, SECONDS_MAX = 120 }; // of processor time
enum { REPORT = 0, ERROR = 3 }; // exit status of a round that ended well

static struct fake_random random_state;

struct seep_error *__real_seep_runtime_read(struct seep_target *target,
					    const struct seep_binary *binary,
					    struct seep_runtime **ret);
struct seep_error *__wrap_seep_runtime_read(struct seep_target *target,
					    const struct seep_binary *binary,
					    struct seep_runtime **ret);

/** A word of the copy, rather one that is not 0. Small segments count as much as large ones: the runtime's own tables are in those. */
static unsigned char *any_word(const struct seep_memory *memory)
{
	unsigned char *word = NULL;

	for (int i = 0; i < TRIES && (!word || seep_le64(word) == 0); i++) {
		const struct seep_segment *s =
			&memory->segments[fake_below(&random_state, memory->len)];
		if (s->end - s->start >= 8)
			word = (unsigned char *)s->bytes +
			       8 * fake_below(&random_state, (s->end - s->start) / 8);
	}
	return word;
}

static uint64_t changed(const struct seep_memory *memory, uint64_t value)
{
	static const uint64_t numbers[] = { 0,		1,	    2,		7,
					    1 << 16,	INT32_MAX,  UINT32_MAX, INT64_MAX,
					    UINT64_MAX, 1ull << 40, 1ull << 61 };

	switch (fake_below(&random_state, 5)) {
	case 0:
		return value ^ 1ull << fake_below(&random_state, 64);
	case 1:
		return numbers[fake_below(&random_state, sizeof(numbers) / sizeof(*numbers))];
	case 2: {
		const unsigned char *other = any_word(memory);
		return other ? seep_le64(other) : 0;
	}
	case 3:
		return value + fake_below(&random_state, 4096) - 2048;
	default:
		return fake_random(&random_state);
	}
}

struct seep_error *__wrap_seep_runtime_read(struct seep_target *target,
					    const struct seep_binary *binary,
					    struct seep_runtime **ret)
{
	const struct seep_memory *memory = seep_target_memory(target);
	uint64_t words = 1 + fake_below(&random_state, WORDS_MAX);

	for (uint64_t i = 0; memory->len && i < words; i++) {
		unsigned char *word = any_word(memory);
		if (!word)
			continue;
		uint64_t value = htole64(changed(memory, seep_le64(word)));
		memcpy(word, &value, 8);
	}
	return __real_seep_runtime_read(target, binary, ret);
}

static const struct seep_report_format_ops *any_format(uint64_t seed)
{
	size_t count = 0;

	while (seep_report_format_name(count, SEEP_REPORT_ALL))
		count++;
	return seep_report_format_find(seep_report_format_name(seed % count, SEEP_REPORT_ALL),
				       SEEP_REPORT_ALL);
}

/** All there is: every finding, in one of the formats; or who holds what. */
static int look(pid_t pid, uint64_t seed)
{
	const struct seep_inspect_options all = { .all = true }, top = { .top = 20 };
	const struct seep_report_options options = { .all = true, .verbose = true };
	struct seep_report report;
	FILE *nowhere = fopen("/dev/null", "w");
	bool asks_top = seed % 4 == 3;

	random_state.state = seed * 0x9e3779b97f4a7c15 + 1;
	seep_report_init(&report);
	struct seep_error *err =
		seep_inspect(&(struct seep_source){ .pid = pid }, asks_top ? &top : &all, &report);
	int status = err ? ERROR : REPORT;
	if (!err && nowhere && !asks_top)
		err = any_format(seed)->write(&report, &options, nowhere);
	seep_error_destroy(err);
	seep_report_deinit(&report);
	if (nowhere)
		fclose(nowhere);
	return status;
}

int main(int argc, char **argv)
{
	const struct rlimit limit = { SECONDS_MAX, SECONDS_MAX };
	uint64_t ended[2] = {};
	bool ok = true;

	if (argc != 4)
		errx(EXIT_FAILURE, "usage: damage PID SEED ROUNDS");
	uint64_t first = strtoull(argv[2], NULL, 10), rounds = strtoull(argv[3], NULL, 10);
	for (uint64_t seed = first; seed < first + rounds; seed++) {
		int status;
		pid_t child = fork();
		if (child == 0) {
			setrlimit(RLIMIT_CPU, &limit);
			exit(look(atoi(argv[1]), seed));
		}
		if (child < 0 || waitpid(child, &status, 0) != child)
			err(EXIT_FAILURE, "cannot run round %" PRIu64, seed);
		if (WIFEXITED(status) &&
		    (WEXITSTATUS(status) == REPORT || WEXITSTATUS(status) == ERROR)) {
			ended[WEXITSTATUS(status) == ERROR]++;
			continue;
		}
		ok = false;
		if (WIFSIGNALED(status))
			printf("%" PRIu64 " signal %d\n", seed, WTERMSIG(status));
		else
			printf("%" PRIu64 " status %d\n", seed, WEXITSTATUS(status));
	}
	printf("%" PRIu64 " reports, %" PRIu64 " errors\n", ended[0], ended[1]);
	return ok ? 0 : EXIT_FAILURE;
}
