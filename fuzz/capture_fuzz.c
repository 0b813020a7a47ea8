// Chunks of a capture: the input is their records, and this seals them. Each begins with a byte for its type, and one for its length in units of
// 16 bytes (0: all that is left).
#include "target/capture_format.h"
#include "target/target.h"
#include "target/usage.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal(const uint8_t *data, size_t size, int fd)
{
	struct seep_chunk_writer writer;

	seep_chunk_writer_init(&writer, fd);
	while (size > 2) {
		size_t len = data[1] ? 16u * data[1] : size - 2;
		uint8_t type = data[0];
		data += 2;
		size -= 2;
		len = len < size ? len : size;
		len = len < SEEP_CHUNK_BYTES_MAX ? len : SEEP_CHUNK_BYTES_MAX;
		unsigned char *p = seep_chunk_record(&writer, type, len);
		if (p)
			memcpy(p, data, len);
		seep_chunk_flush(&writer);
		data += len;
		size -= len;
	}
	seep_error_destroy(seep_chunk_writer_deinit(&writer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32];
	struct seep_target *target = NULL;
	struct seep_usage usage;
	unsigned char bytes[100];
	int fd = memfd_create("capture", MFD_CLOEXEC);

	seal(data, size, fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct seep_error *err =
		seep_target_open_file(&(struct seep_source){ .file = path }, &target);
	if (!err) {
		size_t count;
		const struct seep_mapping *mappings = seep_target_mappings(target, &count);
		for (size_t i = 0; !err && i < count && i < 16; i++)
			err = seep_target_read(target, mappings[i].start - 50, bytes,
					       sizeof(bytes));
		seep_error_destroy(err);
		(void)seep_target_env(target, "GOGC");
		(void)seep_target_auxv(target, 9);
		err = seep_usage_read(target, &usage);
		if (!err) {
			(void)seep_usage_resident(&usage, 0, UINT64_MAX);
			seep_usage_deinit(&usage);
		}
	}
	seep_error_destroy(err);
	seep_target_close(target);
	close(fd);
	return 0;
}
