// Products go to memory first, so that the time in which a file exists is short and has no computation in it; what is too large
// for that goes to its place as it comes. That is a file without a name (O_TMPFILE), which is gone if seep is: nothing
// of it is left whatever ends seep. Where the file system has no such files it is a temporary one, and the signals that usually end a program
// wait as long as it exists: none of them can leave it behind. (SIGKILL can.) main() ignores SIGPIPE and SIGXFSZ, so that
// they arrive here as errors of write().
//
// Errors of output are OS errors whatever errno says: "not permitted" and "gone" are about the
// target.
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
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

static void hold_signals(struct seep_place *place)
{
	static const int endings[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	sigset_t held;

	sigemptyset(&held);
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
		sigaddset(&held, endings[i]);
	if (!place->holds_signals)
		sigprocmask(SIG_BLOCK, &held, &place->signals);
	place->holds_signals = true;
}

/** A file without a name in the folder of path; -1 where the file system does not have that. */
static int open_nameless(const char *path)
{
	_cleanup_free_ char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!folder)
		return -1;
	if (slash)
		slash[slash == folder] = '\0';
	return open(slash ? folder : ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
}

/** 0, or an errno. */
static int open_beside(struct seep_place *place)
{
	place->mode = usual_mode();
	struct stat st;

	if (stat(place->path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return EISDIR;
		if (!S_ISREG(st.st_mode)) {
			// Devices, pipes, sockets: there is nothing to rename.
			place->fd = open(place->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
			return place->fd < 0 ? errno : 0;
		}
		place->mode = st.st_mode & 0777;
		// Through a link, the file it names is replaced, not the link.
		place->name = realpath(place->path, NULL);
	} else {
		place->name = strdup(place->path);
	}
	if (!place->name)
		return errno;
	place->fd = open_nameless(place->name);
	if (place->fd >= 0)
		return 0;
	if (asprintf(&place->temporary, "%s.XXXXXX", place->name) < 0) {
		place->temporary = NULL;
		return ENOMEM;
	}
	hold_signals(place);
	place->fd = mkostemp(place->temporary, O_CLOEXEC);
	if (place->fd >= 0)
		return 0;
	int errnum = errno;
	free(place->temporary);
	place->temporary = NULL;
	return errnum;
}

struct seep_error *seep_place_open(const char *path, struct seep_place *ret)
{
	*ret = (struct seep_place){ .fd = STDOUT_FILENO, .path = path };
	if (!path || strcmp(path, "-") == 0) {
		ret->path = NULL;
		return fflush(stdout) == 0 ? NULL : cannot(errno, "to standard output");
	}
	ret->fd = -1;
	int errnum = open_beside(ret);
	if (!errnum)
		return NULL;
	seep_place_deinit(ret);
	return cannot(errnum, path);
}

/** Gives a file without a name one that nobody has yet: 0, or an errno. */
static int link_temporary(struct seep_place *place)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", place->fd);
	for (unsigned i = 0; i < 100; i++) {
		unsigned random;
		if (getrandom(&random, sizeof(random), 0) != sizeof(random) ||
		    asprintf(&place->temporary, "%s.%08x", place->name, random) < 0) {
			place->temporary = NULL;
			return ENOMEM;
		}
		if (linkat(AT_FDCWD, self, AT_FDCWD, place->temporary, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		int errnum = errno;
		free(place->temporary);
		place->temporary = NULL;
		if (errnum != EEXIST)
			return errnum;
	}
	return EEXIST;
}

/** 0, or an errno. */
static int commit(struct seep_place *place)
{
	if (fchmod(place->fd, place->mode) != 0 || fsync(place->fd) != 0)
		return errno;
	hold_signals(place);
	int errnum = place->temporary ? 0 : link_temporary(place);
	if (errnum)
		return errnum;
	if (close(place->fd) != 0)
		errnum = errno;
	place->fd = -1;
	if (errnum || rename(place->temporary, place->name) != 0)
		return errnum ? errnum : errno;
	free(place->temporary);
	place->temporary = NULL;
	sync_folder_of(place->name);
	return 0;
}

struct seep_error *seep_place_commit(struct seep_place *place)
{
	const char *path = place->path;
	int errnum = 0;

	if (place->name)
		errnum = commit(place);
	else if (path && close(place->fd) != 0)
		errnum = errno;
	if (!place->name)
		place->fd = -1;
	seep_place_deinit(place);
	return errnum ? cannot(errnum, path) : NULL;
}

void seep_place_deinit(struct seep_place *place)
{
	if (place->fd >= 0 && place->path)
		close(place->fd);
	if (place->temporary)
		unlink(place->temporary);
	if (place->holds_signals)
		sigprocmask(SIG_SETMASK, &place->signals, NULL);
	free(place->temporary);
	free(place->name);
	*place = (struct seep_place){ .fd = -1 };
}

struct seep_error *seep_output_finish(struct seep_output *output)
{
	struct seep_place place;
	struct seep_error *err;

	// Closing the stream is what completes text and len.
	int rc = fclose(output->file);
	output->file = NULL;
	if (rc != 0 || !output->text)
		return &seep_enomem;
	err = seep_place_open(output->path, &place);
	if (err)
		return err;
	// Past stdio: its buffer would keep what failed and complain of it again at exit.
	int errnum = write_all(place.fd, output->text, output->len);
	if (!errnum)
		return seep_place_commit(&place);
	seep_place_deinit(&place);
	return cannot(errnum, output->path ? output->path : "to standard output");
}
