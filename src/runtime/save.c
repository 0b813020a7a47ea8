// A capture: what an attach reads, put into a file instead of being analysed. That is the copy as far as analysis asks for it, what
// binary/ has read from the process before, what it reads of the executable, and what the kernel says of the process's memory.
#include "runtime/save.h"

#include "binary/extent.h"
#include "runtime/internal.h"

#include <stdlib.h>
#include <string.h>

static void file_ranges_deinit(struct seep_file_ranges *ranges)
{
	seep_vec_free(ranges);
}

/** The segments that image.c reads from the process. */
static struct seep_error *find_data(const struct seep_image *image, struct seep_memory *ret)
{
	struct seep_error *err = NULL;

	for (size_t i = 0; !err && i < image->segment_count; i++) {
		const struct seep_image_segment *s = &image->segments[i];
		const void *bytes = seep_memory_at(&image->memory, s->start, s->end - s->start);
		if (s->writable && bytes)
			err = seep_memory_add(ret,
					      (struct seep_segment){ s->start, s->end, bytes });
	}
	return err;
}

struct seep_error *seep_runtime_save(struct seep_target *target, const struct seep_binary *binary,
				     const struct seep_snapshot *snapshot,
				     const struct seep_usage *usage, struct seep_moment moment,
				     int fd, struct seep_capture_totals *ret)
{
	struct seep_error *err;
	_cleanup_(seep_memory_deinit) struct seep_memory data = {};
	_cleanup_(file_ranges_deinit) struct seep_file_ranges exe = {};
	_cleanup_(seep_needs_deinit) struct seep_needs needs = {}, values = {};
	struct seep_capture capture = {
		.origin = { .precopy = snapshot->method == SEEP_SNAPSHOT_PRECOPY },
		.moment = moment,
		.usage = usage,
		.image = &data,
	};

	memcpy(capture.origin.why_stopped, snapshot->why_stopped, sizeof(snapshot->why_stopped));
	err = seep_needs_find(target, binary, &needs);
	if (!err && snapshot->values)
		err = seep_values_find(seep_target_memory(target), binary, &values);
	if (!err)
		err = find_data(&binary->image, &data);
	if (!err)
		err = seep_image_extent(&binary->image, &exe);
	if (err)
		return err;
	capture.memory = needs.v.data;
	capture.memory_count = needs.v.len;
	capture.values = values.v.data;
	capture.values_count = values.v.len;
	capture.exe = exe.data;
	capture.exe_count = exe.len;
	return seep_capture_write(target, &capture, fd, ret);
}
