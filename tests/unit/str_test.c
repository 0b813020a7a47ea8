#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
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
		cmocka_unit_test(zero_bytes_become_visible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
