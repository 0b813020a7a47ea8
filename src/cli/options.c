// Values of options. Numbers are read by hand: strtol() and friends accept blanks, signs and octal,
// a PID has none of that.
#include "cli/options.h"

#include "detect/growth.h"
#include "report/cause_pages.h"

#include <ctype.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { PID_LIMIT = 4194304 }; // PID_MAX_LIMIT of the kernel on 64 bits
static const uint64_t hour_ns = UINT64_C(3600000000000);

static bool parse_digits(const char *text, size_t len, uint64_t limit, uint64_t *ret)
{
	uint64_t n = 0;

	if (len == 0 || len > 18)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	if (n > limit)
		return false;
	*ret = n;
	return true;
}

struct seep_error *seep_option_pid(const char *text, pid_t *ret)
{
	uint64_t n;

	if (!isdigit((unsigned char)text[0]))
		return seep_error_format(
			SEEP_ERROR_USAGE,
			"'%s' is no PID, nor is there such a file: find it with `seep ps`; a command such as top comes ahead of all options",
			text);
	if (!parse_digits(text, strlen(text), PID_LIMIT, &n) || n == 0)
		return seep_error_format(SEEP_ERROR_USAGE,
					 "'%s' is not a PID; find it with `seep ps`", text);
	*ret = (pid_t)n;
	return NULL;
}

/** most_ns: and the message says it in words. */
static struct seep_error *take_duration(const char *text, uint64_t most_ns, const char *most,
					uint64_t *ns_ret)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = { { "ns", 1 },	   { "us", 1000 },	 { "ms", 1000000 },
		      { "s", 1000000000 }, { "m", 60000000000 }, { "h", UINT64_C(3600000000000) } };
	size_t whole_len = strspn(text, "0123456789");
	const char *unit = text + whole_len, *fraction = NULL;
	size_t fraction_len = 0;
	uint64_t whole, part = 0, scale = 1;

	if (*unit == '.') {
		fraction = unit + 1;
		fraction_len = strspn(fraction, "0123456789");
		unit = fraction + fraction_len;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(unit, units[i].name) != 0)
			continue;
		if (!parse_digits(text, whole_len, most_ns, &whole) ||
		    (fraction && (fraction_len > 6 ||
				  !parse_digits(fraction, fraction_len, UINT64_MAX, &part))))
			break;
		for (size_t d = 0; d < fraction_len; d++)
			scale *= 10;
		if (whole > most_ns / units[i].ns)
			break;
		uint64_t ns = whole * units[i].ns + part * units[i].ns / scale;
		if (ns == 0 || ns > most_ns)
			break;
		*ns_ret = ns;
		return NULL;
	}
	return seep_error_format(
		SEEP_ERROR_USAGE,
		"'%s' is not a duration; write a number and a unit, up to %s: 50ms, 1.5s, 2m", text,
		most);
}

struct seep_error *seep_option_duration(const char *text, uint64_t *ns_ret)
{
	return take_duration(text, hour_ns, "an hour", ns_ret);
}

struct seep_error *seep_option_long_duration(const char *text, uint64_t *ns_ret)
{
	return take_duration(text, 1000 * hour_ns, "1000h", ns_ret);
}

struct seep_error *seep_option_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	size_t len = strspn(text, "0123456789");
	const char *unit = text[len] ? strchr(units, text[len]) : NULL;
	const uint64_t most = UINT64_C(1) << 50;
	uint64_t n;

	if (unit && !text[len + 1] && parse_digits(text, len, most, &n)) {
		unsigned shift = 10 * (unsigned)(unit - units + 1);
		if (n <= most >> shift && n << shift >= 1 << 20) {
			*ret = n << shift;
			return NULL;
		}
	}
	return seep_error_format(
		SEEP_ERROR_USAGE,
		"'%s' is not a size; write a number and a unit, from 1M on: 300M, 2G", text);
}

struct seep_error *seep_option_count(const char *text, size_t *ret)
{
	uint64_t n;

	if (!parse_digits(text, strlen(text), 1000000, &n) || n == 0)
		return seep_error_format(SEEP_ERROR_USAGE, "'%s' is not a number from 1 to 1000000",
					 text);
	*ret = n;
	return NULL;
}

bool seep_option_is_cause(const char *name, size_t len)
{
	for (size_t i = 0; i < seep_cause_page_count; i++)
		if (strlen(seep_cause_pages[i].name) == len &&
		    memcmp(seep_cause_pages[i].name, name, len) == 0)
			return true;
	return false;
}

struct seep_error *seep_option_causes(const char *text)
{
	for (const char *p = text;; p++) {
		size_t len = strcspn(p, ",");

		if (!seep_option_is_cause(p, len))
			return seep_error_format(
				SEEP_ERROR_USAGE,
				"no cause is called '%.*s'; `seep explain` lists them",
				len > 100 ? 100 : (int)len, p);
		if (len == strlen(SEEP_GROWTH_CAUSE) && memcmp(p, SEEP_GROWTH_CAUSE, len) == 0)
			return seep_error_format(
				SEEP_ERROR_USAGE,
				"%s takes more than one look: `seep diff BEFORE AFTER' finds it",
				SEEP_GROWTH_CAUSE);
		p += len;
		if (!*p)
			return NULL;
	}
}

struct seep_error *seep_option_fail_on(const char *text, struct seep_fail_on *ret)
{
	if (strcmp(text, "never") == 0) {
		*ret = (struct seep_fail_on){};
		return NULL;
	}
	for (enum seep_verdict v = SEEP_VERDICT_PROVEN; v <= SEEP_VERDICT_SUSPECT; v++) {
		if (strcmp(text, seep_verdict_name(v)) == 0) {
			*ret = (struct seep_fail_on){ .enabled = true, .weakest = v };
			return NULL;
		}
	}
	return seep_error_format(
		SEEP_ERROR_USAGE,
		"--fail-on knows never, suspect, abandoned, deadlocked and proven, not '%s'", text);
}

bool seep_fail_on_finding(const struct seep_fail_on *fail_on, const struct seep_finding *finding)
{
	return fail_on->enabled && finding->verdict <= fail_on->weakest;
}

bool seep_fail_on_report(const struct seep_fail_on *fail_on, const struct seep_report *report)
{
	seep_vec_foreach(finding, &report->findings)
		if (seep_fail_on_finding(fail_on, finding))
			return true;
	return false;
}

/** Index of text among names. */
static bool find_name(const char *text, const char *const *names, unsigned count, unsigned *ret)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(text, names[i]) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

struct seep_error *seep_option_pause(const char *text, enum seep_snapshot_method *ret)
{
	static const char *const names[] = { "auto", "precopy", "stop" };
	unsigned i;

	if (!find_name(text, names, 3, &i))
		return seep_error_format(SEEP_ERROR_USAGE,
					 "--pause knows auto, precopy and stop, not '%s'", text);
	*ret = (enum seep_snapshot_method)i;
	return NULL;
}

struct seep_error *seep_option_if_longer(const char *text, bool *ret)
{
	static const char *const names[] = { "fail", "report" };
	unsigned i;

	if (!find_name(text, names, 2, &i))
		return seep_error_format(SEEP_ERROR_USAGE,
					 "--if-longer knows fail and report, not '%s'", text);
	*ret = i == 1;
	return NULL;
}

struct seep_error *seep_option_color(const char *text, enum seep_color_when *ret)
{
	static const char *const names[] = { "auto", "always", "never" };
	unsigned i;

	if (!find_name(text, names, 3, &i))
		return seep_error_format(SEEP_ERROR_USAGE,
					 "--color knows auto, always and never, not '%s'", text);
	*ret = (enum seep_color_when)i;
	return NULL;
}

bool seep_color_wanted(enum seep_color_when when, int fd)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (when != SEEP_COLOR_AUTO)
		return when == SEEP_COLOR_ALWAYS;
	return !(no_color && *no_color) && term && strcmp(term, "dumb") != 0 && isatty(fd);
}

int seep_terminal_columns(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
