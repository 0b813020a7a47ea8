// Build information. The linker puts it into the data, mostly at its very start, so that it is found without section
// headers, and without reading through the code and constants of programs that are not Go's:
//
//	+0   14  "\xff Go buildinf:", 16-aligned
//	+14   1  pointer size
//	+15   1  flags: 1 big-endian, 2 strings inline (since Go 1.18; before, two pointers to string headers)
//	+16  16  unused
//	+32      uvarint length and bytes of the version, then the same of the module text
//
// The module text stands between two 16-byte marks, the first of which ends the length test of the runtime's own reader
// (src/debug/buildinfo/buildinfo.go). The version carries the experiments the toolchain was built with or the program
// was compiled with: "go1.25.6 X:greenteagc"; since Go 1.26 "go1.26.1-X:greenteagc" where the version has no dash yet
// (src/cmd/link/internal/ld/main.go).
#include "binary/buildinfo.h"

#include <stdio.h>
#include <string.h>

enum {
	HEADER_BYTES = 32,
	MARK_BYTES = 16,
	MAX_VERSION_BYTES = 1024,
	MAX_MODULE_BYTES = 16 << 20,
	FLAG_BIG_ENDIAN = 1,
	FLAG_INLINE = 2,
};

static const char magic[14] = "\xff Go buildinf:";

// A string with its length in front; empty on failure.
static bool read_string(struct seep_buffer *buf, uint64_t max, struct seep_buffer *ret)
{
	uint64_t len;

	if (!seep_buffer_uvarint(buf, &len) || len > max)
		return false;
	const void *bytes = seep_buffer_bytes(buf, len);
	if (bytes)
		*ret = seep_buffer_of(bytes, len);
	return bytes != NULL;
}

// What the magic may stand before by accident, for one in the literal of a program that reads build info itself.
static bool read_strings(struct seep_buffer blob, struct seep_buffer *version,
			 struct seep_buffer *module)
{
	return seep_buffer_bytes(&blob, HEADER_BYTES) &&
	       read_string(&blob, MAX_VERSION_BYTES, version) &&
	       read_string(&blob, MAX_MODULE_BYTES, module) && seep_buffer_left(version) > 2;
}

enum scan_result { SCAN_NOTHING, SCAN_OLD, SCAN_FOUND };

static enum scan_result scan(const struct seep_image *image,
			     const struct seep_image_segment *segment, struct seep_buffer *version,
			     struct seep_buffer *module)
{
	enum scan_result result = SCAN_NOTHING;
	seep_addr addr = segment->start;
	struct seep_buffer buf = seep_memory_buffer(&image->memory, addr, segment->end - addr);

	if (!seep_buffer_bytes(&buf, -addr % 16))
		return SCAN_NOTHING;
	for (; seep_buffer_left(&buf) >= HEADER_BYTES; buf.pos += 16) {
		if (memcmp(buf.pos, magic, sizeof(magic)) != 0)
			continue;
		uint8_t pointer_bytes = buf.pos[14], flags = buf.pos[15];
		if (pointer_bytes == 8 && flags == 0)
			result = SCAN_OLD;
		if ((flags & FLAG_INLINE) && !(flags & FLAG_BIG_ENDIAN) &&
		    read_strings(buf, version, module))
			return SCAN_FOUND;
	}
	return result;
}

static enum scan_result find_blob(const struct seep_image *image, struct seep_buffer *version,
				  struct seep_buffer *module)
{
	enum scan_result best = SCAN_NOTHING;

	for (size_t i = 0; i < image->segment_count && best != SCAN_FOUND; i++) {
		if (!image->segments[i].writable)
			continue;
		enum scan_result result = scan(image, &image->segments[i], version, module);
		if (result > best)
			best = result;
	}
	return best;
}

static char *copy_text(struct seep_buffer text)
{
	return strndup((const char *)text.pos, seep_buffer_left(&text));
}

// 22 of "go1.22.12", 28 of "devel go1.28-abcdef", 0 when there is no such number.
static int parse_minor(const char *version)
{
	const char *p = strstr(version, "go1.");
	int minor = 0;

	if (!p || (p != version && p[-1] != ' '))
		return 0;
	for (p += 4; *p >= '0' && *p <= '9' && minor < 1000; p++)
		minor = minor * 10 + (*p - '0');
	return minor < 1000 ? minor : 0;
}

// Cuts "X:a,b" off the version and returns a copy of what follows the colon.
static char *cut_experiments(char *version)
{
	char *mark = strstr(version, " X:");

	if (!mark)
		mark = strstr(version, "-X:");
	if (!mark)
		return strdup("");
	*mark = '\0';
	return strndup(mark + 3, strcspn(mark + 3, " "));
}

struct seep_error *seep_buildinfo_read(const struct seep_image *image, struct seep_buildinfo *ret)
{
	struct seep_buffer version = {}, module = {};

	switch (find_blob(image, &version, &module)) {
	case SCAN_NOTHING:
		return seep_error_format(
			SEEP_ERROR_UNSUPPORTED,
			"no Go build information: not a Go program (or packed/obfuscated, e.g. by UPX)");
	case SCAN_OLD:
		return seep_error_format(SEEP_ERROR_UNSUPPORTED,
					 "Go 1.17 or older; seep reads Go 1.18 and later");
	case SCAN_FOUND:
		break;
	}
	size_t module_len = seep_buffer_left(&module);
	if (module_len > 2 * MARK_BYTES && module.pos[module_len - MARK_BYTES - 1] == '\n')
		module = seep_buffer_of(module.pos + MARK_BYTES,
					module_len - (size_t)2 * MARK_BYTES);
	else
		module.end = module.pos;

	struct seep_buildinfo info = { .version = copy_text(version), .module = copy_text(module) };
	if (info.version)
		info.experiments = cut_experiments(info.version);
	if (!info.version || !info.module || !info.experiments) {
		seep_buildinfo_deinit(&info);
		return &seep_enomem;
	}
	info.minor = parse_minor(info.version);
	*ret = info;
	return NULL;
}

// The next line of text, passed over; NULL at the end.
static const char *next_line(const char **text, size_t *len)
{
	const char *line = *text;

	if (*line == '\0')
		return NULL;
	*len = strcspn(line, "\n");
	*text = line + *len + (line[*len] == '\n');
	return line;
}

// The field up to a tab or the end, cut to size; Go quotes a value that has blanks or quotes in it.
static void copy_value(const char *value, size_t value_len, char *ret, size_t len)
{
	bool quoted = value_len >= 2 && value[0] == '"' && value[value_len - 1] == '"';
	size_t out = 0;

	if (quoted) {
		value++;
		value_len -= 2;
	}
	for (size_t i = 0; i < value_len && out + 1 < len; i++) {
		if (quoted && value[i] == '\\' && i + 1 < value_len)
			i++;
		ret[out++] = value[i];
	}
	if (len > 0)
		ret[out] = '\0';
}

bool seep_buildinfo_setting(const struct seep_buildinfo *info, const char *key, char *ret,
			    size_t len)
{
	static const char prefix[] = "build\t";
	size_t key_len = strlen(key), line_len;

	for (const char *text = info->module, *line; (line = next_line(&text, &line_len));) {
		if (line_len < sizeof(prefix) - 1 || memcmp(line, prefix, sizeof(prefix) - 1) != 0)
			continue;
		line += sizeof(prefix) - 1;
		line_len -= sizeof(prefix) - 1;
		if (line_len <= key_len || line[key_len] != '=' || memcmp(line, key, key_len) != 0)
			continue;
		copy_value(line + key_len + 1, line_len - key_len - 1, ret, len);
		return true;
	}
	return false;
}

static bool find_path(const struct seep_buildinfo *info, const char *prefix, char *ret, size_t len)
{
	size_t prefix_len = strlen(prefix), line_len;

	for (const char *text = info->module, *line; (line = next_line(&text, &line_len));) {
		if (line_len <= prefix_len || memcmp(line, prefix, prefix_len) != 0)
			continue;
		line += prefix_len;
		line_len -= prefix_len;
		const char *tab = memchr(line, '\t', line_len);
		copy_value(line, tab ? (size_t)(tab - line) : line_len, ret, len);
		return true;
	}
	return false;
}

bool seep_buildinfo_path(const struct seep_buildinfo *info, char *ret, size_t len)
{
	return find_path(info, "path\t", ret, len) || find_path(info, "mod\t", ret, len);
}

bool seep_buildinfo_module(const struct seep_buildinfo *info, char *ret, size_t len)
{
	return find_path(info, "mod\t", ret, len);
}

void seep_buildinfo_deinit(struct seep_buildinfo *info)
{
	free(info->version);
	free(info->experiments);
	free(info->module);
	*info = (struct seep_buildinfo){};
}
