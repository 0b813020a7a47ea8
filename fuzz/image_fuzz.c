// An ELF file: parsing it, and reading at the ends of each segment it claims to have.
#include "binary/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seep_image image;
	unsigned sum = 0;

	struct seep_error *err = seep_image_parse(data, size, &image);
	if (err) {
		seep_error_destroy(err);
		return 0;
	}
	for (size_t i = 0; i < image.segment_count; i++) {
		const struct seep_image_segment *segment = &image.segments[i];
		const unsigned char *first = seep_memory_at(&image.memory, segment->start, 1);
		const unsigned char *last = seep_memory_at(&image.memory, segment->end - 1, 1);
		sum += first ? *first : 0;
		sum += last ? *last : 0;
	}
	__asm__ volatile("" : : "r"(sum));
	seep_image_deinit(&image);
	return 0;
}
