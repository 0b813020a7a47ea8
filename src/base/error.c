// Errors as values. The one allocation that must never fail, the error that says that memory is out, is static.
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct seep_error seep_enomem = { SEEP_ERROR_NO_MEMORY, "out of memory" };

static struct seep_error *error_take(enum seep_error_code code, char *message)
{
	struct seep_error *err = malloc(sizeof(*err));

	if (!err) {
		free(message);
		return &seep_enomem;
	}
	*err = (struct seep_error){ .code = code, .message = message };
	return err;
}

struct seep_error *seep_error_format(enum seep_error_code code, const char *format, ...)
{
	char *message;
	va_list args;

	va_start(args, format);
	int len = vasprintf(&message, format, args);
	va_end(args);
	return len < 0 ? &seep_enomem : error_take(code, message);
}

struct seep_error *seep_error_os(int errnum, const char *format, ...)
{
	_cleanup_free_ char *what = NULL;
	enum seep_error_code code = SEEP_ERROR_OS;
	va_list args;

	va_start(args, format);
	int len = vasprintf(&what, format, args);
	va_end(args);
	if (len < 0) {
		what = NULL;
		return &seep_enomem;
	}
	if (errnum == EPERM || errnum == EACCES)
		code = SEEP_ERROR_NOT_PERMITTED;
	else if (errnum == ESRCH)
		code = SEEP_ERROR_GONE;
	else if (errnum == ENOMEM)
		code = SEEP_ERROR_NO_MEMORY;
	return seep_error_format(code, "%s: %s", what, strerror(errnum));
}

struct seep_error *seep_error_prefix(struct seep_error *err, const char *format, ...)
{
	_cleanup_free_ char *what = NULL;
	char *message;
	va_list args;

	if (!err || err == &seep_enomem)
		return err;
	va_start(args, format);
	int len = vasprintf(&what, format, args);
	va_end(args);
	if (len < 0) {
		what = NULL;
		return err;
	}
	if (asprintf(&message, "%s: %s", what, err->message) < 0)
		return err;
	free(err->message);
	err->message = message;
	return err;
}

void seep_error_destroy(struct seep_error *err)
{
	if (!err || err == &seep_enomem)
		return;
	free(err->message);
	free(err);
}
