// Why pre-copy cannot be had: said by the attach that goes without it, and by `seep doctor`, which adds what mends it.
#include "target/hindrance.h"

#include <string.h>

static const struct {
	const char *reason, *remedy;
} hindrances[] = {
	[SEEP_HINDRANCE_NO_SCAN] = { "this kernel cannot tell what was written (Linux 6.7 can)",
				     "Linux 6.7 or later; or, if seep is under a seccomp filter, let it call ioctl" },
	[SEEP_HINDRANCE_NO_WATCH] = { "this kernel cannot watch writes (Linux 6.7 can)",
				      "Linux 6.7 or later with CONFIG_USERFAULTFD=y" },
	[SEEP_HINDRANCE_FILTER] = { "a seccomp filter is in force",
				    "start the program without one: `docker run --security-opt seccomp=unconfined`, "
				    "securityContext.seccompProfile.type: Unconfined, or no SystemCallFilter= in its systemd unit" },
	[SEEP_HINDRANCE_IN_USE] = { "the program uses userfaultfd itself", "" },
	[SEEP_HINDRANCE_AWAKE] = { "no thread stayed asleep in a system call",
				   "look again when the program is less busy" },
	[SEEP_HINDRANCE_NO_CHILD] = { "no process could be made to prepare it",
				      "raise the limits on seep: `ulimit -u 1000 -n 1000`; TasksMax= and LimitNOFILE= of its systemd unit" },
	[SEEP_HINDRANCE_CHILD] = { "seep traces the program from its start", "" },
	[SEEP_HINDRANCE_REFUSED] = { "userfaultfd is refused",
				     "if seep is in a container: `docker run --security-opt seccomp=unconfined`, "
				     "securityContext.seccompProfile.type: Unconfined" },
};

const char *seep_hindrance_reason(enum seep_hindrance hindrance)
{
	return hindrances[hindrance].reason;
}

const char *seep_hindrance_remedy(enum seep_hindrance hindrance)
{
	return hindrances[hindrance].remedy;
}

struct seep_error *seep_hindrance_error(enum seep_hindrance hindrance, int errnum)
{
	return seep_error_format(SEEP_ERROR_UNSUPPORTED, "%s%s%s", hindrances[hindrance].reason,
				 errnum ? ": " : "", errnum ? strerror(errnum) : "");
}
