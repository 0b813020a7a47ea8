// A string that grows, and its escaping. UTF-8 is checked by the table of well-formed sequences (Unicode 15, table 3-7).
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void seep_str_add_bytes(struct seep_str *str, const char *bytes, size_t len)
{
	if (str->failed)
		return;
	if (str->len + len + 1 > str->cap) {
		size_t cap = str->cap ? str->cap : 64;
		while (cap < str->len + len + 1)
			cap *= 2;
		char *text = realloc(str->text, cap);
		if (!text) {
			str->failed = true;
			return;
		}
		str->text = text;
		str->cap = cap;
	}
	memcpy(str->text + str->len, bytes, len);
	str->len += len;
	str->text[str->len] = '\0';
}

void seep_str_add(struct seep_str *str, const char *text)
{
	seep_str_add_bytes(str, text, strlen(text));
}

void seep_str_addf(struct seep_str *str, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;

	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0) {
		text = NULL;
		str->failed = true;
		return;
	}
	seep_str_add_bytes(str, text, len);
}

/** Length of the well-formed printable UTF-8 sequence at s, 0 if there is none. */
static size_t printable_at(const unsigned char *s, size_t len)
{
	unsigned char c = s[0];

	if (c < 0x80)
		return c >= 0x20 && c != 0x7f;
	size_t n = c >= 0xf0 && c <= 0xf4 ? 4 :
		   c >= 0xe0 && c < 0xf0  ? 3 :
		   c >= 0xc2 && c < 0xe0  ? 2 :
					    0;
	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] >= 0xa0) ||
	    (c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] >= 0x90))
		return 0;
	// What is no character, and XML cannot have, U+FFFE and U+FFFF; C1 controls, bidirectional, line-breaking and invisible format characters can rearrange or hide what a person reads.
	if ((c == 0xef && s[1] == 0xbf && s[2] >= 0xbe) || (c == 0xc2 && s[1] < 0xa0) ||
	    (c == 0xd8 && s[1] == 0x9c) || (c == 0xef && s[1] == 0xbb && s[2] == 0xbf) ||
	    (c == 0xe2 && s[1] == 0x80 &&
	     ((s[2] >= 0x8b && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae))) ||
	    (c == 0xe2 && s[1] == 0x81 && s[2] >= 0xa0 && s[2] <= 0xaf))
		return 0;
	return n;
}

void seep_str_add_escaped(struct seep_str *str, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = printable_at((const unsigned char *)bytes + i, len - i);
		if (n)
			seep_str_add_bytes(str, bytes + i, n);
		else
			seep_str_addf(str, "\\x%02x", (unsigned char)bytes[i]);
		i += n ? n : 1;
	}
}

const char *seep_str_text(const struct seep_str *str)
{
	return str->text ? str->text : "";
}

void seep_str_deinit(struct seep_str *str)
{
	free(str->text);
	*str = (struct seep_str){};
}
