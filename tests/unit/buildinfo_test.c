// Build information, over an executable built in memory.
#include "binary/buildinfo.h"
#include "support/fake_go.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct fake_go fake;

static int build(void **state)
{
	(void)state;
	fake_go_build(22, &fake);
	return 0;
}

static struct seep_error *read_info(struct seep_buildinfo *ret)
{
	struct seep_image image;

	assert_null(seep_image_parse(fake.bytes, sizeof(fake.bytes), &image));
	struct seep_error *err = seep_buildinfo_read(&image, ret);
	seep_image_deinit(&image);
	return err;
}

static void expect_version(const char *text, const char *version, const char *experiments,
			   int minor)
{
	struct seep_buildinfo info;

	fake_go_set_buildinfo(&fake, text, "");
	assert_null(read_info(&info));
	assert_string_equal(info.version, version);
	assert_string_equal(info.experiments, experiments);
	assert_string_equal(info.module, "");
	assert_int_equal(info.minor, minor);
	seep_buildinfo_deinit(&info);
}

static void expect_refusal(const char *text)
{
	struct seep_buildinfo info;
	struct seep_error *err = read_info(&info);

	assert_non_null(err);
	assert_int_equal(err->code, SEEP_ERROR_UNSUPPORTED);
	if (!strstr(err->message, text))
		fail_msg("\"%s\" does not say \"%s\"", err->message, text);
	seep_error_destroy(err);
}

static void release_and_experiments_are_told_apart(void **state)
{
	(void)state;
	expect_version("go1.22.12", "go1.22.12", "", 22);
	expect_version("go1.18", "go1.18", "", 18);
	expect_version("go1.25.6 X:greenteagc,noswissmap", "go1.25.6", "greenteagc,noswissmap", 25);
	expect_version("go1.26.1-X:greenteagc", "go1.26.1", "greenteagc", 26);
	expect_version("go1.26.1-custom X:arenas extra", "go1.26.1-custom", "arenas", 26);
	expect_version("devel go1.28-0123abc Tue", "devel go1.28-0123abc Tue", "", 28);
	expect_version("go1.24rc1", "go1.24rc1", "", 24);
	expect_version("go1.22.5 (Distribution 1.22.5-1)", "go1.22.5 (Distribution 1.22.5-1)", "",
		       22);
	expect_version("devel +0123abc", "devel +0123abc", "", 0);
	expect_version("go2.1", "go2.1", "", 0);
	expect_version("go1.99999999999", "go1.99999999999", "", 0);
}

static void settings_are_read(void **state)
{
	struct seep_buildinfo info;
	char value[32];

	(void)state;
	fake_go_set_buildinfo(
		&fake, "go1.22.12",
		"path\texample.com/cmd/tool\nmod\texample.com/cmd\tv1.2.3\th1:x=\n"
		"build\t-ldflags=\"-s -w \\\"x\\\"\"\nbuild\tGOARCH=amd64\nbuild\tGO=\n");
	assert_null(read_info(&info));
	assert_true(seep_buildinfo_path(&info, value, sizeof(value)));
	assert_string_equal(value, "example.com/cmd/tool");
	assert_true(seep_buildinfo_setting(&info, "GOARCH", value, sizeof(value)));
	assert_string_equal(value, "amd64");
	assert_true(seep_buildinfo_setting(&info, "-ldflags", value, sizeof(value)));
	assert_string_equal(value, "-s -w \"x\"");
	assert_true(seep_buildinfo_setting(&info, "GO", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_true(seep_buildinfo_setting(&info, "GOARCH", value, 4));
	assert_string_equal(value, "amd");
	assert_false(seep_buildinfo_setting(&info, "GOOS", value, sizeof(value)));
	seep_buildinfo_deinit(&info);
}

static void module_stands_in_for_a_missing_path(void **state)
{
	struct seep_buildinfo info;
	char value[32];

	(void)state;
	fake_go_set_buildinfo(&fake, "go1.22.12", "mod\texample.com/cmd\tv1.2.3\th1:x=\n");
	assert_null(read_info(&info));
	assert_true(seep_buildinfo_path(&info, value, sizeof(value)));
	assert_string_equal(value, "example.com/cmd");
	seep_buildinfo_deinit(&info);
	fake_go_set_buildinfo(&fake, "go1.22.12", "dep\tx\n");
	assert_null(read_info(&info));
	assert_false(seep_buildinfo_path(&info, value, sizeof(value)));
	seep_buildinfo_deinit(&info);
}

static void accidental_magic_is_passed_over(void **state)
{
	struct seep_buildinfo info;

	(void)state;
	// Moved up by 0x40; the magic that stays where it was is followed by no strings.
	memmove(fake.bytes + FAKE_GO_BUILDINFO + 0x40, fake.bytes + FAKE_GO_BUILDINFO, 0x180);
	memset(fake.bytes + FAKE_GO_BUILDINFO + 16, 0xff, 0x30);
	assert_null(read_info(&info));
	assert_int_equal(info.minor, 22);
	seep_buildinfo_deinit(&info);
}

static void older_and_other_programs_are_refused(void **state)
{
	(void)state;
	fake.bytes[FAKE_GO_BUILDINFO + 15] = 0;
	expect_refusal("Go 1.17 or older; seep reads Go 1.18 and later");
	fake.bytes[FAKE_GO_BUILDINFO] = 0;
	expect_refusal("not a Go program");
}

static void lengths_beyond_the_data_are_refused(void **state)
{
	(void)state;
	memset(fake.bytes + FAKE_GO_BUILDINFO + 32, 0xff, 9);
	expect_refusal("no Go build information");
	fake.bytes[FAKE_GO_BUILDINFO + 41] = 1;
	expect_refusal("no Go build information");
	memcpy(fake.bytes + FAKE_GO_BUILDINFO + 32, "\xff\x7f", 2);
	expect_refusal("no Go build information");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(release_and_experiments_are_told_apart, build),
		cmocka_unit_test_setup(settings_are_read, build),
		cmocka_unit_test_setup(module_stands_in_for_a_missing_path, build),
		cmocka_unit_test_setup(accidental_magic_is_passed_over, build),
		cmocka_unit_test_setup(older_and_other_programs_are_refused, build),
		cmocka_unit_test_setup(lengths_beyond_the_data_are_refused, build),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
