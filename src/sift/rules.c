// Files of rules. The format is strict: what it does not know is an error with file and line, since a rule that silently says something
// else than its author meant hides a leak.
#include "sift/rules.h"

#include "sift/file.h"

#include <string.h>

enum key {
	KEY_REASON,
	KEY_SOURCE,
	KEY_CAUSE,
	KEY_FUNCTION,
	KEY_TYPE,
	KEY_SIGNATURE,
	KEY_VERDICT,
	KEY_AT_MOST,
	KEY_EXPIRES,
	KEYS,
};

static const char *const key_names[KEYS] = {
	"reason",    "source",	"cause",   "function", "type",
	"signature", "verdict", "at-most", "expires",
};

/** A rule in the making. */
struct parser {
	struct seep_rules *rules;
	const char *file;
	seep_is_cause *is_cause;
	unsigned line;
	unsigned line_of[KEYS]; // where the rule has it, 0 = not yet
	struct seep_rule rule; // line 0 = between rules
};

/** Cut text for messages. */
static int shown(size_t len)
{
	return len > 60 ? 60 : (int)len;
}

static const char *keep_string(struct seep_rules *rules, const char *text, size_t len)
{
	char *copy = strndup(text, len);

	if (copy && seep_vec_push(&rules->strings, copy))
		return copy;
	free(copy);
	return NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/** Whether a pattern consists of stars alone. */
static bool fits_everything(const char *pattern, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (pattern[i] != '*')
			return false;
	return true;
}

static bool read_number(const char *text, size_t len, uint64_t *ret)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	*ret = n;
	return len > 0 && len < 19;
}

static struct seep_error *take_signature(struct parser *p, const char *value, size_t len)
{
	uint64_t signature = 0;
	size_t i = 0;

	for (; i < len && len == 16; i++) {
		const char *digits = "0123456789abcdef", *at = strchr(digits, value[i]);
		if (!at || !*at)
			break;
		signature = signature << 4 | (uint64_t)(at - digits);
	}
	if (i < 16)
		return seep_error_format(
			SEEP_ERROR_USAGE,
			"%s:%u: '%.*s' is no signature; it has 16 digits from 0 to f, as `seep -v' and the JSON show it",
			p->file, p->line, shown(len), value);
	p->rule.signature = signature;
	p->rule.has_signature = true;
	return NULL;
}

static struct seep_error *take_verdict(struct parser *p, const char *value, size_t len)
{
	for (enum seep_verdict v = SEEP_VERDICT_PROVEN; v <= SEEP_VERDICT_INTENDED; v++) {
		const char *name = seep_verdict_name(v);
		if (strlen(name) == len && memcmp(name, value, len) == 0) {
			p->rule.verdict = v;
			p->rule.has_verdict = true;
			return NULL;
		}
	}
	return seep_error_format(
		SEEP_ERROR_USAGE,
		"%s:%u: '%.*s' is no verdict; these are proven, deadlocked, abandoned, suspect, waiting and intended",
		p->file, p->line, shown(len), value);
}

static struct seep_error *take_at_most(struct parser *p, const char *value, size_t len)
{
	if (read_number(value, len, &p->rule.at_most) && p->rule.at_most)
		return NULL;
	return seep_error_format(
		SEEP_ERROR_USAGE,
		"%s:%u: '%.*s' is no number; write how many there may be, from 1 on", p->file,
		p->line, shown(len), value);
}

static struct seep_error *take_expires(struct parser *p, const char *value, size_t len)
{
	static const uint8_t days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint64_t year, month, day;

	if (len == 10 && value[4] == '-' && value[7] == '-' && read_number(value, 4, &year) &&
	    read_number(value + 5, 2, &month) && read_number(value + 8, 2, &day) && year >= 1970 &&
	    month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] &&
	    (month != 2 || day < 29 || (year % 4 == 0 && (year % 100 || year % 400 == 0)))) {
		p->rule.expires = (uint32_t)(year * 10000 + month * 100 + day);
		return NULL;
	}
	return seep_error_format(
		SEEP_ERROR_USAGE,
		"%s:%u: '%.*s' is no date; write the last day on which the rule holds as 2027-01-31",
		p->file, p->line, shown(len), value);
}

static struct seep_error *take_text(struct parser *p, enum key key, const char *value, size_t len)
{
	const char **places[] = {
		[KEY_REASON] = &p->rule.reason,	    [KEY_SOURCE] = &p->rule.source,
		[KEY_CAUSE] = &p->rule.cause,	    [KEY_TYPE] = &p->rule.type,
		[KEY_FUNCTION] = &p->rule.function,
	};

	if (key == KEY_CAUSE && !p->is_cause(value, len))
		return seep_error_format(
			SEEP_ERROR_USAGE,
			"%s:%u: no cause is called '%.*s'; `seep explain' lists them", p->file,
			p->line, shown(len), value);
	if ((key == KEY_FUNCTION || key == KEY_TYPE) && fits_everything(value, len))
		return seep_error_format(
			SEEP_ERROR_USAGE,
			"%s:%u: this pattern fits everything; write a part of the name, or leave the line out",
			p->file, p->line);
	*places[key] = keep_string(p->rules, value, len);
	return *places[key] ? NULL : &seep_enomem;
}

static struct seep_error *take_value(struct parser *p, enum key key, const char *value, size_t len)
{
	switch (key) {
	case KEY_SIGNATURE:
		return take_signature(p, value, len);
	case KEY_VERDICT:
		return take_verdict(p, value, len);
	case KEY_AT_MOST:
		return take_at_most(p, value, len);
	case KEY_EXPIRES:
		return take_expires(p, value, len);
	default:
		return take_text(p, key, value, len);
	}
}

/** A line of a rule, without blanks around it and not empty. */
static struct seep_error *take_line(struct parser *p, const char *text, size_t len)
{
	size_t key_len = 0, key = 0;

	while (key_len < len && !is_blank(text[key_len]))
		key_len++;
	while (key < KEYS &&
	       (strlen(key_names[key]) != key_len || memcmp(key_names[key], text, key_len) != 0))
		key++;
	if (key == KEYS)
		return seep_error_format(
			SEEP_ERROR_USAGE,
			"%s:%u: '%.*s' is not known here; a line begins with reason, source, signature, cause, verdict, function, type, at-most or expires",
			p->file, p->line, shown(key_len), text);
	if (p->line_of[key])
		return seep_error_format(
			SEEP_ERROR_USAGE,
			"%s:%u: a second %s in one rule (the first is in line %u); an empty line begins another rule",
			p->file, p->line, key_names[key], p->line_of[key]);
	if (!p->rule.line)
		p->rule = (struct seep_rule){ .file = p->file,
					      .line = p->line,
					      .at_most = UINT64_MAX };
	p->line_of[key] = p->line;
	size_t value = key_len;
	while (value < len && is_blank(text[value]))
		value++;
	if (value == len)
		return seep_error_format(SEEP_ERROR_USAGE, "%s:%u: nothing behind %s", p->file,
					 p->line, key_names[key]);
	return take_value(p, key, text + value, len - value);
}

static struct seep_error *end_rule(struct parser *p)
{
	struct seep_rule rule = p->rule;

	memset(p->line_of, 0, sizeof(p->line_of));
	p->rule = (struct seep_rule){};
	if (!rule.line)
		return NULL;
	if (!rule.has_signature && !rule.cause && !rule.function && !rule.type)
		return seep_error_format(
			SEEP_ERROR_USAGE,
			"%s:%u: the rule that begins here does not say which findings it is for; add signature, cause, function or type",
			rule.file, rule.line);
	if (!rule.reason)
		return seep_error_format(
			SEEP_ERROR_USAGE,
			"%s:%u: the rule that begins here has no reason; add a line that says why it may be there",
			rule.file, rule.line);
	if (p->rules->rules.len >= SEEP_RULES_MAX)
		return seep_error_format(SEEP_ERROR_USAGE,
					 "%s:%u: more than %d rules; patterns need fewer",
					 rule.file, rule.line, SEEP_RULES_MAX);
	return seep_vec_push(&p->rules->rules, rule) ? NULL : &seep_enomem;
}

static struct seep_error *check_line(const struct parser *p, const char *text, size_t len)
{
	if (len > SEEP_RULES_LINE_MAX)
		return seep_error_format(SEEP_ERROR_USAGE,
					 "%s:%u: longer than %d bytes, which no line may be",
					 p->file, p->line, SEEP_RULES_LINE_MAX);
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
			return seep_error_format(
				SEEP_ERROR_USAGE,
				"%s:%u: has a control character, 0x%02x; rules are plain text",
				p->file, p->line, (unsigned char)text[i]);
	return NULL;
}

struct seep_error *seep_rules_parse(struct seep_rules *rules, const char *name, const char *text,
				    size_t len, seep_is_cause *is_cause)
{
	struct seep_error *err = NULL;
	struct parser p = {
		.rules = rules,
		.is_cause = is_cause,
		.file = keep_string(rules, name, strlen(name)),
	};

	if (!p.file)
		return &seep_enomem;
	for (size_t at = 0, next; at < len && !err; at = next + 1) {
		const char *end = memchr(text + at, '\n', len - at);

		next = end ? (size_t)(end - text) : len;
		size_t to = next;
		to -= to > at && text[to - 1] == '\r';
		p.line++;
		err = check_line(&p, text + at, to - at);
		while (to > at && is_blank(text[to - 1]))
			to--;
		while (at < to && is_blank(text[at]))
			at++;
		if (!err && at == to)
			err = end_rule(&p);
		else if (!err && text[at] != '#')
			err = take_line(&p, text + at, to - at);
	}
	return err ? err : end_rule(&p);
}

struct seep_error *seep_rules_read(struct seep_rules *rules, const char *path,
				   seep_is_cause *is_cause)
{
	struct seep_error *err;
	_cleanup_free_ char *text = NULL;
	size_t len;

	err = seep_sift_read_file(path, SEEP_RULES_BYTES_MAX, &text, &len);
	return err ? err : seep_rules_parse(rules, path, text, len, is_cause);
}

void seep_rules_deinit(struct seep_rules *rules)
{
	seep_vec_foreach(string, &rules->strings)
		free(*string);
	seep_vec_free(&rules->strings);
	seep_vec_free(&rules->rules);
}
