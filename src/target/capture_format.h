/**
 * Captures byte by byte: what the writer and the reader share, and a fuzzer with them. All numbers are little-endian.
 *
 *	"seep capture 1\n", then chunks:
 *	+0   4  what it holds: enum seep_chunk_type, ascending through the file
 *	+4   4  bytes that follow the header: one zstd frame
 *	+8   4  bytes that the frame holds, at most SEEP_CHUNK_BYTES_MAX
 *	+12  4  CRC-32 of everything from the first chunk on to the end of this one, without these four bytes
 */
#ifndef SEEP_TARGET_CAPTURE_FORMAT_H
#define SEEP_TARGET_CAPTURE_FORMAT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEEP_CAPTURE_VERSION = 1, SEEP_CHUNK_HEADER_BYTES = 16, SEEP_CHUNK_BYTES_MAX = 1 << 20 };

/** What the records in each are is told in docs/capture-format.md; none is cut by the end of a chunk. */
enum seep_chunk_type {
	SEEP_CHUNK_PROCESS = 1, /** once, the first */
	SEEP_CHUNK_MAPPINGS,
	SEEP_CHUNK_THREADS,
	SEEP_CHUNK_USAGE,
	SEEP_CHUNK_RESIDENT,
	SEEP_CHUNK_EXE,
	SEEP_CHUNK_IMAGE,
	SEEP_CHUNK_MEMORY,
	SEEP_CHUNK_VALUES, /** none unless asked for */
	SEEP_CHUNK_END, /** once, the last: nothing follows */
};

/** Flags of a record in MAPPINGS and in USAGE. */
enum {
	SEEP_RECORD_READABLE = 1 << 0,
	SEEP_RECORD_WRITABLE = 1 << 1,
	SEEP_RECORD_EXECUTABLE = 1 << 2,
	SEEP_RECORD_SHARED = 1 << 3,
	SEEP_RECORD_FILE_BACKED = 1 << 4,
	SEEP_RECORD_IS_EXE = 1 << 5,
	SEEP_RECORD_STACK = 1 << 6,
	SEEP_RECORD_BRK = 1 << 7,
	SEEP_RECORD_KERNEL = 1 << 8,
	SEEP_RECORD_GO = 1 << 9,
};
/** The variables of the environment that analysis reads; no other is kept. */
#define SEEP_CAPTURE_ENV                        \
	{                                       \
		"GODEBUG", "GOGC", "GOMEMLIMIT" \
	}

/** Collects records and writes them as chunks. The first error sticks, and ends all writing. */
struct seep_chunk_writer {
	int fd;
	struct seep_error *err; /** owned */
	uint64_t file_bytes, chunks;
	// private
	void *zstd;
	unsigned char *records, *frame;
	size_t len;
	uint32_t type, crc;
};
/** Writes the first line. */
void seep_chunk_writer_init(struct seep_chunk_writer *writer, int fd);
/**
 * Room for a record of len bytes, at most SEEP_CHUNK_BYTES_MAX, of that type; to be filled before the next call. NULL once there
 * was an error.
 */
unsigned char *seep_chunk_record(struct seep_chunk_writer *writer, enum seep_chunk_type type,
				 size_t len);
/** Bytes left in the chunk for more of that type. */
size_t seep_chunk_room(const struct seep_chunk_writer *writer, enum seep_chunk_type type);
/** Writes what was collected. */
void seep_chunk_flush(struct seep_chunk_writer *writer);
/** Hands the error over, if there is one. */
struct seep_error *seep_chunk_writer_deinit(struct seep_chunk_writer *writer) _must_check_;

/** Reads chunks one by one. */
struct seep_chunk_reader {
	int fd;
	uint64_t chunks; /** read so far */
	uint32_t type; /** of the last one, and what it holds: */
	const unsigned char *records; /** valid until the next */
	size_t len;
	// private
	void *zstd;
	unsigned char *frame, *room;
	uint32_t crc;
};
/** Reads the first line. Errors: NO_MEMORY, UNSUPPORTED (another version), OS. */
struct seep_error *seep_chunk_reader_init(struct seep_chunk_reader *reader, int fd) _must_check_;
/** The next chunk. Errors: BAD_DATA (the file ends, or is damaged), OS. */
struct seep_error *seep_chunk_next(struct seep_chunk_reader *reader) _must_check_;
/** BAD_DATA unless the file ends here. */
struct seep_error *seep_chunk_expect_end(struct seep_chunk_reader *reader) _must_check_;
void seep_chunk_reader_deinit(struct seep_chunk_reader *reader);

#endif
