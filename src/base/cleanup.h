/** Scope-bound cleanup and function attributes. */
#ifndef SEEP_BASE_CLEANUP_H
#define SEEP_BASE_CLEANUP_H

#include <stdlib.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _must_check_ __attribute__((warn_unused_result))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))

static inline void seep_freep(void *p)
{
	free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(seep_freep)

/** Hands a pointer with a cleanup attribute over to the caller: return_ptr(p). */
#define return_ptr(p)                   \
	do {                            \
		__auto_type _ret = (p); \
		(p) = NULL;             \
		return _ret;            \
	} while (0)

#endif
