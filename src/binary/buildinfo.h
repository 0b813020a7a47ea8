/** Build information: release, experiments and settings, written by the linker into every Go binary since 1.13. */
#ifndef SEEP_BINARY_BUILDINFO_H
#define SEEP_BINARY_BUILDINFO_H

#include "binary/image.h"

struct seep_buildinfo {
	char *version; /** "go1.22.12", "devel go1.28-abcdef ..."; without the " X:..." part */
	char *experiments; /** "greenteagc,noswissmap" from X:, "" if none */
	char *module; /** the module text ("path\t...\nmod\t...\nbuild\tGOARCH=...\n"), "" if none */
	int minor; /** 22 for go1.22.x; from the pclntab's magic when the version does not tell (then 0 here) */
};

/** Errors: UNSUPPORTED (no build info: not Go, or stripped by a packer; or before 1.18: says so). */
struct seep_error *seep_buildinfo_read(const struct seep_image *image, struct seep_buildinfo *ret)
	_must_check_;
/** The value of a "build\tKEY=VALUE" line, copied into ret (cut to len); false if absent. */
bool seep_buildinfo_setting(const struct seep_buildinfo *info, const char *key, char *ret,
			    size_t len);
/** The path of the main package or module ("path\t..."), into ret; false if absent. */
bool seep_buildinfo_path(const struct seep_buildinfo *info, char *ret, size_t len);
/** The path of the main module ("mod\t..."), into ret; false if absent. */
bool seep_buildinfo_module(const struct seep_buildinfo *info, char *ret, size_t len);
void seep_buildinfo_deinit(struct seep_buildinfo *info);

#endif
