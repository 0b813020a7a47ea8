/*
 * Chunks of a capture.
 *
 * Each is a zstd frame of its own, so that nobody needs more memory than for one, and nothing is decompressed whose checksum is not
 * right. The checksum runs on through the file: that chunks were lost, doubled or exchanged is noticed as well. What a frame may
 * become is said in front of it, and limited.
 */
#include "target/capture_format.h"

#include "target/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { LEVEL = 3, FRAME_BYTES_MAX = SEEP_CHUNK_BYTES_MAX + SEEP_CHUNK_BYTES_MAX / 128 };
enum { CRC_AT = 12, LINE_MAX_BYTES = 32 };

static void put32(unsigned char *p, uint32_t value)
{
	memcpy(p, &value, sizeof(value));
}

static void fail(struct seep_chunk_writer *writer, struct seep_error *err)
{
	if (writer->err)
		seep_error_destroy(err);
	else
		writer->err = err;
}

static void write_all(struct seep_chunk_writer *writer, const void *bytes, size_t len)
{
	for (size_t done = 0; done < len && !writer->err;) {
		ssize_t n = write(writer->fd, (const char *)bytes + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) // "not permitted" and "gone" are about the target
			fail(writer,
			     seep_error_format(SEEP_ERROR_OS, "cannot write: %s", strerror(errno)));
		else
			done += n;
	}
	writer->file_bytes += len;
}

void seep_chunk_writer_init(struct seep_chunk_writer *writer, int fd)
{
	char line[LINE_MAX_BYTES];

	*writer = (struct seep_chunk_writer){
		.fd = fd,
		.zstd = ZSTD_createCCtx(),
		.records = malloc(SEEP_CHUNK_BYTES_MAX),
		.frame = malloc(SEEP_CHUNK_HEADER_BYTES + ZSTD_compressBound(SEEP_CHUNK_BYTES_MAX)),
	};
	if (!writer->zstd || !writer->records || !writer->frame)
		fail(writer, &seep_enomem);
	int len = snprintf(line, sizeof(line), SEEP_CAPTURE_MAGIC "%d\n", SEEP_CAPTURE_VERSION);
	write_all(writer, line, len);
}

void seep_chunk_flush(struct seep_chunk_writer *writer)
{
	unsigned char *header = writer->frame, *frame = header + SEEP_CHUNK_HEADER_BYTES;

	if (writer->err || !writer->len)
		return;
	size_t len = ZSTD_compressCCtx(writer->zstd, frame,
				       ZSTD_compressBound(SEEP_CHUNK_BYTES_MAX), writer->records,
				       writer->len, LEVEL);
	if (ZSTD_isError(len)) {
		fail(writer, seep_error_format(SEEP_ERROR_OS, "cannot compress: %s",
					       ZSTD_getErrorName(len)));
		return;
	}
	put32(header, writer->type);
	put32(header + 4, len);
	put32(header + 8, writer->len);
	writer->crc = crc32(crc32(writer->crc, header, CRC_AT), frame, len);
	put32(header + CRC_AT, writer->crc);
	write_all(writer, header, SEEP_CHUNK_HEADER_BYTES + len);
	writer->len = 0;
	writer->chunks++;
}

size_t seep_chunk_room(const struct seep_chunk_writer *writer, enum seep_chunk_type type)
{
	return writer->type == type ? SEEP_CHUNK_BYTES_MAX - writer->len : 0;
}

unsigned char *seep_chunk_record(struct seep_chunk_writer *writer, enum seep_chunk_type type,
				 size_t len)
{
	if (len > seep_chunk_room(writer, type))
		seep_chunk_flush(writer);
	if (writer->err)
		return NULL;
	unsigned char *record = writer->records + writer->len;
	writer->type = type;
	writer->len += len;
	return record;
}

struct seep_error *seep_chunk_writer_deinit(struct seep_chunk_writer *writer)
{
	struct seep_error *err = writer->err;

	ZSTD_freeCCtx(writer->zstd);
	free(writer->records);
	free(writer->frame);
	*writer = (struct seep_chunk_writer){};
	return err;
}

/** As many bytes as there are, up to len; -1 with errno. */
static ssize_t read_up_to(int fd, void *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)bytes + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -1 : (ssize_t)done;
		done += n;
	}
	return (ssize_t)done;
}

static struct seep_error *read_exactly(struct seep_chunk_reader *reader, void *bytes, size_t len)
{
	ssize_t n = read_up_to(reader->fd, bytes, len);

	if (n < 0)
		return seep_error_format(SEEP_ERROR_OS, "cannot be read: %s", strerror(errno));
	return (size_t)n == len ?
		       NULL :
		       seep_error_format(SEEP_ERROR_BAD_DATA,
					 "the capture is cut short: it ends in chunk %" PRIu64,
					 reader->chunks + 1);
}

struct seep_error *seep_chunk_reader_init(struct seep_chunk_reader *reader, int fd)
{
	static const char magic[] = SEEP_CAPTURE_MAGIC;
	char line[LINE_MAX_BYTES] = {};

	*reader = (struct seep_chunk_reader){
		.fd = fd,
		.zstd = ZSTD_createDCtx(),
		.frame = malloc(SEEP_CHUNK_HEADER_BYTES + FRAME_BYTES_MAX),
		.room = malloc(SEEP_CHUNK_BYTES_MAX),
	};
	if (!reader->zstd || !reader->frame || !reader->room)
		return &seep_enomem;
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);
	char *end = n > 0 ? strchr(line, '\n') : NULL;
	if (!end || strncmp(line, magic, sizeof(magic) - 1) != 0)
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "the capture's first line is damaged");
	*end = '\0';
	const char *version = line + sizeof(magic) - 1;
	char known[16];
	snprintf(known, sizeof(known), "%d", SEEP_CAPTURE_VERSION);
	if (strcmp(version, known) != 0)
		return seep_error_format(
			SEEP_ERROR_UNSUPPORTED,
			"a capture of version '%s'; this seep reads version %s: look with the seep that wrote it",
			version, known);
	return lseek(fd, end + 1 - line, SEEK_SET) < 0 ? seep_error_os(errno, "cannot be read") :
							 NULL;
}

static struct seep_error *damaged(const struct seep_chunk_reader *reader, const char *what)
{
	return seep_error_format(SEEP_ERROR_BAD_DATA, "the capture is damaged: %s chunk %" PRIu64,
				 what, reader->chunks + 1);
}

struct seep_error *seep_chunk_next(struct seep_chunk_reader *reader)
{
	unsigned char *header = reader->frame, *frame = header + SEEP_CHUNK_HEADER_BYTES;
	struct seep_error *err;

	err = read_exactly(reader, header, SEEP_CHUNK_HEADER_BYTES);
	if (err)
		return err;
	uint32_t type = seep_le32(header), packed = seep_le32(header + 4),
		 len = seep_le32(header + 8);
	if (packed > FRAME_BYTES_MAX || !len || len > SEEP_CHUNK_BYTES_MAX || type < reader->type ||
	    type < SEEP_CHUNK_PROCESS || type > SEEP_CHUNK_END)
		return damaged(reader, "there is no such");
	err = read_exactly(reader, frame, packed);
	if (err)
		return err;
	reader->crc = crc32(crc32(reader->crc, header, CRC_AT), frame, packed);
	if (reader->crc != seep_le32(header + CRC_AT))
		return damaged(reader, "wrong checksum of");
	if (ZSTD_decompressDCtx(reader->zstd, reader->room, len, frame, packed) != len)
		return damaged(reader, "no such number of bytes in");
	reader->type = type;
	reader->records = reader->room;
	reader->len = len;
	reader->chunks++;
	return NULL;
}

struct seep_error *seep_chunk_expect_end(struct seep_chunk_reader *reader)
{
	char byte;
	ssize_t n = read_up_to(reader->fd, &byte, 1);

	if (n < 0)
		return seep_error_format(SEEP_ERROR_OS, "cannot be read: %s", strerror(errno));
	return n ? seep_error_format(SEEP_ERROR_BAD_DATA,
				     "the capture is damaged: something follows its end") :
		   NULL;
}

void seep_chunk_reader_deinit(struct seep_chunk_reader *reader)
{
	ZSTD_freeDCtx(reader->zstd);
	free(reader->frame);
	free(reader->room);
	*reader = (struct seep_chunk_reader){};
}
