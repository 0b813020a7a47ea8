// Products go to memory first, so that the time in which a temporary file exists is short and has
// no computation in it. In that time the signals that usually end a program wait: none of them can
// leave the file behind. (SIGKILL can.) main() ignores SIGPIPE and SIGXFSZ, so that they arrive
// here as errors of write().
//
// Errors of output are OS errors whatever errno says: "not permitted" and "gone" are about the
// target.
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct seep_error *seep_output_open(const char *path, struct seep_output *ret)
{
	// The stream keeps the addresses of text and len, so it is opened on *ret itself.
	*ret = (struct seep_output){ .path = path && strcmp(path, "-") != 0 ? path : NULL };
	ret->file = open_memstream(&ret->text, &ret->len);
	return ret->file ? NULL : &seep_enomem;
}

void seep_output_deinit(struct seep_output *output)
{
	if (output->file)
		fclose(output->file);
	free(output->text);
	*output = (struct seep_output){};
}

static struct seep_error *cannot(int errnum, const char *path)
{
	return seep_error_format(SEEP_ERROR_OS, "cannot write %s: %s", path, strerror(errnum));
}

/** 0, or an errno. */
static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static struct seep_error *write_stdout(const struct seep_output *output)
{
	// Past stdio: its buffer would keep what failed and complain of it again at exit.
	int errnum = fflush(stdout) == 0 ? write_all(STDOUT_FILENO, output->text, output->len) :
					   errno;

	return errnum ? cannot(errnum, "to standard output") : NULL;
}

/** Devices, pipes, sockets: there is nothing to rename. */
static struct seep_error *write_special(const struct seep_output *output)
{
	int fd = open(output->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return cannot(errno, output->path);
	int errnum = write_all(fd, output->text, output->len);
	if (close(fd) != 0 && !errnum)
		errnum = errno;
	return errnum ? cannot(errnum, output->path) : NULL;
}

/** Makes a new name durable. Some file systems cannot sync a folder: that is no reason to fail. */
static void sync_folder_of(const char *path)
{
	_cleanup_free_ char *folder = strdup(path);
	if (!folder)
		return;
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

static mode_t usual_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/** Writes the temporary file and renames it to path: 0, or an errno with nothing left behind. */
static int replace(const struct seep_output *output, const char *path, char *temporary, mode_t mode)
{
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return errno;
	int errnum = write_all(fd, output->text, output->len);
	if (!errnum && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
		errnum = errno;
	if (close(fd) != 0 && !errnum)
		errnum = errno;
	if (!errnum && rename(temporary, path) != 0)
		errnum = errno;
	if (errnum)
		unlink(temporary);
	return errnum;
}

static struct seep_error *write_file(const struct seep_output *output)
{
	static const int endings[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	_cleanup_free_ char *real = NULL, *temporary = NULL;
	const char *path = output->path;
	mode_t mode = usual_mode();
	struct stat st;
	sigset_t held, before;

	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return cannot(EISDIR, path);
		if (!S_ISREG(st.st_mode))
			return write_special(output);
		mode = st.st_mode & 0777;
		// Through a link, the file it names is replaced, not the link.
		path = real = realpath(output->path, NULL);
		if (!real)
			return cannot(errno, output->path);
	}
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		temporary = NULL;
		return &seep_enomem;
	}
	sigemptyset(&held);
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
		sigaddset(&held, endings[i]);
	sigprocmask(SIG_BLOCK, &held, &before);
	int errnum = replace(output, path, temporary, mode);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (errnum)
		return cannot(errnum, output->path);
	sync_folder_of(path);
	return NULL;
}

struct seep_error *seep_output_finish(struct seep_output *output)
{
	// Closing the stream is what completes text and len.
	int rc = fclose(output->file);
	output->file = NULL;
	if (rc != 0 || !output->text)
		return &seep_enomem;
	return output->path ? write_file(output) : write_stdout(output);
}
