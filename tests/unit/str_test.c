#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *bytes, const char *want)
{
	_cleanup_(seep_str_deinit) struct seep_str str = {};

	seep_str_add_escaped(&str, bytes, strlen(bytes));
	assert_string_equal(seep_str_text(&str), want);
}

static void an_empty_string_is_a_string(void **state)
{
	_cleanup_(seep_str_deinit) struct seep_str str = {};

	(void)state;
	assert_string_equal(seep_str_text(&str), "");
	seep_str_add(&str, "");
	assert_string_equal(seep_str_text(&str), "");
}

static void it_grows(void **state)
{
	_cleanup_(seep_str_deinit) struct seep_str str = {};

	(void)state;
	for (int i = 0; i < 1000; i++)
		seep_str_addf(&str, "%d,", i % 10);
	assert_int_equal(str.len, 2000);
	assert_int_equal(strlen(str.text), 2000);
	assert_false(str.failed);
}

static void printable_text_passes(void **state)
{
	(void)state;
	check("plain ~ text", "plain ~ text");
	check("caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x92\xa3",
	      "caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x92\xa3");
}

static void control_characters_become_visible(void **state)
{
	(void)state;
	check("\033[31m\a\r\n\t\x7f", "\\x1b[31m\\x07\\x0d\\x0a\\x09\\x7f");
	check("\xc2\x9b"
	      "31m",
	      "\\xc2\\x9b"
	      "31m");
}

static void text_that_turns_round_becomes_visible(void **state)
{
	(void)state;
	check("\xe2\x80\xae", "\\xe2\\x80\\xae");
	check("\xe2\x81\xa6", "\\xe2\\x81\\xa6");
	check("\xe2\x80\x8b", "\\xe2\\x80\\x8b");
	check("\xe2\x80\xa8", "\\xe2\\x80\\xa8");
}

static void ill_formed_utf8_becomes_visible(void **state)
{
	(void)state;
	check("\xff\xfe", "\\xff\\xfe");
	check("\xc0\xaf", "\\xc0\\xaf");
	check("\xe0\x80\x80", "\\xe0\\x80\\x80");
	check("\xed\xa0\x80", "\\xed\\xa0\\x80");
	check("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	check("\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80");
	check("\xe4\xb8", "\\xe4\\xb8");
	check("\xc3(", "\\xc3(");
}

// Unicode 15, table 3-7 and the characters that move, hide or break text: by code point, from decoding.
static bool may_be_shown(uint32_t c)
{
	static const uint32_t hidden[][2] = { { 0, 0x1f },	  { 0x7f, 0x9f },
					      { 0x61c, 0x61c },	  { 0x200b, 0x200f },
					      { 0x2028, 0x202e }, { 0x2060, 0x206f },
					      { 0xfeff, 0xfeff }, { 0xd800, 0xdfff },
					      { 0xfffe, 0xffff }, { 0x110000, 0x1fffff } };

	for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
		if (c >= hidden[i][0] && c <= hidden[i][1])
			return false;
	return true;
}

// Encodes c in n bytes, be that too many or not.
static void encode(uint32_t c, unsigned n, char *ret)
{
	static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (unsigned i = n; i-- > 1; c >>= 6)
		ret[i] = (char)(0x80 | (c & 0x3f));
	ret[0] = (char)(n == 1 ? c : first[n] | c);
}

static void each_code_point_passes_or_becomes_visible(void **state)
{
	static const uint32_t limits[] = { 0, 0x80, 0x800, 0x10000, 0x200000 };
	_cleanup_(seep_str_deinit) struct seep_str str = {};
	char bytes[4], hex[17];

	(void)state;
	for (unsigned n = 1; n <= 4; n++)
		// Also those that are written longer than need be.
		for (uint32_t c = 0; c < limits[n]; c += c < 0x20000 ? 1 : 13) {
			encode(c, n, bytes);
			for (unsigned i = 0; i < n; i++)
				snprintf(hex + (size_t)4 * i, 5, "\\x%02x",
					 (unsigned char)bytes[i]);
			bool shown = c >= limits[n - 1] && may_be_shown(c);
			str.len = 0;
			seep_str_add_escaped(&str, bytes, n);
			if (str.len != (shown ? n : 4 * n) ||
			    memcmp(str.text, shown ? bytes : hex, str.len) != 0)
				fail_msg("U+%04X in %u bytes: %s", c, n, str.text);
		}
}

static void zero_bytes_become_visible(void **state)
{
	_cleanup_(seep_str_deinit) struct seep_str str = {};

	(void)state;
	seep_str_add_escaped(&str, "a\0b", 3);
	assert_string_equal(seep_str_text(&str), "a\\x00b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_string_is_a_string),
		cmocka_unit_test(it_grows),
		cmocka_unit_test(printable_text_passes),
		cmocka_unit_test(control_characters_become_visible),
		cmocka_unit_test(text_that_turns_round_becomes_visible),
		cmocka_unit_test(ill_formed_utf8_becomes_visible),
		cmocka_unit_test(each_code_point_passes_or_becomes_visible),
		cmocka_unit_test(zero_bytes_become_visible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
