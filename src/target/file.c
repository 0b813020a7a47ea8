// Files that keep a process: what they are is told by their first bytes.
#include "target/internal.h"
#include "target/spool.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *bytes;
	size_t len;
	seep_file_open *open;
} kinds[] = {
	{ ELFMAG, SELFMAG, seep_core_open },
	{ SEEP_CAPTURE_MAGIC, sizeof(SEEP_CAPTURE_MAGIC) - 1, seep_capture_open },
};

static seep_file_open *find_kind(const void *start, size_t len)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (len >= kinds[i].len && !memcmp(start, kinds[i].bytes, kinds[i].len))
			return kinds[i].open;
	return NULL;
}

static bool is_known(const void *start, size_t len)
{
	return find_kind(start, len) != NULL;
}

struct seep_error *seep_file_recognize(const char *path, int *fd_ret, seep_file_open **open_ret)
{
	struct seep_error *err;
	char start[SEEP_SPOOL_START] = {};
	int fd;

	err = seep_spool_open(path, is_known, &fd);
	if (err)
		return err;
	ssize_t len = pread(fd, start, sizeof(start), 0);
	*open_ret = len > 0 ? find_kind(start, len) : NULL;
	if (!*open_ret) {
		close(fd);
		return seep_error_format(SEEP_ERROR_OS, "cannot be read");
	}
	*fd_ret = fd;
	return NULL;
}
