/**
 * The executable as the loader laid it out: an ELF file's segments at their addresses.
 *
 * Segments that are never written (text, rodata) are the file's own pages, mapped, not copied. Writable segments
 * (data, and in a PIE the relocated read-only data) come from the running process when there is one, because only
 * there the relocations have been applied; without a process they are the file's bytes.
 * Only program headers are used: stripped files, and files without section headers, look the same.
 */
#ifndef SEEP_BINARY_IMAGE_H
#define SEEP_BINARY_IMAGE_H

#include "base/arch.h"
#include "target/target.h"

struct seep_image_segment {
	/** In the target, bias applied; end covers what is in the file, not the zero-filled rest. */
	seep_addr start, end;
	bool writable, executable;
};

struct seep_image {
	struct seep_memory memory;
	struct seep_image_segment segments[16];
	size_t segment_count;
	const struct seep_arch *arch;
	uint64_t bias; /** what a PIE's addresses in the file lack; 0 otherwise */
	bool pie;
	bool stripped; /** no symbol table */
	char build_id[65]; /** GNU build id in hex, or Go's build id when there is no GNU one; "" if none */
	struct seep_buffer
		file; /** all of the file, for what no segment loads (section.h); ends with the image */
	// private
	void *map;
	size_t map_len;
	unsigned char *copies;
};

/**
 * Reads the ELF file fd. With a target, bias and writable segments come from the process. Errors: UNSUPPORTED (not ELF,
 * not of a machine of arch.h, or not of the target's; says what it is), BAD_DATA (malformed, cut short, more than 16 segments, not what the
 * process runs), MISSING_INFO (no auxiliary vector), and those of seep_target_read(). fd stays the caller's. The file is
 * mapped: it must not be cut short while the image lives, which the kernel refuses for what a process runs.
 */
struct seep_error *seep_image_open(int fd, struct seep_target *target, struct seep_image *ret)
	_must_check_;
/** The same over bytes in memory (fuzzing, tests); the bytes are borrowed. */
struct seep_error *seep_image_parse(const void *bytes, size_t len, struct seep_image *ret)
	_must_check_;
void seep_image_deinit(struct seep_image *image);

#endif
