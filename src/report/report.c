// The table of report formats. A format is one function in a file of its own and one entry here.
#include "report/internal.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

enum {
	FINDINGS = 1 << SEEP_REPORT_ALL,
	HOLDERS = 1 << SEEP_REPORT_TOP,
	PATHS = 1 << SEEP_REPORT_PATHS,
	GROWTH = 1 << SEEP_REPORT_GROWTH,
};

static const struct seep_report_format_ops formats[] = {
	{ "text", seep_report_write_text, FINDINGS | HOLDERS | PATHS | GROWTH, false, false },
	{ "json", seep_report_write_json, FINDINGS | HOLDERS | PATHS | GROWTH, false, false },
#ifdef SEEP_HTML
	{ "html", seep_report_write_html, FINDINGS, false, true },
#else
	{ "html", NULL, FINDINGS, false, false },
#endif
	{ "pprof", seep_report_write_pprof, FINDINGS | HOLDERS, true, false },
	{ "prom", seep_report_write_prom, FINDINGS, false, false },
	{ "junit", seep_report_write_junit, FINDINGS, false, false },
	{ "sarif", seep_report_write_sarif, FINDINGS, false, false },
};

const struct seep_report_format_ops *seep_report_format_find(const char *name,
							     enum seep_report_view view)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (strcmp(formats[i].name, name) == 0 && formats[i].views & 1u << view)
			return &formats[i];
	return NULL;
}

const char *seep_report_format_name(size_t i, enum seep_report_view view)
{
	for (size_t k = 0; k < sizeof(formats) / sizeof(*formats); k++)
		if (formats[k].views & 1u << view && i-- == 0)
			return formats[k].name;
	return NULL;
}

struct seep_error *seep_report_put(FILE *file, const char *text, size_t len)
{
	errno = 0;
	if (fwrite(text, 1, len, file) == len)
		return NULL;
	return seep_error_format(SEEP_ERROR_OS, "cannot write the report: %s",
				 errno ? strerror(errno) : "the output was cut short");
}

struct seep_error *seep_report_put_gzip(const char *text, size_t len, FILE *file)
{
	enum { GZIP = 16, MEMORY = 8 };
	z_stream z = { .next_in = (unsigned char *)text, .avail_in = (unsigned)len };
	struct seep_error *err = &seep_enomem;

	if (len > INT32_MAX)
		return seep_error_format(SEEP_ERROR_OS, "the report would be above 2 GiB");
	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP, MEMORY,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return err;
	size_t size = deflateBound(&z, len);
	_cleanup_free_ unsigned char *packed = malloc(size);
	if (packed) {
		z.next_out = packed;
		z.avail_out = (unsigned)size;
		if (deflate(&z, Z_FINISH) == Z_STREAM_END)
			err = seep_report_put(file, (const char *)packed, z.total_out);
	}
	deflateEnd(&z);
	return err;
}
