/*
 * Why the kernel will not let seep attach, and the command that mends it.
 *
 * ptrace answers EPERM for half a dozen reasons. The kernel asks, in this order, and so do we:
 *
 *	seccomp	      is the system call itself forbidden? (aimed at pid 0, it can only answer ESRCH)
 *	tracer	      a thread has one tracer at most: TracerPid in status
 *	user	      the target's real, effective and saved uid must be ours, or CAP_SYS_PTRACE
 *	dumpable      a set-id program is nobody's but root's; its /proc entries belong to root
 *	capabilities  the target must not hold one that we lack
 *	yama	      kernel.yama.ptrace_scope: 0 same user, 1 children, 2 CAP_SYS_PTRACE, 3 nobody
 *	namespace     CAP_SYS_PTRACE counts for processes in our user namespace and those below it
 *
 * Whatever is left is a security module's doing (AppArmor, SELinux).
 */
#include "target/internal.h"

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
	bool same_user, dumpable, in_container, no_new_privs, may_ptrace, more_capable;
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

static struct facts gather(int dir_fd, pid_t pid)
{
	_cleanup_free_ char *ours = seep_proc_read(AT_FDCWD, "/proc/self/status", NULL);
	_cleanup_free_ char *theirs = seep_proc_read(dir_fd, "status", NULL);
	_cleanup_free_ char *scope =
		seep_proc_read(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", NULL);
	struct facts facts = { .dir_fd = dir_fd,
			       .pid = pid,
			       .our_uid = geteuid(),
			       .in_container = is_in_container() };
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
	facts.tracer = (pid_t)seep_status_number(theirs, "TracerPid:", 10);
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
	else if (facts->no_new_privs)
		remedy(ret,
		       "run `seep %d` as root, from another session: no_new_privs is set here, so "
		       "sudo cannot help",
		       (int)facts->pid);
	else
		remedy(ret, "run `sudo seep %d`", (int)facts->pid);
}

static void explain_tracer(const struct facts *facts, struct seep_refusal *ret)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)facts->tracer);
	_cleanup_free_ char *comm = seep_proc_read(AT_FDCWD, path, NULL);
	reason(ret, "%.*s (pid %d) traces it already", comm ? (int)strcspn(comm, "\n") : 17,
	       comm ? comm : "another debugger", (int)facts->tracer);
	remedy(ret, "end or detach that first");
}

/** seep holds CAP_SYS_PTRACE, and still. */
static void explain_capable(const struct facts *facts, struct seep_refusal *ret)
{
	_cleanup_free_ char *ours = seep_proc_link(AT_FDCWD, "/proc/self/ns/user");
	_cleanup_free_ char *theirs = seep_proc_link(facts->dir_fd, "ns/user");

	if (!ours || !theirs || strcmp(ours, theirs)) {
		reason(ret, "it is in another user namespace, where seep's CAP_SYS_PTRACE may not "
			    "count");
		remedy(ret, "run `sudo seep %d` on the host, or seep inside the same container",
		       (int)facts->pid);
		return;
	}
	reason(ret, "a security module (AppArmor, SELinux) forbids it");
	remedy(ret,
	       "see `dmesg | grep -i denied`; in Docker, `--security-opt apparmor=unconfined`; "
	       "or run `sudo seep %d` on the host",
	       (int)facts->pid);
}

/** seep does not hold CAP_SYS_PTRACE. */
static void explain_incapable(const struct facts *facts, struct seep_refusal *ret)
{
	remedy_capability(facts, ret);
	if (!facts->same_user) {
		reason(ret, "it is user %u's and seep runs as user %u without CAP_SYS_PTRACE",
		       facts->uid, facts->our_uid);
	} else if (!facts->dumpable) {
		reason(ret, "it is marked not dumpable (set-id program, or its own wish), so only "
			    "root may look into it");
	} else if (facts->more_capable) {
		reason(ret, "it holds capabilities that seep lacks");
	} else if (facts->yama_scope == 2) {
		reason(ret, "kernel.yama.ptrace_scope is 2: only CAP_SYS_PTRACE may attach");
	} else if (facts->yama_scope == 1) {
		reason(ret,
		       "kernel.yama.ptrace_scope is 1: only parents may attach to their children");
		struct seep_refusal other = *ret;
		remedy(ret, "`sudo sysctl kernel.yama.ptrace_scope=0`%s, or %s",
		       facts->in_container ? " on the host" : "", other.remedy);
	} else {
		reason(ret, "the kernel refuses without saying why (tracer outside this container, "
			    "AppArmor, SELinux)");
	}
}

void seep_refusal_find(int dir_fd, pid_t pid, struct seep_refusal *ret)
{
	struct facts facts = gather(dir_fd, pid);

	*ret = (struct seep_refusal){};
	if (seep_ptrace_filtered()) {
		reason(ret, "a seccomp filter forbids ptrace to seep");
		remedy(ret,
		       "`docker run --cap-add SYS_PTRACE` (or `--security-opt "
		       "seccomp=unconfined`), `kubectl debug --profile=general`, or "
		       "securityContext.capabilities.add: [\"SYS_PTRACE\"]; or run `sudo seep "
		       "%d` on the host",
		       (int)pid);
	} else if (facts.tracer) {
		explain_tracer(&facts, ret);
	} else if (facts.yama_scope >= 3) {
		reason(ret,
		       "kernel.yama.ptrace_scope is %d: nobody may attach until the machine is "
		       "rebooted with another value",
		       facts.yama_scope);
		remedy(ret, "remove the setting from /etc/sysctl.d and reboot");
	} else if (facts.may_ptrace) {
		explain_capable(&facts, ret);
	} else {
		explain_incapable(&facts, ret);
	}
}

struct seep_error *seep_refusal_error(int dir_fd, pid_t pid)
{
	struct seep_refusal refusal;

	seep_refusal_find(dir_fd, pid, &refusal);
	return seep_error_format(SEEP_ERROR_NOT_PERMITTED, "may not attach to process %d: %s; %s",
				 (int)pid, refusal.reason, refusal.remedy);
}
