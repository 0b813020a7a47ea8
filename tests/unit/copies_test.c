// Large writes to a function's own stack, as the compilers of the releases make them and as they must not be read.
#include "binary/code.h"

#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define CODE(name, text)                                                                          \
	__asm__(".pushsection .rodata\n" #name "_start:\n" text "\n" #name "_end:\n.popsection"); \
	extern const unsigned char name##_start[], name##_end[];

enum { START = 0x1000, MEMMOVE = START + 0x500 };

struct found {
	struct seep_vec(struct seep_bulk) bulks;
	size_t most;
};

static bool keep(const struct seep_bulk *bulk, void *arg)
{
	struct found *f = arg;

	return seep_vec_push(&f->bulks, *bulk) && f->bulks.len < f->most;
}

static struct found read_code(const unsigned char *start, const unsigned char *end, size_t most)
{
	seep_addr len = end - start;
	struct seep_image image = { .arch = &seep_amd64 };
	struct seep_pclntab tab = { .image = &image };
	struct found f = { .most = most };

	assert_null(
		seep_memory_add(&image.memory, (struct seep_segment){ START, START + len, start }));
	struct seep_func func = {
		.raw = start, .entry = START, .end = START + len, .name = "main.f"
	};
	assert_null(seep_code_each_bulk(&tab, &func, MEMMOVE, keep, &f));
	seep_memory_deinit(&image.memory);
	return f;
}

static void assert_bulk(const struct seep_bulk *bulk, bool clears, uint64_t size, int64_t slot)
{
	assert_int_equal(bulk->clears, clears);
	assert_int_equal(bulk->size, size);
	assert_int_equal(bulk->slot, slot);
}

CODE(writes, "lea 0x27120(%rsp), %rdi\n"
	     "lea 0x10(%rsp), %rsi\n"
	     "mov $0x4e20, %ecx\n"
	     "rep movsq\n"
	     "mov %rsp, %rdi\n"
	     "mov %rax, %rsi\n"
	     "mov $0xf4240, %ecx\n"
	     "rep movsq\n"
	     "lea 0x18(%rsp), %rdi\n"
	     "mov $0x3000, %ecx\n"
	     "xor %eax, %eax\n"
	     "rep stosq\n"
	     "lea 0x18(%rsp), %rax\n"
	     "lea 0x20030(%rsp), %rbx\n"
	     "mov $0x20000, %ecx\n"
	     "call writes_start + 0x500\n")

static void copies_and_clears_are_found(void **state)
{
	struct found f = read_code(writes_start, writes_end, 10);

	(void)state;
	assert_int_equal(f.bulks.len, 4);
	assert_bulk(&f.bulks.data[0], false, 160000, 0x27120);
	assert_bulk(&f.bulks.data[1], false, 8000000, 0);
	assert_bulk(&f.bulks.data[2], true, 0x18000, 0x18);
	assert_bulk(&f.bulks.data[3], false, 0x20000, 0x18);
	seep_vec_free(&f.bulks);
	f = read_code(writes_start, writes_end, 1);
	assert_int_equal(f.bulks.len, 1);
	seep_vec_free(&f.bulks);
}

// A count from memory; an address in the heap; registers that a call, a jump or another instruction has changed since; another
// function's name; a string instruction without rep.
CODE(others, "lea 0x20(%rsp), %rdi\n"
	     "mov 8(%rsp), %rcx\n"
	     "rep movsq\n"
	     "mov %rax, %rdi\n"
	     "mov $0x4e20, %ecx\n"
	     "rep movsq\n"
	     "lea 0x20(%rsp), %rdi\n"
	     "mov $0x4e20, %ecx\n"
	     "call others_start + 0x700\n"
	     "rep movsq\n"
	     "lea 0x20(%rsp), %rdi\n"
	     "mov $0x4e20, %ecx\n"
	     "jmp . + 2\n"
	     "rep movsq\n"
	     "lea 0x20(%rsp), %rdi\n"
	     "mov $0x4e20, %ecx\n"
	     "add $8, %rdi\n"
	     "rep movsq\n"
	     "lea 0x20(%rsp), %rdi\n"
	     "mov $0x4e20, %ecx\n"
	     "shl $3, %cx\n"
	     "rep movsq\n"
	     "lea 0x20(%rsp,%rbx), %rdi\n"
	     "mov $0x4e20, %ecx\n"
	     "rep movsq\n"
	     "lea 0x20(%rsp), %rdi\n"
	     "mov $0x4e20, %ecx\n"
	     "rep movsq\n" // the one that counts
	     "rep movsq\n" // rcx is 0 and rdi elsewhere by now
	     "lea 0x20(%rsp), %rax\n"
	     "mov $0x4e20, %ecx\n"
	     "call others_start + 0x700\n"
	     "lea 0x20(%rsp), %rdi\n"
	     "mov $0x4e20, %ecx\n"
	     "movsq\n")

static void what_is_not_certain_is_not_told(void **state)
{
	struct found f = read_code(others_start, others_end, 10);

	(void)state;
	assert_int_equal(f.bulks.len, 1);
	assert_bulk(&f.bulks.data[0], false, 160000, 0x20);
	seep_vec_free(&f.bulks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_and_clears_are_found),
		cmocka_unit_test(what_is_not_certain_is_not_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
