// What is told of machine code: references to data, calls and atomics with the origin of their operand. The code is
// assembled into this program's read-only data, and stands at 0x1000 for the library.
#include "binary/code.h"

#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define CODE(name, text)                                                                          \
	__asm__(".pushsection .rodata\n" #name "_start:\n" text "\n" #name "_end:\n.popsection"); \
	extern const unsigned char name##_start[], name##_end[];

enum { START = 0x1000 };

struct subject {
	struct seep_image image;
	struct seep_pclntab tab;
	struct seep_func func;
	unsigned char record[64];
	struct seep_vec(struct seep_origin) origins;
	struct seep_vec(struct seep_ref) refs;
	struct seep_vec(struct seep_atomic) atomics;
};

static void subject_open(struct subject *s, const unsigned char *start, const unsigned char *end)
{
	seep_addr len = (seep_addr)(end - start);

	*s = (struct subject){};
	assert_null(seep_memory_add(&s->image.memory,
				    (struct seep_segment){ START, START + len, start }));
	s->image.arch = &seep_amd64;
	s->tab.image = &s->image;
	s->func = (struct seep_func){
		.raw = s->record, .entry = START, .end = START + len, .name = "main.f"
	};
}

static void subject_close(struct subject *s)
{
	seep_memory_deinit(&s->image.memory);
	seep_vec_free(&s->origins);
	seep_vec_free(&s->refs);
	seep_vec_free(&s->atomics);
}

static bool keep_call(const struct seep_call *call, void *arg)
{
	struct subject *s = arg;

	return seep_vec_push(&s->origins, call->arg);
}

static bool keep_ref(const struct seep_ref *ref, void *arg)
{
	struct subject *s = arg;

	return seep_vec_push(&s->refs, *ref);
}

static bool keep_atomic(const struct seep_atomic *atomic, void *arg)
{
	struct subject *s = arg;

	return seep_vec_push(&s->atomics, *atomic);
}

static void assert_origin(const struct seep_origin *origin, enum seep_origin_kind kind,
			  int64_t slot, int64_t offset)
{
	assert_int_equal(origin->kind, kind);
	assert_int_equal(origin->slot, slot);
	assert_int_equal(origin->offset, offset);
}

#define CALLS(s, name)                              \
	struct subject s;                           \
	subject_open(&s, name##_start, name##_end); \
	assert_null(seep_code_each_call(&s.tab, &s.func, keep_call, &s))

CODE(refs, "lea 0x100(%rip), %rax\n"
	   "mov 0x200(%rip), %rbx\n"
	   "movl $7, 0x300(%rip)\n"
	   "cmpl $0, 0x400(%rip)\n"
	   "jmp *0x500(%rip)\n"
	   "mov 8(%rax), %rbx\n"
	   "cmp $0x2f, %al\n")

static void references_end_behind_their_immediates(void **state)
{
	struct subject s;
	uint64_t bound = 0;

	(void)state;
	subject_open(&s, refs_start, refs_end);
	assert_null(seep_code_each_ref(&s.tab, &s.func, keep_ref, &s));
	assert_int_equal(s.refs.len, 4);
	assert_int_equal(s.refs.data[0].kind, SEEP_REF_LEA);
	assert_int_equal(s.refs.data[0].addr, START + 7 + 0x100);
	assert_int_equal(s.refs.data[1].kind, SEEP_REF_LOAD);
	assert_int_equal(s.refs.data[1].size, 8);
	assert_int_equal(s.refs.data[1].addr, START + 14 + 0x200);
	assert_int_equal(s.refs.data[2].kind, SEEP_REF_STORE);
	assert_int_equal(s.refs.data[2].addr, START + 24 + 0x300);
	assert_int_equal(s.refs.data[3].kind, SEEP_REF_CMP);
	assert_int_equal(s.refs.data[3].size, 4);
	assert_int_equal(s.refs.data[3].addr, START + 31 + 0x400);
	assert_null(seep_code_first_bound(&s.tab, &s.func, &bound));
	assert_int_equal(bound, 0x2f);
	subject_close(&s);
}

// A receiver that came in rax is known once it is kept in the frame, wherever the stack pointer was then.
CODE(receiver, "cmp 16(%r14), %rsp\n"
	       "push %rbp\n"
	       "mov %rsp, %rbp\n"
	       "sub $0x30, %rsp\n"
	       "lea 8(%rax), %rcx\n"
	       "mov %rax, 0x40(%rsp)\n"
	       "mov %rcx, %rax\n"
	       "call . + 0x500\n"
	       "mov 0x40(%rsp), %rdx\n"
	       "add $24, %rdx\n"
	       "mov %rdx, %rax\n"
	       "call . + 0x500\n"
	       "call . + 0x500\n"
	       "lea 0x18(%rsp), %rax\n"
	       "call . + 0x500\n"
	       "lea 0x100(%rip), %rax\n"
	       "call . + 0x500\n"
	       "mov 0x40(%rsp), %rax\n"
	       "mov 0x10(%rax), %rax\n"
	       "add $4, %rax\n"
	       "call . + 0x500\n")

static void arguments_are_followed(void **state)
{
	(void)state;
	CALLS(s, receiver);
	assert_int_equal(s.origins.len, 6);
	assert_origin(&s.origins.data[0], SEEP_ORIGIN_SLOT, 0x40, 8);
	assert_origin(&s.origins.data[1], SEEP_ORIGIN_SLOT, 0x40, 24);
	assert_origin(&s.origins.data[2], SEEP_ORIGIN_UNKNOWN, 0, 0);
	assert_origin(&s.origins.data[3], SEEP_ORIGIN_SLOT_ADDRESS, 0x18, 0);
	assert_int_equal(s.origins.data[4].kind, SEEP_ORIGIN_GLOBAL);
	assert_origin(&s.origins.data[5], SEEP_ORIGIN_SLOT, 0x40, 0x10);
	assert_int_equal(s.origins.data[5].loads, 1);
	subject_close(&s);
}

CODE(closure, "sub $0x20, %rsp\n"
	      "mov 8(%rdx), %rax\n"
	      "lea 16(%rax), %rax\n"
	      "call . + 0x500\n")
CODE(kept_closure, "sub $0x20, %rsp\n"
		   "mov %rdx, 0x10(%rsp)\n"
		   "mov 8(%rdx), %rax\n"
		   "lea 16(%rax), %rax\n"
		   "call . + 0x500\n")

static void captured_words_are_found_through_the_context(void **state)
{
	seep_addr stack[4] = { 0, 0, START, 0 }, object[2] = { 0, 0x7000 }, addr;
	struct seep_memory memory = {};

	(void)state;
	CALLS(s, closure);
	assert_origin(&s.origins.data[0], SEEP_ORIGIN_CLOSURE, 8, 16);
	assert_null(seep_memory_add(&memory,
				    (struct seep_segment){ 0x100, 0x120, (unsigned char *)stack }));
	assert_null(seep_memory_add(&memory, (struct seep_segment){ START, START + 16,
								    (unsigned char *)object }));
	assert_true(seep_origin_resolve(&s.origins.data[0], &memory, 0x100, START, &addr));
	assert_int_equal(addr, 0x7010);
	assert_false(seep_origin_resolve(&s.origins.data[0], &memory, 0x100, 0, &addr));
	subject_close(&s);

	CALLS(kept, kept_closure);
	assert_origin(&kept.origins.data[0], SEEP_ORIGIN_SLOT, 0x10, 8);
	assert_int_equal(kept.origins.data[0].loads, 1);
	assert_int_equal(kept.origins.data[0].then[0], 16);
	assert_true(seep_origin_resolve(&kept.origins.data[0], &memory, 0x100, 0, &addr));
	assert_int_equal(addr, 0x7010);
	assert_false(seep_origin_resolve(&kept.origins.data[0], &memory, 0x9000, 0, &addr));
	subject_close(&kept);
	seep_memory_deinit(&memory);
}

// Ways that agree, ways that do not, and a loop.
CODE(ways, "sub $0x20, %rsp\n"
	   "mov 0x10(%rsp), %rbx\n"
	   "mov 0x18(%rsp), %rcx\n"
	   "test %esi, %esi\n"
	   "jne 1f\n"
	   "mov 0x8(%rsp), %rcx\n"
	   "1: mov %rbx, %rax\n"
	   "call . + 0x500\n"
	   "2: mov 0x10(%rsp), %rax\n"
	   "test %esi, %esi\n"
	   "jne 3f\n"
	   "mov 0x8(%rsp), %rax\n"
	   "3: call . + 0x500\n"
	   "mov 0x10(%rsp), %rax\n"
	   "4: call . + 0x500\n"
	   "jmp 4b\n")

static void what_all_ways_agree_on_is_kept(void **state)
{
	(void)state;
	CALLS(s, ways);
	assert_int_equal(s.origins.len, 3);
	assert_origin(&s.origins.data[0], SEEP_ORIGIN_SLOT, 0x10, 0);
	assert_origin(&s.origins.data[1], SEEP_ORIGIN_UNKNOWN, 0, 0);
	assert_origin(&s.origins.data[2], SEEP_ORIGIN_UNKNOWN, 0, 0);
	subject_close(&s);
}

// A wrapper's detour for panics, at its end, comes back with all that was known.
CODE(wrapper, "sub $0x10, %rsp\n"
	      "mov 0x20(%r14), %r12\n"
	      "test %r12, %r12\n"
	      "jne 2f\n"
	      "1: mov 8(%rdx), %rax\n"
	      "call . + 0x500\n"
	      "ret\n"
	      "2: lea 0x18(%rsp), %r13\n"
	      "nop\n"
	      "cmp %r13, (%r12)\n"
	      "jne 1b\n"
	      "mov %rsp, (%r12)\n"
	      "jmp 1b\n")

static void a_wrapper_s_detour_is_seen_through(void **state)
{
	(void)state;
	CALLS(s, wrapper);
	assert_int_equal(s.origins.len, 1);
	assert_origin(&s.origins.data[0], SEEP_ORIGIN_CLOSURE, 8, 0);
	subject_close(&s);
}

CODE(overwritten, "sub $0x20, %rsp\n"
		  "mov 0x10(%rsp), %rax\n"
		  "mov %rbx, 0x10(%rsp)\n"
		  "call . + 0x500\n")

static void a_slot_written_again_is_no_origin(void **state)
{
	(void)state;
	CALLS(s, overwritten);
	assert_origin(&s.origins.data[0], SEEP_ORIGIN_UNKNOWN, 0, 0);
	subject_close(&s);
}

// What is left of m.Lock() and m.Unlock() when they are inlined.
CODE(inlined, "sub $0x20, %rsp\n"
	      "mov %rax, 0x28(%rsp)\n"
	      "lea 8(%rax), %rcx\n"
	      "xor %eax, %eax\n"
	      "mov $1, %ebx\n"
	      "lock cmpxchg %ebx, (%rcx)\n"
	      "mov 0x28(%rsp), %rax\n"
	      "mov $-1, %ecx\n"
	      "lock xadd %ecx, 8(%rax)\n"
	      "xchg %ecx, 0x100(%rip)\n")

static void inlined_locks_are_found(void **state)
{
	struct subject s;

	(void)state;
	subject_open(&s, inlined_start, inlined_end);
	assert_null(seep_code_each_atomic(&s.tab, &s.func, keep_atomic, &s));
	assert_int_equal(s.atomics.len, 3);
	assert_int_equal(s.atomics.data[0].kind, SEEP_ATOMIC_CMPXCHG);
	assert_int_equal(s.atomics.data[0].size, 4);
	assert_origin(&s.atomics.data[0].arg, SEEP_ORIGIN_SLOT, 0x28, 8);
	assert_int_equal(s.atomics.data[1].kind, SEEP_ATOMIC_XADD);
	assert_origin(&s.atomics.data[1].arg, SEEP_ORIGIN_SLOT, 0x28, 8);
	assert_int_equal(s.atomics.data[2].kind, SEEP_ATOMIC_OTHER);
	assert_int_equal(s.atomics.data[2].arg.kind, SEEP_ORIGIN_GLOBAL);
	subject_close(&s);
}

CODE(junk, ".byte 0x06, 0x0f, 0xff, 0xff, 0xff, 0x62, 0xc4, 0x48\n")

static void bytes_that_are_no_code_do_no_harm(void **state)
{
	(void)state;
	CALLS(s, junk);
	s.func.end = START + 0x10000; // beyond what there is
	struct seep_error *err = seep_code_each_call(&s.tab, &s.func, keep_call, &s);
	assert_non_null(err);
	assert_int_equal(err->code, SEEP_ERROR_BAD_DATA);
	seep_error_destroy(err);
	subject_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_end_behind_their_immediates),
		cmocka_unit_test(arguments_are_followed),
		cmocka_unit_test(captured_words_are_found_through_the_context),
		cmocka_unit_test(what_all_ways_agree_on_is_kept),
		cmocka_unit_test(a_wrapper_s_detour_is_seen_through),
		cmocka_unit_test(a_slot_written_again_is_no_origin),
		cmocka_unit_test(inlined_locks_are_found),
		cmocka_unit_test(bytes_that_are_no_code_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
