// How things look on a terminal: see style.h. Numbers are cut, never rounded up: an age or a size
// is a lower bound.
#include "report/style.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static const char *const inks[] = {
	[SEEP_INK_PLAIN] = "",		[SEEP_INK_BOLD] = "\033[1m",
	[SEEP_INK_DIM] = "\033[2m",	[SEEP_INK_BAD] = "\033[1;31m",
	[SEEP_INK_WARN] = "\033[1;33m", [SEEP_INK_GOOD] = "\033[1;32m",
};

const char *seep_style_on(enum seep_ink ink, bool color)
{
	return color ? inks[ink] : "";
}

const char *seep_style_off(enum seep_ink ink, bool color)
{
	return color && ink != SEEP_INK_PLAIN ? "\033[0m" : "";
}

void seep_style_add(struct seep_str *str, enum seep_ink ink, bool color, const char *text)
{
	seep_str_add(str, seep_style_on(ink, color));
	seep_str_add(str, text);
	seep_str_add(str, seep_style_off(ink, color));
}

void seep_style_count(struct seep_str *str, uint64_t n)
{
	char text[32];
	size_t at = sizeof(text) - 1;

	text[at] = '\0';
	for (unsigned digits = 0; n || digits == 0; digits++, n /= 10) {
		if (digits && digits % 3 == 0)
			text[--at] = ',';
		text[--at] = (char)('0' + n % 10);
	}
	seep_str_add(str, text + at);
}

void seep_style_bytes(struct seep_str *str, uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned unit = 0;

	while (bytes >> (10 * unit) >= 1024)
		unit++;
	uint64_t whole = bytes >> (10 * unit);
	if (unit == 0 || whole >= 100) {
		seep_str_addf(str, "%" PRIu64 " %s", whole, units[unit]);
		return;
	}
	// One unit lower there are at most 20 significant bits: no overflow.
	uint64_t tenths = (bytes >> (10 * (unit - 1))) % 1024 * 10 / 1024;
	seep_str_addf(str, "%" PRIu64 ".%" PRIu64 " %s", whole, tenths, units[unit]);
}

void seep_style_counted(struct seep_str *str, uint64_t n, const char *noun)
{
	size_t len = strlen(noun);

	seep_style_count(str, n);
	seep_str_add(str, " ");
	if (n == 1)
		seep_str_add(str, noun);
	else if (len > 1 && noun[len - 1] == 'y' && !strchr("aeiou", noun[len - 2]))
		seep_str_addf(str, "%.*sies", (int)(len - 1), noun);
	else if (len && strchr("sx", noun[len - 1]))
		seep_str_addf(str, "%ses", noun);
	else
		seep_str_addf(str, "%ss", noun);
}

void seep_style_percent(struct seep_str *str, uint64_t part, uint64_t whole)
{
	// Sizes this large do not need their low bits.
	while (part > UINT64_MAX / 1000) {
		part >>= 10;
		whole >>= 10;
	}
	uint64_t tenths = whole ? part * 1000 / whole : 0;
	if (!tenths)
		seep_str_add(str, part ? "<0.1 %" : "0 %");
	else
		seep_str_addf(str, "%" PRIu64 ".%" PRIu64 " %%", tenths / 10, tenths % 10);
}

void seep_style_duration(struct seep_str *str, uint64_t ns)
{
	static const struct {
		uint64_t below, ns;
		const char *name;
	} small[] = { { 1000000, 1000, "us" },
		      { 1000000000, 1000000, "ms" },
		      { 60000000000, 1000000000, "s" } };
	uint64_t s = ns / 1000000000;

	if (ns < 1000) {
		seep_str_addf(str, "%" PRIu64 " ns", ns);
		return;
	}
	for (size_t i = 0; i < sizeof(small) / sizeof(*small); i++) {
		if (ns >= small[i].below)
			continue;
		uint64_t tenths = ns / (small[i].ns / 10);
		if (tenths < 1000)
			seep_str_addf(str, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
				      small[i].name);
		else
			seep_str_addf(str, "%" PRIu64 " %s", tenths / 10, small[i].name);
		return;
	}
	if (s < 3600)
		seep_str_addf(str, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		seep_str_addf(str, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		seep_str_addf(str, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

size_t seep_style_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += !is_continuation(*text);
	return width;
}

/** Bytes of the first width columns of text. */
static size_t bytes_of_columns(const char *text, size_t width)
{
	size_t i = 0;

	for (; text[i]; i++)
		if (!is_continuation(text[i]) && width-- == 0)
			break;
	return i;
}

/** Adds escaped text, cut at its end. */
static void add_cut(struct seep_str *str, const char *text, size_t width)
{
	if (width == 0 || seep_style_width(text) <= width) {
		seep_str_add(str, text);
		return;
	}
	size_t keep = width > 3 ? width - 3 : 0;
	seep_str_add_bytes(str, text, bytes_of_columns(text, keep));
	seep_str_add_bytes(str, "...", width < 3 ? width : 3);
}

/** Adds escaped text, cut in its middle: what a name ends with tells most. */
static void add_cut_middle(struct seep_str *str, const char *text, size_t width)
{
	size_t have = seep_style_width(text);

	if (have <= width || width < 8) {
		add_cut(str, text, width);
		return;
	}
	size_t tail = (width - 3) * 2 / 3, head = width - 3 - tail;
	seep_str_add_bytes(str, text, bytes_of_columns(text, head));
	seep_str_add(str, "...");
	seep_str_add(str, text + bytes_of_columns(text, have - tail));
}

void seep_style_end(struct seep_str *str, const char *text, size_t width)
{
	size_t have = seep_style_width(text);

	if (width < 8 && width && have > width) {
		add_cut(str, text, width);
		return;
	}
	if (width && have > width) {
		seep_str_add(str, "...");
		text += bytes_of_columns(text, have - (width - 3));
	}
	seep_str_add(str, text);
}

static void escape(struct seep_str *str, const char *text)
{
	seep_str_add_escaped(str, text, strlen(text));
}

void seep_style_text(struct seep_str *str, const char *text, size_t width)
{
	_cleanup_(seep_str_deinit) struct seep_str safe = {};

	escape(&safe, text);
	add_cut(str, seep_str_text(&safe), width);
	str->failed |= safe.failed;
}

void seep_style_function(struct seep_str *str, const char *function, size_t width)
{
	_cleanup_(seep_str_deinit) struct seep_str safe = {};

	escape(&safe, function);
	const char *name = seep_str_text(&safe), *slash = NULL;
	if (width == 0 || seep_style_width(name) <= width) {
		seep_str_add(str, name);
	} else {
		// The import path ends at the last slash ahead of receivers and type arguments.
		for (const char *p = name; *p && *p != '(' && *p != '['; p++)
			if (*p == '/')
				slash = p;
		if (slash && width > 16) {
			seep_str_add(str, "...");
			add_cut_middle(str, slash, width - 3);
		} else {
			add_cut_middle(str, name, width);
		}
	}
	str->failed |= safe.failed;
}

/**
 * What follows the folder `dir` (which ends in a slash) at the first place it occurs; NULL if it
 * does not.
 */
static const char *below(const char *path, const char *dir)
{
	const char *at = strstr(path, dir);

	return at && at[strlen(dir)] ? at + strlen(dir) : NULL;
}

static const char *without_prefix(const char *file, const char *goroot)
{
	size_t len = goroot ? strlen(goroot) : 0;
	const char *rest;

	if (file[0] != '/')
		return file;
	if (len && strncmp(file, goroot, len) == 0 && strncmp(file + len, "/src/", 5) == 0 &&
	    file[len + 5])
		return file + len + 5;
	if ((rest = below(file, "/pkg/mod/")) || (rest = below(file, "/go/src/")))
		return rest;
	return file;
}

void seep_style_file(struct seep_str *str, const char *file, int line, const char *goroot,
		     size_t width)
{
	_cleanup_(seep_str_deinit) struct seep_str safe = {};

	escape(&safe, without_prefix(file, goroot));
	if (line > 0)
		seep_str_addf(&safe, ":%d", line);
	const char *path = seep_str_text(&safe);
	size_t have = seep_style_width(path);
	if (width && have > width) {
		const char *p =
			path + bytes_of_columns(path, width > 3 ? have - (width - 3) : have);
		const char *slash = strchr(p, '/');

		if (slash) {
			seep_str_add(str, "...");
			seep_str_add(str, slash);
		} else {
			add_cut_middle(str, path, width);
		}
	} else {
		seep_str_add(str, path);
	}
	str->failed |= safe.failed;
}

void seep_style_spaces(struct seep_str *str, size_t n)
{
	while (n-- > 0)
		seep_str_add_bytes(str, " ", 1);
}

/** A word, and the unit that follows a number: "52.0 KiB;" is not torn apart. */
static size_t word_length(const char *word)
{
	size_t len = strcspn(word, " "), unit = strspn(word + len, " ");
	const char *next = word + len + unit;

	if (unit != 1 || !isdigit((unsigned char)*word))
		return len;
	if (*next != '\0' && strchr("KMGTPE", *next) && next[1] == 'i')
		next += 2;
	return *next == 'B' && !isalnum((unsigned char)next[1]) ?
		       (size_t)(next - word) + strcspn(next, " ") :
		       len;
}

void seep_style_wrap(struct seep_str *str, const char *text, size_t at, size_t indent,
		     size_t columns)
{
	bool first = true;

	while (*text) {
		size_t gap = strspn(text, " ");
		size_t len = word_length(text + gap);
		size_t width = 0;

		for (size_t i = 0; i < len; i++)
			width += !is_continuation(text[gap + i]);
		if (!first && columns && at + gap + width > columns) {
			seep_str_add_bytes(str, "\n", 1);
			seep_style_spaces(str, indent);
			at = indent;
		} else {
			seep_str_add_bytes(str, text, gap);
			at += gap;
		}
		seep_str_add_bytes(str, text + gap, len);
		at += width;
		text += gap + len;
		first = false;
	}
}
