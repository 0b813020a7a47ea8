// The executable's segments, notes and refusals, over a file built in memory.
#include "binary/image.h"
#include "support/fake_go.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <elf.h>

static struct fake_go fake;

static int build(void **state)
{
	(void)state;
	fake_go_build(27, &fake);
	return 0;
}

static size_t phdr_field(int i, size_t field)
{
	return FAKE_GO_PHDRS + i * sizeof(Elf64_Phdr) + field;
}

static void expect_refusal(size_t len, enum seep_error_code code, const char *text)
{
	struct seep_image image;
	struct seep_error *err = seep_image_parse(fake.bytes, len, &image);

	assert_non_null(err);
	assert_int_equal(err->code, code);
	if (!strstr(err->message, text))
		fail_msg("\"%s\" does not say \"%s\"", err->message, text);
	seep_error_destroy(err);
}

static void segments_stand_at_their_addresses(void **state)
{
	struct seep_image image;

	(void)state;
	assert_null(seep_image_parse(fake.bytes, sizeof(fake.bytes), &image));
	assert_int_equal(image.segment_count, 3);
	assert_true(image.segments[0].executable && !image.segments[0].writable);
	assert_true(image.segments[2].writable && !image.segments[2].executable);
	assert_int_equal(image.segments[2].start, FAKE_GO_DATA_ADDR);
	assert_ptr_equal(seep_memory_at(&image.memory, FAKE_GO_DATA_ADDR + 8, 8),
			 fake.bytes + FAKE_GO_DATA + 8);
	assert_null(seep_memory_at(&image.memory, FAKE_GO_DATA_ADDR - 1, 1));
	assert_false(image.pie);
	assert_false(image.stripped);
	seep_image_deinit(&image);
}

static void gnu_build_id_goes_before_gos(void **state)
{
	struct seep_image image;

	(void)state;
	assert_null(seep_image_parse(fake.bytes, sizeof(fake.bytes), &image));
	assert_string_equal(image.build_id, "deadbeef");
	seep_image_deinit(&image);
	fake_go_put32(&fake, phdr_field(4, offsetof(Elf64_Phdr, p_type)), PT_NULL);
	assert_null(seep_image_parse(fake.bytes, sizeof(fake.bytes), &image));
	assert_string_equal(image.build_id, "a/bc");
	seep_image_deinit(&image);
}

static void section_headers_are_not_needed(void **state)
{
	struct seep_image image;

	(void)state;
	fake_go_put64(&fake, offsetof(Elf64_Ehdr, e_shoff), 0);
	assert_null(seep_image_parse(fake.bytes, sizeof(fake.bytes), &image));
	assert_true(image.stripped);
	assert_int_equal(image.segment_count, 3);
	seep_image_deinit(&image);
	fake_go_put64(&fake, offsetof(Elf64_Ehdr, e_shoff), UINT64_MAX - 8);
	assert_null(seep_image_parse(fake.bytes, sizeof(fake.bytes), &image));
	assert_true(image.stripped);
	seep_image_deinit(&image);
}

static void position_independent_file_is_told(void **state)
{
	struct seep_image image;

	(void)state;
	fake_go_put16(&fake, offsetof(Elf64_Ehdr, e_type), ET_DYN);
	assert_null(seep_image_parse(fake.bytes, sizeof(fake.bytes), &image));
	assert_true(image.pie);
	assert_int_equal(image.bias, 0);
	seep_image_deinit(&image);
}

static void other_machines_are_named(void **state)
{
	(void)state;
	fake_go_put16(&fake, offsetof(Elf64_Ehdr, e_machine), EM_ARM);
	expect_refusal(sizeof(fake.bytes), SEEP_ERROR_UNSUPPORTED,
		       "an arm program; seep reads 64-bit x86-64, and of arm64 cores");
	fake.bytes[EI_CLASS] = ELFCLASS32;
	fake_go_put16(&fake, offsetof(Elf64_Ehdr, e_machine), EM_386);
	expect_refusal(sizeof(fake.bytes), SEEP_ERROR_UNSUPPORTED,
		       "a 32-bit x86 program; seep reads 64-bit x86-64");
	fake_go_put16(&fake, offsetof(Elf64_Ehdr, e_machine), EM_X86_64);
	expect_refusal(sizeof(fake.bytes), SEEP_ERROR_UNSUPPORTED, "x32");
	fake.bytes[EI_CLASS] = ELFCLASS64;
	fake.bytes[EI_DATA] = ELFDATA2MSB;
	fake_go_put16(&fake, offsetof(Elf64_Ehdr, e_machine), EM_S390 << 8);
	expect_refusal(sizeof(fake.bytes), SEEP_ERROR_UNSUPPORTED, "s390x");
	fake_go_put16(&fake, offsetof(Elf64_Ehdr, e_machine), 0x3412);
	expect_refusal(sizeof(fake.bytes), SEEP_ERROR_UNSUPPORTED, "another machine");
}

static void what_is_no_executable_is_refused(void **state)
{
	(void)state;
	expect_refusal(0, SEEP_ERROR_UNSUPPORTED, "not an ELF");
	fake_go_put16(&fake, offsetof(Elf64_Ehdr, e_type), ET_REL);
	expect_refusal(sizeof(fake.bytes), SEEP_ERROR_UNSUPPORTED, "no executable");
	fake.bytes[0] = '#';
	expect_refusal(sizeof(fake.bytes), SEEP_ERROR_UNSUPPORTED, "not an ELF");
}

static void malformed_headers_are_refused(void **state)
{
	(void)state;
	fake_go_put64(&fake, phdr_field(2, offsetof(Elf64_Phdr, p_offset)), UINT64_MAX - 4);
	expect_refusal(sizeof(fake.bytes), SEEP_ERROR_BAD_DATA, "beyond the end");
	build(NULL);
	fake_go_put64(&fake, phdr_field(2, offsetof(Elf64_Phdr, p_vaddr)), UINT64_MAX - 4);
	expect_refusal(sizeof(fake.bytes), SEEP_ERROR_BAD_DATA, "malformed size");
	build(NULL);
	fake_go_put64(&fake, phdr_field(2, offsetof(Elf64_Phdr, p_memsz)), 1);
	expect_refusal(sizeof(fake.bytes), SEEP_ERROR_BAD_DATA, "malformed size");
	build(NULL);
	fake_go_put64(&fake, offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX - 4);
	expect_refusal(sizeof(fake.bytes), SEEP_ERROR_BAD_DATA, "beyond the end");
	build(NULL);
	fake_go_put16(&fake, offsetof(Elf64_Ehdr, e_phentsize), 8);
	expect_refusal(sizeof(fake.bytes), SEEP_ERROR_BAD_DATA, "malformed");
}

static void more_segments_than_kept_are_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 17; i++)
		memcpy(fake.bytes + phdr_field(i, 0), fake.bytes + phdr_field(0, 0),
		       sizeof(Elf64_Phdr));
	fake_go_put16(&fake, offsetof(Elf64_Ehdr, e_phnum), 17);
	expect_refusal(sizeof(fake.bytes), SEEP_ERROR_BAD_DATA, "more than 16");
}

static void every_cut_is_survived(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(fake.bytes); len++) {
		// A copy of exactly that size, so that a sanitizer sees what is read beyond it.
		unsigned char *cut = malloc(len + 1);
		struct seep_image image;
		assert_non_null(cut);
		memcpy(cut, fake.bytes, len);
		struct seep_error *err = seep_image_parse(cut, len, &image);
		if (!err)
			seep_image_deinit(&image);
		seep_error_destroy(err);
		free(cut);
	}
}

static void file_is_mapped(void **state)
{
	struct seep_image image;
	FILE *file = tmpfile();

	(void)state;
	assert_non_null(file);
	struct seep_error *err = seep_image_open(fileno(file), NULL, &image);
	assert_non_null(err);
	assert_int_equal(err->code, SEEP_ERROR_UNSUPPORTED);
	seep_error_destroy(err);
	assert_int_equal(fwrite(&fake, sizeof(fake), 1, file), 1);
	assert_int_equal(fflush(file), 0);
	assert_null(seep_image_open(fileno(file), NULL, &image));
	fclose(file);
	assert_memory_equal(seep_memory_at(&image.memory, FAKE_GO_DATA_ADDR, 64),
			    fake.bytes + FAKE_GO_DATA, 64);
	seep_image_deinit(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(segments_stand_at_their_addresses, build),
		cmocka_unit_test_setup(gnu_build_id_goes_before_gos, build),
		cmocka_unit_test_setup(section_headers_are_not_needed, build),
		cmocka_unit_test_setup(position_independent_file_is_told, build),
		cmocka_unit_test_setup(other_machines_are_named, build),
		cmocka_unit_test_setup(what_is_no_executable_is_refused, build),
		cmocka_unit_test_setup(malformed_headers_are_refused, build),
		cmocka_unit_test_setup(more_segments_than_kept_are_refused, build),
		cmocka_unit_test_setup(every_cut_is_survived, build),
		cmocka_unit_test_setup(file_is_mapped, build),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
