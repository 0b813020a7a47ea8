/*
 * Why the kernel will not let seep attach, and the command that mends it.
 *
 * ptrace answers EPERM for half a dozen reasons. The kernel asks, in about this order, and so do we, a function for each:
 *
 *	seccomp	      is the system call itself forbidden? (aimed at pid 0, it can only answer ESRCH)
 *	tracer	      a thread has one tracer at most: TracerPid in status
 *	user	      the target's real, effective and saved uid must be ours, or CAP_SYS_PTRACE
 *	dumpable      a set-id program is nobody's but root's; its /proc entries belong to root
 *	capabilities  the target must not hold one that we lack
 *	ptrace_scope  of Yama: 0 same user, 1 children, 2 CAP_SYS_PTRACE, 3 nobody
 *	namespace     CAP_SYS_PTRACE counts for processes in our user namespace and those below it
 *
 * Whatever is left is a security module's doing (AppArmor, SELinux).
 */
#include "target/check.h"
#include "target/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CAPABILITY_SYS_PTRACE = 19 };

/** What decides, of seep and of the target. */
struct facts {
	int dir_fd;
	pid_t pid, tracer;
	uid_t our_uid, uid;
	bool same_user, dumpable, in_container, in_unit, no_new_privs, may_ptrace, more_capable;
	bool refused; /** it is known that the kernel refuses */
	int yama_scope; /** 0 when yama is not there */
};

static void say(char *buf, size_t size, const char *format, ...) _printf_(3, 4);
static void say(char *buf, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(buf, size, format, args);
	va_end(args);
}
#define reason(refusal, ...) say((refusal)->reason, sizeof((refusal)->reason), __VA_ARGS__)
#define remedy(refusal, ...) say((refusal)->remedy, sizeof((refusal)->remedy), __VA_ARGS__)

bool seep_ptrace_filtered(void)
{
	// PTRACE_SEIZE of pid 0 looks for a thread that cannot exist: ESRCH, unless a filter
	// answers first.
	return ptrace(PTRACE_SEIZE, 0, NULL, NULL) < 0 && errno != ESRCH;
}

static bool is_in_container(void)
{
	return !access("/.dockerenv", F_OK) || !access("/run/.containerenv", F_OK) ||
	       !access("/run/systemd/container", F_OK) || getenv("KUBERNETES_SERVICE_HOST");
}

static bool is_same_user(const char *status, uid_t our_uid)
{
	const char *field = seep_status_field(status, "Uid:");
	unsigned real, effective, saved;

	return field && sscanf(field, "%u %u %u", &real, &effective, &saved) == 3 &&
	       real == our_uid && effective == our_uid && saved == our_uid;
}

/** Who traces any of its threads; 0: nobody, or seep itself, whose tracer thread counts until it is gone. */
static pid_t find_tracer(int dir_fd, const char *status)
{
	pid_t tracer = (pid_t)seep_status_number(status, "TracerPid:", 10);
	int fd = tracer ? -1 : openat(dir_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir && fd >= 0)
		close(fd);
	for (const struct dirent *entry; dir && !tracer && (entry = readdir(dir));) {
		char path[64];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "task/%.20s/status", entry->d_name);
		_cleanup_free_ char *text = seep_proc_read(dir_fd, path, NULL);
		tracer = text ? (pid_t)seep_status_number(text, "TracerPid:", 10) : 0;
	}
	if (dir)
		closedir(dir);
	return tracer == getpid() ? 0 : tracer;
}

static struct facts gather(int dir_fd, pid_t pid, bool refused)
{
	_cleanup_free_ char *ours = seep_proc_read(AT_FDCWD, "/proc/self/status", NULL);
	_cleanup_free_ char *theirs = seep_proc_read(dir_fd, "status", NULL);
	_cleanup_free_ char *scope =
		seep_proc_read(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", NULL);
	struct facts facts = { .dir_fd = dir_fd,
			       .pid = pid,
			       .our_uid = geteuid(),
			       .in_container = is_in_container(),
			       .in_unit = getenv("INVOCATION_ID") != NULL,
			       .refused = refused };
	struct stat entry;

	facts.yama_scope = scope ? atoi(scope) : 0;
	facts.dumpable = true;
	if (!ours || !theirs)
		return facts;
	uint64_t capable = seep_status_number(ours, "CapEff:", 16);
	facts.may_ptrace = capable >> CAPABILITY_SYS_PTRACE & 1;
	facts.more_capable = seep_status_number(theirs, "CapPrm:", 16) &
			     ~seep_status_number(ours, "CapPrm:", 16);
	facts.no_new_privs = seep_status_number(ours, "NoNewPrivs:", 10);
	facts.tracer = find_tracer(dir_fd, theirs);
	facts.uid = (uid_t)seep_status_number(theirs, "Uid:", 10);
	facts.same_user = is_same_user(theirs, facts.our_uid);
	if (facts.uid && !fstatat(dir_fd, "mem", &entry, 0))
		facts.dumpable = entry.st_uid == facts.uid;
	return facts;
}

/** How to come by CAP_SYS_PTRACE here. */
static void remedy_capability(const struct facts *facts, struct seep_refusal *ret)
{
	if (facts->in_container || facts->our_uid == 0)
		remedy(ret,
		       "give the container of seep the capability: `docker run --cap-add "
		       "SYS_PTRACE`, `kubectl debug --profile=general`, or "
		       "securityContext.capabilities.add: [\"SYS_PTRACE\"]; and run seep as root");
	else if (facts->in_unit)
		remedy(ret, "add `AmbientCapabilities=CAP_SYS_PTRACE` to the unit that runs seep");
	else if (facts->no_new_privs)
		remedy(ret,
		       "run `seep %d` as root, from another session: no_new_privs is set here, so "
		       "sudo cannot help",
		       (int)facts->pid);
	else
		remedy(ret, "run `sudo seep %d`, or once `sudo setcap cap_sys_ptrace+ep` on seep",
		       (int)facts->pid);
}

// One question each: true if it is answered in a way that forbids the attach. Else the reason says what was found.

static bool judge_filter(const struct facts *facts, struct seep_refusal *ret)
{
	if (!seep_ptrace_filtered()) {
		reason(ret, "ptrace may be called");
		return false;
	}
	reason(ret, "a seccomp filter forbids ptrace to seep");
	remedy(ret,
	       "`docker run --cap-add SYS_PTRACE` (or `--security-opt seccomp=unconfined`), "
	       "`kubectl debug --profile=general`, or securityContext.capabilities.add: "
	       "[\"SYS_PTRACE\"]; in a systemd unit `SystemCallFilter=@debug`; or run `sudo seep %d` on the host",
	       (int)facts->pid);
	return true;
}

static bool judge_tracer(const struct facts *facts, struct seep_refusal *ret)
{
	char path[64];

	if (!facts->tracer) {
		reason(ret, "nobody traces it");
		return false;
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)facts->tracer);
	_cleanup_free_ char *comm = seep_proc_read(AT_FDCWD, path, NULL);
	reason(ret, "%.*s (pid %d) traces it already", comm ? (int)strcspn(comm, "\n") : 17,
	       comm ? comm : "another debugger", (int)facts->tracer);
	remedy(ret, "end or detach that first");
	return true;
}

static bool judge_user(const struct facts *facts, struct seep_refusal *ret)
{
	if (facts->same_user || facts->may_ptrace) {
		reason(ret, "it is user %u's and seep runs as user %u%s", facts->uid,
		       facts->our_uid, facts->may_ptrace ? " with CAP_SYS_PTRACE" : "");
		return false;
	}
	reason(ret, "it is user %u's and seep runs as user %u without CAP_SYS_PTRACE", facts->uid,
	       facts->our_uid);
	remedy_capability(facts, ret);
	return true;
}

static bool judge_dumpable(const struct facts *facts, struct seep_refusal *ret)
{
	if (facts->dumpable || facts->may_ptrace) {
		reason(ret, "it is %s",
		       facts->dumpable ? "dumpable" :
					 "not dumpable, which does not bind CAP_SYS_PTRACE");
		return false;
	}
	reason(ret, "it is marked not dumpable (set-id program, or its own wish), so only "
		    "root may look into it");
	remedy_capability(facts, ret);
	return true;
}

static bool judge_capabilities(const struct facts *facts, struct seep_refusal *ret)
{
	if (!facts->more_capable || facts->may_ptrace) {
		reason(ret, "%s",
		       facts->may_ptrace ? "seep has CAP_SYS_PTRACE" :
					   "it holds none that seep lacks");
		return false;
	}
	reason(ret, "it holds capabilities that seep lacks");
	remedy_capability(facts, ret);
	return true;
}

static bool is_closed(const struct facts *facts)
{
	return facts->yama_scope >= 3;
}

static bool judge_scope(const struct facts *facts, struct seep_refusal *ret)
{
	if (is_closed(facts)) {
		reason(ret,
		       "kernel.yama.ptrace_scope is %d: nobody may attach until the machine is "
		       "rebooted with another value",
		       facts->yama_scope);
		remedy(ret, "remove the setting from /etc/sysctl.d and reboot");
		return true;
	}
	if (!facts->yama_scope || facts->may_ptrace || !facts->refused) {
		reason(ret, "kernel.yama.ptrace_scope is %d%s", facts->yama_scope,
		       facts->yama_scope ? ", which does not bind seep here" : " or not there");
		return false;
	}
	remedy_capability(facts, ret);
	if (facts->yama_scope == 2) {
		reason(ret, "kernel.yama.ptrace_scope is 2: only CAP_SYS_PTRACE may attach");
		return true;
	}
	reason(ret, "kernel.yama.ptrace_scope is 1: only parents may attach to their children");
	struct seep_refusal other = *ret;
	remedy(ret, "`sudo sysctl kernel.yama.ptrace_scope=0`%s, or %s",
	       facts->in_container ? " on the host" : "", other.remedy);
	return true;
}

static bool judge_namespace(const struct facts *facts, struct seep_refusal *ret)
{
	_cleanup_free_ char *ours = seep_proc_link(AT_FDCWD, "/proc/self/ns/user");
	_cleanup_free_ char *theirs = seep_proc_link(facts->dir_fd, "ns/user");
	bool same = ours && theirs && strcmp(ours, theirs) == 0;

	if (same || !facts->refused || !facts->may_ptrace) {
		reason(ret, "%s",
		       same	      ? "its user namespace is seep's" :
		       facts->refused ? "its user namespace cannot be seen" :
					"its user namespace is below seep's");
		return false;
	}
	reason(ret, "it is in another user namespace, where seep's CAP_SYS_PTRACE may not count");
	remedy(ret, "run `sudo seep %d` on the host, or seep inside the same container",
	       (int)facts->pid);
	return true;
}

/** What is left. */
static void blame_module(const struct facts *facts, struct seep_refusal *ret)
{
	if (!facts->may_ptrace) {
		reason(ret, "the kernel refuses without saying why (tracer outside this container, "
			    "AppArmor, SELinux)");
		remedy_capability(facts, ret);
		return;
	}
	reason(ret, "a security module (AppArmor, SELinux) forbids it");
	remedy(ret,
	       "see `dmesg | grep -i denied`; in Docker, `--security-opt apparmor=unconfined`; "
	       "or run `sudo seep %d` on the host",
	       (int)facts->pid);
}

static const struct question {
	const char *name;
	bool (*judge)(const struct facts *facts, struct seep_refusal *ret);
} questions[] = {
	{ "ptrace", judge_filter },
	{ "tracer", judge_tracer },
	{ "user", judge_user },
	{ "dumpable", judge_dumpable },
	{ "capabilities", judge_capabilities },
	{ "ptrace_scope", judge_scope },
	{ "user namespace", judge_namespace },
};
enum { QUESTIONS = sizeof(questions) / sizeof(*questions) };

void seep_refusal_find(int dir_fd, pid_t pid, struct seep_refusal *ret)
{
	struct facts facts = gather(dir_fd, pid, true);

	*ret = (struct seep_refusal){};
	// What is true of everybody goes before what can be mended for one.
	if (is_closed(&facts) && !facts.tracer && !seep_ptrace_filtered()) {
		judge_scope(&facts, ret);
		return;
	}
	for (size_t i = 0; i < QUESTIONS; i++)
		if (questions[i].judge(&facts, ret))
			return;
	blame_module(&facts, ret);
}

struct seep_error *seep_refusal_error(int dir_fd, pid_t pid)
{
	struct seep_refusal refusal;

	seep_refusal_find(dir_fd, pid, &refusal);
	return seep_error_format(SEEP_ERROR_NOT_PERMITTED, "may not attach to process %d: %s; %s",
				 (int)pid, refusal.reason, refusal.remedy);
}

struct seep_error *seep_check_rights(pid_t pid, struct seep_checks *checks)
{
	char path[32];
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0) // the target's own check says what is wrong
		return NULL;
	int mem_fd = openat(dir_fd, "mem", O_RDONLY | O_CLOEXEC);
	bool refused = mem_fd < 0 && (errno == EACCES || errno == EPERM);
	struct facts facts = gather(dir_fd, pid, refused);
	if (mem_fd >= 0)
		close(mem_fd);
	struct seep_error *err = NULL;
	// The first has been tried on a child.
	for (size_t i = 1; !err && i <= QUESTIONS; i++) {
		struct seep_refusal told = {};
		bool fails = i == QUESTIONS ? refused && !found : questions[i].judge(&facts, &told);
		if (i == QUESTIONS && fails)
			blame_module(&facts, &told);
		else if (i == QUESTIONS)
			reason(&told, "none that forbids it was noticed");
		found |= fails;
		err = seep_check_add(checks, i == QUESTIONS ? "security module" : questions[i].name,
				     fails ? SEEP_CHECK_FAILS : SEEP_CHECK_OK, told.reason,
				     told.remedy);
	}
	close(dir_fd);
	return err;
}

/** What seep may do in general, by what it is. */
static struct seep_error *check_credentials(const struct facts *facts, struct seep_checks *checks)
{
	struct seep_refusal told = {};
	struct seep_error *err;

	if (!facts->may_ptrace)
		remedy_capability(facts, &told);
	reason(&told,
	       facts->may_ptrace ? "CAP_SYS_PTRACE: processes of every user" :
				   "no CAP_SYS_PTRACE: processes of user %u alone",
	       facts->our_uid);
	err = seep_check_add(checks, "capabilities", SEEP_CHECK_OK, told.reason, told.remedy);
	if (err)
		return err;
	return seep_check_add(checks, "no_new_privs", SEEP_CHECK_OK,
			      facts->no_new_privs ?
				      "set: sudo and setcap give seep no rights from here" :
				      "not set",
			      "");
}

/** Which processes there are to be seen. */
static struct seep_error *check_pids(const struct facts *facts, struct seep_checks *checks)
{
	static const char initial[] = "pid:[4026531836]"; // PROC_PID_INIT_INO of the kernel
	_cleanup_free_ char *ns = seep_proc_link(AT_FDCWD, "/proc/self/ns/pid");
	_cleanup_free_ char *self = seep_proc_link(AT_FDCWD, "/proc/self");

	if (!self || atoi(self) != getpid())
		return seep_check_add(
			checks, "pid namespace", SEEP_CHECK_FAILS,
			"/proc is not that of seep's own pid namespace",
			"mount it: `mount -t proc proc /proc`, or `unshare --mount-proc`, `nsenter --mount`");
	if (facts->in_container || !ns || strcmp(ns, initial) != 0)
		return seep_check_add(
			checks, "pid namespace", SEEP_CHECK_OK,
			"one of a container: processes outside of it cannot be seen",
			"for those of another container: `docker run --pid=container:NAME`, `kubectl debug "
			"--target=CONTAINER`, or shareProcessNamespace: true");
	return seep_check_add(checks, "pid namespace", SEEP_CHECK_OK, "the machine's", "");
}

struct seep_error *seep_check_reach(struct seep_checks *checks)
{
	struct seep_error *err;
	struct seep_refusal told = {};
	int dir_fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd < 0)
		return seep_check_add(checks, "pid namespace", SEEP_CHECK_FAILS,
				      "/proc is not mounted", "`mount -t proc proc /proc`");
	// Of a process of the same user, that nothing but the scope protects.
	struct facts facts = gather(dir_fd, getpid(), true);
	close(dir_fd);
	err = check_pids(&facts, checks);
	if (!err)
		err = check_credentials(&facts, checks);
	if (err)
		return err;
	bool closed = judge_scope(&facts, &told);
	return seep_check_add(checks, "ptrace_scope", closed ? SEEP_CHECK_FAILS : SEEP_CHECK_OK,
			      told.reason, told.remedy);
}
