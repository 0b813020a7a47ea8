// Cores and captures come plain, compressed (systemd-coredump keeps its cores as zstd) or through a pipe.
//
// Of the ways to compress, zstd is read here; the others have tools on every machine, which are named. Several frames behind
// one another are one file, as they are for zstd itself. What the frame says of its content is checked by libzstd, checksum
// included if it has one; only a frame that ends too early is taken as it is, as half a core is better than none.
#include "target/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum { CHUNK_BYTES = 1 << 20, HOLE_BYTES = 4096 };
/** A terabyte of zeros takes minutes to unpack; no machine that seep is for leaves a larger core. */
static const uint64_t SPOOL_MAX = UINT64_C(1) << 42;

static const unsigned char zstd_magic[] = { 0x28, 0xb5, 0x2f, 0xfd };
static const struct {
	const char *bytes;
	size_t len;
	const char *name, *tool;
} packers[] = {
	{ "\x1f\x8b", 2, "gzip", "gzip -dc" },
	{ "\xfd"
	  "7zXZ",
	  5, "xz", "xz -dc" },
	{ "\x04\x22\x4d\x18", 4, "lz4", "lz4 -dc" },
	{ "BZh", 3, "bzip2", "bzip2 -dc" },
};

/** What is being written. */
struct spool {
	int fd;
	uint64_t bytes;
	seep_spool_accept *accept;
};

static const char *folder(void)
{
	const char *named = getenv("TMPDIR");

	return named && *named ? named : "/var/tmp";
}

struct seep_error *seep_spool_create(int *fd_ret)
{
	char path[4096];
	int fd = open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	// Not every file system has files without a name.
	if (fd < 0 &&
	    (size_t)snprintf(path, sizeof(path), "%s/seep-XXXXXX", folder()) < sizeof(path)) {
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			unlink(path);
	}
	if (fd < 0)
		return seep_error_os(
			errno, "no file can be made in %s (TMPDIR names another folder)", folder());
	*fd_ret = fd;
	return NULL;
}

static struct seep_error *not_accepted(const unsigned char *start, size_t len)
{
	for (size_t i = 0; i < sizeof(packers) / sizeof(*packers); i++)
		if (len >= packers[i].len && !memcmp(start, packers[i].bytes, packers[i].len))
			return seep_error_format(
				SEEP_ERROR_UNSUPPORTED,
				"compressed with %s, of which seep knows zstd alone: `%s FILE | seep inspect -`",
				packers[i].name, packers[i].tool);
	return seep_error_format(
		SEEP_ERROR_UNSUPPORTED,
		len ? "neither a core file nor a capture" :
		      "empty; a Go program leaves a core only if it runs with GOTRACEBACK=crash");
}

static struct seep_error *write_error(const struct spool *spool)
{
	return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ?
		       seep_error_format(SEEP_ERROR_OS,
					 "no room in %s for what is unpacked, after %" PRIu64
					 " MB: let TMPDIR name a folder with more",
					 folder(), spool->bytes >> 20) :
		       seep_error_os(errno, "cannot write to %s", folder());
}

/** Writes len bytes, pages of zeros as holes. */
static struct seep_error *add(struct spool *spool, const unsigned char *bytes, size_t len)
{
	static const unsigned char zeros[HOLE_BYTES];

	if (spool->bytes == 0 && len && !spool->accept(bytes, len))
		return not_accepted(bytes, len);
	if (spool->bytes + len > SPOOL_MAX)
		return seep_error_format(SEEP_ERROR_UNSUPPORTED, "more than %" PRIu64 " GB",
					 SPOOL_MAX >> 30);
	for (size_t done = 0, step; done < len; done += step) {
		step = HOLE_BYTES - spool->bytes % HOLE_BYTES;
		if (step > len - done)
			step = len - done;
		if (memcmp(bytes + done, zeros, step) != 0) {
			ssize_t n = pwrite(spool->fd, bytes + done, step, (off_t)spool->bytes);
			if (n < 0)
				return write_error(spool);
			step = n;
		}
		spool->bytes += step;
	}
	return NULL;
}

/** Reads until the buffer is full or there is no more; the number of bytes, or -1. */
static ssize_t read_full(int fd, unsigned char *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, buf + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += n;
	}
	return (ssize_t)done;
}

struct buffers {
	ZSTD_DStream *stream;
	unsigned char in[CHUNK_BYTES], out[CHUNK_BYTES];
};

static void buffers_free(struct buffers **buffers)
{
	if (*buffers)
		ZSTD_freeDStream((*buffers)->stream);
	free(*buffers);
}

static struct seep_error *unpack(struct spool *spool, struct buffers *b, size_t len)
{
	ZSTD_inBuffer in = { b->in, len, 0 };
	ZSTD_outBuffer out = { .pos = 0 };

	// A full output buffer may leave more inside than all of the input would show.
	do {
		out = (ZSTD_outBuffer){ b->out, sizeof(b->out), 0 };
		size_t status = ZSTD_decompressStream(b->stream, &out, &in);
		if (ZSTD_isError(status))
			return seep_error_format(SEEP_ERROR_BAD_DATA,
						 "the compressed data is damaged: %s",
						 ZSTD_getErrorName(status));
		struct seep_error *err = add(spool, b->out, out.pos);
		if (err)
			return err;
	} while (in.pos < in.size || out.pos == out.size);
	return NULL;
}

/** The rest of fd, of which b->in holds the first len bytes. */
static struct seep_error *write_all(int fd, struct spool *spool, struct buffers *b, ssize_t len)
{
	struct seep_error *err = NULL;
	bool packed = (size_t)len >= sizeof(zstd_magic) &&
		      !memcmp(b->in, zstd_magic, sizeof(zstd_magic));

	if (packed) {
		b->stream = ZSTD_createDStream();
		if (!b->stream)
			return &seep_enomem;
	}
	for (; !err && len > 0; len = read_full(fd, b->in, sizeof(b->in)))
		err = packed ? unpack(spool, b, len) : add(spool, b->in, len);
	if (!err && len < 0)
		return seep_error_os(errno, "cannot be read");
	if (!err && spool->bytes == 0)
		err = packed ?
			      seep_error_format(
				      SEEP_ERROR_BAD_DATA,
				      "the compressed file ends before anything in it can be unpacked") :
			      not_accepted(NULL, 0);
	if (!err && ftruncate(spool->fd, (off_t)spool->bytes) < 0)
		err = write_error(spool);
	return err;
}

/** A file with the same content as fd, unpacked, and its time of change. */
static struct seep_error *spool_all(int fd, const struct stat *status, seep_spool_accept *accept,
				    int *fd_ret)
{
	struct seep_error *err;
	struct spool spool = { .fd = -1, .accept = accept };
	_cleanup_(buffers_free) struct buffers *b = calloc(1, sizeof(*b));

	if (!b)
		return &seep_enomem;
	ssize_t len = read_full(fd, b->in, sizeof(b->in));
	if (len < 0)
		return seep_error_os(errno, "cannot be read");
	err = seep_spool_create(&spool.fd);
	if (err)
		return err;
	err = write_all(fd, &spool, b, len);
	struct timespec times[2] = { status->st_mtim, status->st_mtim };
	if (!S_ISREG(status->st_mode))
		memset(times, 0, sizeof(times));
	if (!err && futimens(spool.fd, times) < 0)
		err = seep_error_os(errno, "cannot set a file's time");
	if (err) {
		close(spool.fd);
		return err;
	}
	*fd_ret = spool.fd;
	return NULL;
}

static struct seep_error *spool_or_keep(int fd, seep_spool_accept *accept, int *fd_ret)
{
	unsigned char start[SEEP_SPOOL_START] = {};
	struct stat status;

	if (fstat(fd, &status) < 0)
		return seep_error_os(errno, "cannot be examined");
	if (S_ISDIR(status.st_mode))
		return seep_error_format(
			SEEP_ERROR_USAGE,
			"a folder; a core is wanted, which a Go program leaves only if it runs with GOTRACEBACK=crash (and `ulimit -c` allows it)");
	if (isatty(fd))
		return seep_error_format(SEEP_ERROR_USAGE,
					 "a terminal; a core or capture is wanted");
	if (!S_ISREG(status.st_mode) || lseek(fd, 0, SEEK_CUR) != 0)
		return spool_all(fd, &status, accept, fd_ret);
	ssize_t len = pread(fd, start, sizeof(start), 0);
	if (len < 0)
		return seep_error_os(errno, "cannot be read");
	if ((size_t)len >= sizeof(zstd_magic) && !memcmp(start, zstd_magic, sizeof(zstd_magic)))
		return spool_all(fd, &status, accept, fd_ret);
	if (!accept(start, len))
		return not_accepted(start, len);
	*fd_ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return *fd_ret < 0 ? seep_error_os(errno, "cannot be opened twice") : NULL;
}

struct seep_error *seep_spool_open(const char *path, seep_spool_accept *accept, int *fd_ret)
{
	if (strcmp(path, "-") == 0)
		return spool_or_keep(STDIN_FILENO, accept, fd_ret);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return seep_error_format(SEEP_ERROR_USAGE, "%s", strerror(errno));
	struct seep_error *err = spool_or_keep(fd, accept, fd_ret);
	close(fd);
	return err;
}
