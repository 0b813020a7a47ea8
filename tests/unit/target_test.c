// Opening processes and copying their memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/subject.h"
#include "target/internal.h"

enum { PAGE = 4096 };

/** The pattern of be_memory(), where the mirror has it. */
static void assert_pattern(const struct seep_target *target, seep_addr big)
{
	for (size_t page = 0; page < SUBJECT_PAGES; page++) {
		const void *bytes =
			seep_memory_at(seep_target_memory(target), big + page * PAGE, PAGE);
		assert_non_null(bytes);
		bool hole = page >= 1000 && page < 1010;
		for (size_t i = 0; i < PAGE / 8; i += 37)
			assert_true(seep_le64((const char *)bytes + 8 * i) ==
				    (hole ? 0 : subject_pattern(page * (PAGE / 8) + i)));
	}
}

static void open_says_what_the_process_is(void **state)
{
	struct subject subject;

	(void)state;
	setenv("SEEP_TEST_VARIABLE", "some value", 1);
	subject_start(&subject, "memory");
	struct seep_target *target = subject_open(&subject);
	assert_int_equal(seep_target_pid(target), subject.pid);
	assert_non_null(strstr(seep_target_exe_path(target), "/"));
	char magic[4];
	assert_int_equal(pread(seep_target_exe_fd(target), magic, 4, 0), 4);
	assert_memory_equal(magic, ELFMAG, 4);
	assert_int_equal(seep_target_auxv(target, AT_PAGESZ), PAGE);
	assert_true(seep_target_auxv(target, AT_ENTRY) != 0);
	assert_true(seep_target_auxv(target, 12345) == 0);
	assert_string_equal(seep_target_env(target, "SEEP_TEST_VARIABLE"), "some value");
	assert_null(seep_target_env(target, "SEEP_TEST_VARIABL"));
	assert_true(seep_target_rss(target) >= SUBJECT_PAGES * PAGE);
	uint64_t word;
	assert_no_error(seep_target_read(target, subject.said[0] + 8, &word, 8));
	assert_true(word == subject_pattern(1));
	assert_error(seep_target_read(target, 0x10, &word, 8), SEEP_ERROR_FAULT, "0x10");
	assert_error(seep_target_read(target, UINT64_MAX - 64, &word, 8), SEEP_ERROR_FAULT,
		     "0xffffffff");
	assert_error(subject_copy(target, subject.said[0], PAGE), SEEP_ERROR_USAGE, "not stopped");
	seep_target_close(target);
	seep_target_close(NULL);
	subject_end(&subject);
}

static void mappings_name_the_executable(void **state)
{
	struct subject subject;
	size_t count, of_exe = 0;

	(void)state;
	subject_start(&subject, "memory");
	struct seep_target *target = subject_open(&subject);
	assert_no_error(seep_target_stop(target));
	const struct seep_mapping *mappings = seep_target_mappings(target, &count);
	uint64_t entry = seep_target_auxv(target, AT_ENTRY);
	for (size_t i = 0; i < count; i++) {
		const struct seep_mapping *m = mappings + i;
		of_exe += m->is_exe;
		assert_true(!i || m[-1].end <= m->start);
		if (entry - m->start < m->end - m->start)
			assert_true(m->is_exe && m->executable && m->file_backed && !m->writable);
		if (subject.said[0] - m->start < m->end - m->start)
			assert_true(!m->is_exe && m->writable && !m->file_backed && !m->shared);
	}
	assert_in_range(of_exe, 3, 10);
	seep_target_close(target);
	subject_end(&subject);
}

static void copy_holds_what_the_process_held(void **state)
{
	struct subject subject;
	struct seep_range everything = { 0, UINT64_MAX };

	(void)state;
	subject_start(&subject, "memory");
	struct seep_target *target = subject_open(&subject);
	assert_no_error(seep_target_stop(target));
	assert_true(seep_memory_at(seep_target_memory(target), subject.said[1],
				   SUBJECT_SPARSE_BYTES) != NULL);
	assert_no_error(subject_copy(target, subject.said[1], SUBJECT_SPARSE_BYTES));
	assert_int_equal(seep_target_stats(target).read_bytes, 0);
	assert_no_error(subject_copy(target, subject.said[0], SUBJECT_PAGES * PAGE));
	assert_int_equal(seep_target_stats(target).read_bytes, (SUBJECT_PAGES - 10) * PAGE);
	assert_pattern(target, subject.said[0]);
	assert_no_error(seep_target_copy(target, &everything, 1));
	seep_target_resume(target);
	seep_target_resume(target);
	assert_pattern(target, subject.said[0]);
	const struct seep_stop_stats stats = seep_target_stats(target);
	assert_true(stats.pause_ns > 0 && stats.pause_ns < 60000000000);
	assert_int_equal(stats.threads_missed, 0);
	assert_true(subject_counts_on(&subject_shared->beats));
	seep_target_close(target);
	subject_end(&subject);
}

static void many_small_ranges_are_copied(void **state)
{
	enum { RANGES = 100000 };
	struct subject subject;

	(void)state;
	struct seep_range *ranges = malloc(RANGES * sizeof(*ranges));
	assert_non_null(ranges);
	subject_start(&subject, "memory");
	struct seep_target *target = subject_open(&subject);
	// In no order, over each other, some empty, some beyond what is mapped.
	for (size_t i = 0; i < RANGES; i++) {
		seep_addr at = subject.said[0] + i * 7919 * 128 % (SUBJECT_PAGES * PAGE);
		ranges[i] = (struct seep_range){ at, at + (i % 100 ? 128 : 0) };
	}
	ranges[0] = (struct seep_range){ 0, 1 };
	ranges[1] = (struct seep_range){ UINT64_MAX - 1, UINT64_MAX };
	ranges[2] = (struct seep_range){ 5, 4 };
	assert_no_error(seep_target_stop(target));
	assert_no_error(seep_target_copy(target, ranges, RANGES));
	assert_no_error(seep_target_copy(target, NULL, 0));
	seep_target_resume(target);
	assert_int_equal(seep_target_stats(target).read_bytes, (SUBJECT_PAGES - 10) * PAGE);
	assert_pattern(target, subject.said[0]);
	seep_target_close(target);
	free(ranges);
	subject_end(&subject);
}

/** Every second page: pieces that cannot be joined, more to a block than fit a batch's half. */
static void scattered_pages_are_copied(void **state)
{
	struct subject subject;
	struct seep_range ranges[SUBJECT_PAGES / 2];

	(void)state;
	subject_start(&subject, "memory");
	struct seep_target *target = subject_open(&subject);
	for (size_t i = 0; i < SUBJECT_PAGES / 2; i++) {
		seep_addr at = subject.said[0] + 2 * i * PAGE;
		ranges[i] = (struct seep_range){ at, at + PAGE };
	}
	assert_no_error(seep_target_stop(target));
	assert_no_error(seep_target_copy(target, ranges, SUBJECT_PAGES / 2));
	assert_int_equal(seep_target_stats(target).read_bytes, (SUBJECT_PAGES / 2 - 5) * PAGE);
	const unsigned char *bytes =
		seep_memory_at(seep_target_memory(target), subject.said[0], SUBJECT_PAGES * PAGE);
	assert_non_null(bytes);
	for (size_t page = 0; page < SUBJECT_PAGES; page++) {
		bool absent = page % 2 || (page >= 1000 && page < 1010);
		assert_true(seep_le64(bytes + page * PAGE) ==
			    (absent ? 0 : subject_pattern(page * (PAGE / 8))));
	}
	seep_target_close(target);
	subject_end(&subject);
}

static void unreadable_pages_are_passed_over(void **state)
{
	struct subject subject;

	(void)state;
	subject_start(&subject, "memory");
	struct seep_target *target = subject_open(&subject);
	assert_no_error(seep_target_stop(target));
	assert_no_error(subject_copy(target, subject.said[2], 3 * PAGE));
	assert_int_equal(seep_target_stats(target).pages_unreadable, 2);
	assert_int_equal(seep_target_stats(target).read_bytes, PAGE);
	assert_memory_equal(seep_memory_at(seep_target_memory(target), subject.said[2], 4), "file",
			    4);
	assert_no_error(subject_copy(target, subject.said[0], SUBJECT_PAGES * PAGE));
	assert_pattern(target, subject.said[0]);
	seep_target_close(target);
	subject_end(&subject);
}

static void prepared_copy_is_the_same(void **state)
{
	struct subject subject;

	(void)state;
	subject_start(&subject, "memory");
	struct seep_target *target = subject_open(&subject);
	for (int round = 0; round < 3; round++) {
		const struct seep_range range = { subject.said[0], subject.said[0] + 100 * PAGE };
		assert_no_error(seep_target_prepare(target, &range, round == 1));
		assert_no_error(seep_target_stop(target));
		assert_error(seep_target_prepare(target, NULL, 0), SEEP_ERROR_USAGE, "stopped");
		assert_no_error(subject_copy(target, subject.said[0], SUBJECT_PAGES * PAGE));
		seep_target_resume(target);
		assert_pattern(target, subject.said[0]);
	}
	// Without a copy the mirror of a new stop is zeros, not what an earlier one brought.
	assert_no_error(seep_target_stop(target));
	assert_true(seep_le64(seep_memory_at(seep_target_memory(target), subject.said[0], 8)) == 0);
	seep_target_close(target);
	subject_end(&subject);
}

static void a_pause_ends_at_its_limit(void **state)
{
	struct subject subject;

	(void)state;
	subject_start(&subject, "memory");
	struct seep_target *target = subject_open(&subject);
	seep_target_limit_pause(target, 1);
	assert_error(seep_target_stop(target), SEEP_ERROR_BUDGET, "limit");
	// In time for the stop, not for the copy.
	seep_target_limit_pause(target, 0);
	assert_no_error(seep_target_stop(target));
	seep_target_limit_pause(target, 1);
	assert_error(subject_copy(target, subject.said[0], SUBJECT_PAGES * PAGE), SEEP_ERROR_BUDGET,
		     "limit");
	seep_target_resume(target);
	seep_target_limit_pause(target, 60 * 1000000000ull);
	assert_no_error(seep_target_stop(target));
	assert_no_error(subject_copy(target, subject.said[0], SUBJECT_PAGES * PAGE));
	seep_target_resume(target);
	assert_pattern(target, subject.said[0]);
	seep_target_close(target);
	subject_end(&subject);
}

static void *map_private(size_t len)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/** The three ways of finding what is resident, on this process. */
static void resident_pages_are_found(void **state)
{
	enum { PAGES = 64 };
	char *pages = map_private(PAGES * PAGE);
	uintptr_t start = (uintptr_t)pages;
	const size_t touched[] = { 0, 3, 4, 5, 40, 63 };

	(void)state;
	madvise(pages, PAGES * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < sizeof(touched) / sizeof(*touched); i++)
		pages[touched[i] * PAGE] = 1;
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	// The same entries in an ordinary file, for which there is no ioctl.
	int copy = memfd_create("pagemap", MFD_CLOEXEC);
	uint64_t entries[PAGES];
	assert_int_equal(pread(pagemap, entries, sizeof(entries), start / PAGE * 8),
			 sizeof(entries));
	assert_int_equal(pwrite(copy, entries, sizeof(entries), start / PAGE * 8), sizeof(entries));
	const int fds[] = { pagemap, copy, -1 };
	for (size_t way = 0; way < 3; way++) {
		struct seep_ranges parts = {};
		assert_no_error(seep_resident_find(fds[way], SEEP_HOLDS_ANYTHING, start,
						   start + PAGES * PAGE, &parts));
		const struct seep_range expected[] = {
			{ 0, 1 }, { 3, 6 }, { 40, 41 }, { 63, 64 }, { 0, PAGES }
		};
		assert_int_equal(parts.len, way == 2 ? 1 : 4);
		for (size_t i = 0; i < parts.len; i++) {
			const struct seep_range *want = expected + (way == 2 ? 4 : i);
			assert_int_equal((parts.data[i].start - start) / PAGE, want->start);
			assert_int_equal((parts.data[i].end - start) / PAGE, want->end);
		}
		seep_vec_free(&parts);
	}
	close(pagemap);
	close(copy);
	munmap(pages, PAGES * PAGE);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_says_what_the_process_is),
		cmocka_unit_test(mappings_name_the_executable),
		cmocka_unit_test(copy_holds_what_the_process_held),
		cmocka_unit_test(many_small_ranges_are_copied),
		cmocka_unit_test(scattered_pages_are_copied),
		cmocka_unit_test(unreadable_pages_are_passed_over),
		cmocka_unit_test(prepared_copy_is_the_same),
		cmocka_unit_test(a_pause_ends_at_its_limit),
		cmocka_unit_test(resident_pages_are_found),
	};

	if (subject_is_wanted(argc, argv))
		return subject_run(argv[1]);
	if (!subject_may_be_traced()) {
		print_message("ptrace is not permitted here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, subject_set_up, NULL);
}
