/*
 * Reading small files of /proc.
 *
 * Everything goes through a descriptor of the directory /proc/PID: once the process has ended,
 * reads through it fail with ESRCH even if the pid has a new owner, so what is read here is never
 * about a stranger.
 */
#include "target/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

char *seep_proc_read(int dir_fd, const char *path, size_t *len_ret)
{
	struct seep_vec(char) text = {};
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	for (;;) {
		if (!seep_vec_reserve(&text, text.len + 4096)) {
			errno = ENOMEM;
			break;
		}
		ssize_t n = read(fd, text.data + text.len, text.cap - text.len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		text.len += n;
		if (n)
			continue;
		text.data[text.len] = '\0';
		if (len_ret)
			*len_ret = text.len;
		close(fd);
		return text.data;
	}
	int errnum = errno;
	seep_vec_free(&text);
	close(fd);
	errno = errnum;
	return NULL;
}

char *seep_proc_link(int dir_fd, const char *path)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, path, text, sizeof(text) - 1);

	return n < 0 ? NULL : strndup(text, n);
}

const char *seep_status_field(const char *status, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = status, *end; *line; line = end + 1) {
		if (!strncmp(line, key, len))
			return line + len + strspn(line + len, " \t");
		end = strchr(line, '\n');
		if (!end)
			break;
	}
	return NULL;
}

uint64_t seep_status_number(const char *status, const char *key, int base)
{
	const char *field = seep_status_field(status, key);

	return field ? strtoull(field, NULL, base) : 0;
}

bool seep_proc_ended(int dir_fd)
{
	_cleanup_free_ char *status = seep_proc_read(dir_fd, "status", NULL);
	const char *state = status ? seep_status_field(status, "State:") : NULL;

	return !state || *state == 'Z' || *state == 'X';
}

uint64_t seep_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
