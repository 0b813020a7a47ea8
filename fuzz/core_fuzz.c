// A core file: its headers and notes, the search for the executable (in the core itself: nothing else will fit), environment,
// mappings, and reading and copying at the ends of each.
#include "target/internal.h"
#include "target/usage.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct seep_target *target)
{
	size_t mappings, threads;
	const struct seep_mapping *m = seep_target_mappings(target, &mappings);
	const struct seep_thread *t = seep_target_threads(target, &threads);
	volatile uint64_t sum = 0;
	unsigned char word[8];

	for (size_t i = 0; i < threads; i++)
		sum += t[i].pc + t[i].regs[15];
	for (size_t i = 0; i < mappings; i++) {
		const struct seep_range ends[] = { { m[i].start, m[i].start + 8 },
						   { m[i].end - 8, m[i].end + 4096 } };
		seep_error_destroy(seep_target_read(target, m[i].start, word, sizeof(word)));
		seep_error_destroy(seep_target_read(target, m[i].end - 4, word, sizeof(word)));
		seep_error_destroy(seep_target_copy(target, ends, 2));
		const unsigned char *copied =
			seep_memory_at(seep_target_memory(target), m[i].start, 8);
		sum += copied ? copied[7] : 0;
	}
	const char *value = seep_target_env(target, "GOGC");
	sum += value ? (unsigned char)value[0] : 0;
	for (size_t i = 0; (value = seep_target_note(target, i)); i++)
		sum += (unsigned char)value[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seep_target *target = NULL;
	struct seep_usage usage = {};
	char path[64];
	int fd = memfd_create("core", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct seep_error *err =
		seep_target_open_file(&(struct seep_source){ .file = path }, &target);
	if (!err) {
		use(target);
		err = seep_usage_read(target, &usage);
		seep_usage_deinit(&usage);
		seep_target_close(target);
	}
	seep_error_destroy(err);
	close(fd);
	return 0;
}
