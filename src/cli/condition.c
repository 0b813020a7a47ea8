// The grammar of --when. Whatever is not certain to be meant is refused: `rss>80' would be met at once, and an unquoted > has made a file of
// the shell's.
#include "cli/condition.h"

#include "report/style.h"

#include <stdlib.h>

enum { DIGITS_MAX = 15, FRACTION_MAX = 6 };

static const struct {
	const char *name;
	bool bytes, percent;
} quantities[] = {
	[SEEP_QUANTITY_RSS] = { "rss", true, true },
	[SEEP_QUANTITY_HEAP] = { "heap", true, true },
	[SEEP_QUANTITY_GOROUTINES] = { "goroutines", false, false },
	[SEEP_QUANTITY_THREADS] = { "threads", false, false },
	[SEEP_QUANTITY_FDS] = { "fds", false, true },
};
enum { QUANTITIES = sizeof(quantities) / sizeof(*quantities) };

static const struct {
	const char *name;
	uint64_t bytes;
} units[] = {
	{ "B", 1 },
	{ "K", 1ull << 10 },
	{ "KiB", 1ull << 10 },
	{ "KB", 1000 },
	{ "M", 1ull << 20 },
	{ "MiB", 1ull << 20 },
	{ "MB", 1000000 },
	{ "G", 1ull << 30 },
	{ "GiB", 1ull << 30 },
	{ "GB", 1000000000 },
	{ "T", 1ull << 40 },
	{ "TiB", 1ull << 40 },
	{ "TB", 1000000000000ull },
};
static const uint64_t most_bytes = 1ull << 50, most_of_number = 1ull << 32;

static struct seep_error *refuse(const char *text, const char *why)
{
	return seep_error_format(
		SEEP_ERROR_USAGE,
		"'%s' is no condition: %s; write rss or heap>2GiB or >80%%, goroutines or threads>10000, fds>90%% or >1000, in quotes: --when 'rss>80%%'",
		text, why);
}

/** A number without sign or exponent; returns what follows it, or NULL. */
static const char *take_number(const char *text, double *ret, bool *whole_ret)
{
	size_t whole = strspn(text, "0123456789"), fraction = 0;
	bool point = text[whole] == '.';

	if (point)
		fraction = strspn(text + whole + 1, "0123456789");
	if (!whole || whole > DIGITS_MAX || fraction > FRACTION_MAX || (point && !fraction))
		return NULL;
	*ret = strtod(text, NULL);
	*whole_ret = !point;
	return text + whole + (point ? fraction + 1 : 0);
}

static struct seep_error *take_value(const char *text, const char *at, struct seep_condition *ret)
{
	double number;
	bool whole;
	const char *unit = take_number(at, &number, &whole);

	if (!unit)
		return refuse(text, "there is no number behind >");
	if (strcmp(unit, "%") == 0) {
		if (!quantities[ret->quantity].percent)
			return refuse(text, "nothing limits this quantity, so it has no %");
		if (number <= 0 || number >= 100)
			return refuse(text, "per cent are above 0 and below 100");
		ret->percent = number;
		return NULL;
	}
	if (!quantities[ret->quantity].bytes) {
		if (*unit || !whole || number > most_of_number)
			return refuse(text, "it takes a whole number, without a unit");
		ret->value = (uint64_t)number;
		return NULL;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(unit, units[i].name) != 0)
			continue;
		if (number * units[i].bytes > most_bytes)
			return refuse(text, "no machine has that much");
		ret->value = (uint64_t)(number * units[i].bytes);
		return NULL;
	}
	return refuse(text, "bytes have a unit (MB, MiB, GB, GiB, ...) or are in %");
}

struct seep_error *seep_condition_parse(const char *text, struct seep_condition *ret)
{
	size_t len = strcspn(text, " >");
	const char *at = text + len + strspn(text + len, " ");
	struct seep_condition condition = {};
	unsigned i = 0;

	while (i < QUANTITIES &&
	       (strlen(quantities[i].name) != len || memcmp(quantities[i].name, text, len) != 0))
		i++;
	if (i == QUANTITIES)
		return refuse(text, "no quantity is called that");
	if (*at != '>')
		return refuse(text, "there is no >");
	at++;
	condition.quantity = (enum seep_quantity)i;
	struct seep_error *err = take_value(text, at + strspn(at, " "), &condition);
	if (!err)
		*ret = condition;
	return err;
}

uint64_t seep_condition_threshold(const struct seep_condition *condition, uint64_t limit)
{
	return condition->percent > 0 ? (uint64_t)((double)limit / 100 * condition->percent) :
					condition->value;
}

const char *seep_quantity_name(enum seep_quantity quantity)
{
	return quantities[quantity].name;
}

void seep_quantity_add(struct seep_str *str, enum seep_quantity quantity, uint64_t amount)
{
	if (quantities[quantity].bytes)
		seep_style_bytes(str, amount);
	else
		seep_style_count(str, amount);
}
