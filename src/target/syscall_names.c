// Numbers of system calls to names. They never change, new ones come at the end.
#include "target/usage.h"

static const char *const names[] = {
#include "target/syscall_names.inc"
};

const char *seep_syscall_name(int64_t number)
{
	return number >= 0 && (uint64_t)number < sizeof(names) / sizeof(*names) ? names[number] :
										  NULL;
}
