#include "sift/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct seep_error *seep_sift_read_file(const char *path, size_t limit, char **text_ret,
				       size_t *len_ret)
{
	enum { FIRST = 1 << 16 };
	size_t len = 0, cap = FIRST;
	FILE *file = fopen(path, "re");

	if (!file)
		return seep_error_format(SEEP_ERROR_USAGE, "cannot read %s: %s", path,
					 strerror(errno));
	_cleanup_free_ char *text = malloc(cap);
	for (size_t got = 1; text && got && len <= limit;) {
		if (len + 1 >= cap) {
			char *more = realloc(text, cap *= 2);
			if (!more)
				free(text);
			text = more;
			continue;
		}
		got = fread(text + len, 1, cap - len - 1, file);
		len += got;
	}
	int error = ferror(file) ? errno : 0;
	fclose(file);
	if (!text)
		return &seep_enomem;
	if (error)
		return seep_error_format(SEEP_ERROR_USAGE, "cannot read %s: %s", path,
					 strerror(error));
	if (len > limit)
		return seep_error_format(SEEP_ERROR_USAGE, "%s is larger than %zu bytes", path,
					 limit);
	text[len] = '\0';
	*text_ret = text;
	*len_ret = len;
	text = NULL;
	return NULL;
}
