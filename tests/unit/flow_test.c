// Values and their types on all ways through a function: what loops, slots, calls and stores leave of them. The code is assembled
// into this program's read-only data, and stands at 0x1000 for the library. A call of 0x1500 brings back a *T, one of 0x1600 takes
// a map in rax.
#include "binary/flow.h"

#include "binary/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define CODE(name, text)                                                                          \
	__asm__(".pushsection .rodata\n" #name "_start:\n" text "\n" #name "_end:\n.popsection"); \
	extern const unsigned char name##_start[], name##_end[];

enum { START = 0x1000, T = 0x7000, FIELD = 0x7100, MAP = 0x7200 };

struct subject {
	struct seep_image image;
	struct seep_pclntab tab;
	struct seep_func func;
	unsigned char record[128];
	struct seep_flow_hooks hooks;
	struct seep_flow flow;
};

static struct seep_fact fact_of(uint8_t part, seep_addr type)
{
	return (struct seep_fact){ .kind = SEEP_FACT_VALUE, .part = part, .type = type };
}

// The receiver in rax is a *T.
static void entry(void *arg, const struct seep_func *func, struct seep_fact *regs)
{
	(void)arg;
	(void)func;
	regs[SEEP_RAX] = fact_of(SEEP_PART_POINTER, T);
}

static void call(void *arg, const struct seep_flow *flow, const struct seep_step *step,
		 struct seep_fact *args, struct seep_fact *results)
{
	(void)arg;
	(void)flow;
	if (seep_step_target(step) == 0x1500)
		results[SEEP_RAX] = fact_of(SEEP_PART_POINTER, T);
	if (seep_step_target(step) == 0x1600)
		args[SEEP_RAX] = fact_of(SEEP_PART_MAP, MAP);
}

// At 0x10 of a T is a pointer to a FIELD.
static struct seep_fact load(void *arg, struct seep_fact base, int64_t offset)
{
	(void)arg;
	return base.type == T && offset == 0x10 ? fact_of(SEEP_PART_POINTER, FIELD) :
						  (struct seep_fact){};
}

static void subject_open(struct subject *s, const unsigned char *start, const unsigned char *end)
{
	seep_addr len = (seep_addr)(end - start);

	*s = (struct subject){ .hooks = { .entry = entry, .call = call, .load = load } };
	assert_null(seep_memory_add(&s->image.memory,
				    (struct seep_segment){ START, START + len, start }));
	s->image.arch = &seep_amd64;
	s->tab.image = &s->image;
	s->func = (struct seep_func){
		.raw = s->record, .entry = START, .end = START + len, .name = "main.f"
	};
	assert_null(seep_flow_open(&s->flow, &s->tab, &s->func, &s->hooks));
}

static void subject_close(struct subject *s)
{
	seep_flow_close(&s->flow);
	seep_memory_deinit(&s->image.memory);
}

// Goes on to the next nop, where the tests look at what is known.
static const struct seep_value *at_nop(struct subject *s, int reg)
{
	const struct seep_step *step;

	while ((step = seep_flow_next(&s->flow)))
		if (step->id == X86_INS_NOP)
			return &s->flow.now.regs[reg];
	fail_msg("no nop any more");
	return NULL;
}

static void assert_fact(const struct seep_value *value, uint8_t part, seep_addr type)
{
	assert_int_equal(value->fact.kind, SEEP_FACT_VALUE);
	assert_int_equal(value->fact.part, part);
	assert_int_equal(value->fact.type, type);
	assert_int_equal(value->at, 0);
}

// What was kept before a loop is there in the loop; what the loop changes is not.
CODE(loop, "sub $0x30, %rsp\n"
	   "mov %rax, 0x38(%rsp)\n"
	   "mov %rax, 0x20(%rsp)\n"
	   "mov %rax, %rcx\n"
	   "1: nop\n"
	   "mov 0x38(%rsp), %rdx\n"
	   "mov 0x20(%rsp), %rsi\n"
	   "nop\n"
	   "mov 8(%rdx), %rcx\n"
	   "mov %rcx, 0x20(%rsp)\n"
	   "test %esi, %esi\n"
	   "jne 1b\n"
	   "ret\n")

static void loops_keep_what_they_do_not_change(void **state)
{
	struct subject s;

	(void)state;
	subject_open(&s, loop_start, loop_end);
	assert_int_equal(at_nop(&s, SEEP_RCX)->fact.kind, SEEP_FACT_NONE);
	assert_fact(at_nop(&s, SEEP_RDX), SEEP_PART_POINTER, T);
	assert_int_equal(s.flow.now.regs[SEEP_RSI].fact.kind, SEEP_FACT_NONE);
	assert_int_equal(seep_flow_told(&s.flow, s.flow.now.regs[SEEP_RDX]).kind, SEEP_ORIGIN_SLOT);
	subject_close(&s);
}

// Fields of what is known are known; addresses within it are not the same as it; nil is of every type.
CODE(fields, "mov 0x10(%rax), %rcx\n"
	     "mov 0x18(%rax), %rdx\n"
	     "lea 0x8(%rax), %rsi\n"
	     "mov 8(%rsi), %rdi\n"
	     "nop\n"
	     "test %ebx, %ebx\n"
	     "jne 1f\n"
	     "xor %eax, %eax\n"
	     "mov %rcx, %rdx\n"
	     "1: nop\n"
	     "ret\n")

static void fields_have_their_types(void **state)
{
	struct subject s;

	(void)state;
	subject_open(&s, fields_start, fields_end);
	assert_fact(at_nop(&s, SEEP_RCX), SEEP_PART_POINTER, FIELD);
	assert_int_equal(s.flow.now.regs[SEEP_RDX].fact.kind, SEEP_FACT_NONE);
	assert_int_equal(s.flow.now.regs[SEEP_RSI].at, 8);
	assert_fact(&s.flow.now.regs[SEEP_RDI], SEEP_PART_POINTER, FIELD);
	assert_fact(at_nop(&s, SEEP_RAX), SEEP_PART_POINTER, T); // a T or nil
	assert_int_equal(s.flow.now.regs[SEEP_RDX].fact.kind, SEEP_FACT_NONE);
	subject_close(&s);
}

// Slots hold what was stored until something else is, in part, by a wider store, or somewhere above a known place.
CODE(slots, "sub $0x80, %rsp\n"
	    "mov %rax, 0x10(%rsp)\n"
	    "mov %rax, 0x20(%rsp)\n"
	    "mov %rax, 0x30(%rsp)\n"
	    "mov %rax, 0x40(%rsp)\n"
	    "movl $1, 0x14(%rsp)\n"
	    "movups %xmm0, 0x18(%rsp)\n"
	    "mov 0x10(%rsp), %rbx\n"
	    "mov 0x20(%rsp), %rcx\n"
	    "mov 0x30(%rsp), %rdx\n"
	    "nop\n"
	    "mov %rsi, 0x38(%rsp,%rdi,8)\n"
	    "mov 0x30(%rsp), %rbx\n"
	    "mov 0x40(%rsp), %rcx\n"
	    "nop\n"
	    "lea 0x28(%rsp), %rdi\n"
	    "mov $2, %ecx\n"
	    "rep stosq\n"
	    "mov 0x30(%rsp), %rbx\n"
	    "nop\n")

static void slots_are_forgotten_when_written(void **state)
{
	struct subject s;

	(void)state;
	subject_open(&s, slots_start, slots_end);
	assert_int_equal(at_nop(&s, SEEP_RBX)->fact.kind, SEEP_FACT_NONE);
	assert_int_equal(s.flow.now.regs[SEEP_RCX].fact.kind, SEEP_FACT_NONE);
	assert_fact(&s.flow.now.regs[SEEP_RDX], SEEP_PART_POINTER, T);
	assert_fact(at_nop(&s, SEEP_RBX), SEEP_PART_POINTER, T);
	assert_int_equal(s.flow.now.regs[SEEP_RCX].fact.kind, SEEP_FACT_NONE);
	assert_int_equal(at_nop(&s, SEEP_RBX)->fact.kind, SEEP_FACT_NONE);
	subject_close(&s);
}

// Calls: results get their types, registers lose theirs, slots keep them, and a map that was passed is one where it came from.
CODE(calls, "sub $0x40, %rsp\n"
	    "mov %rbx, 0x20(%rsp)\n"
	    "mov %rax, 0x10(%rsp)\n"
	    ".byte 0xe8; .long 0x1500 - 0x1000 - 19\n"
	    "mov 0x10(%rsp), %rcx\n"
	    "mov 0x20(%rsp), %rdx\n"
	    "nop\n"
	    "mov %rdx, %rax\n"
	    ".byte 0xe8; .long 0x1600 - 0x1000 - 38\n"
	    "mov 0x20(%rsp), %rdx\n"
	    "nop\n")

static void calls_say_what_they_take_and_return(void **state)
{
	struct subject s;

	(void)state;
	subject_open(&s, calls_start, calls_end);
	assert_fact(at_nop(&s, SEEP_RAX), SEEP_PART_POINTER, T);
	assert_fact(&s.flow.now.regs[SEEP_RCX], SEEP_PART_POINTER, T);
	assert_int_equal(s.flow.now.regs[SEEP_RDX].fact.kind, SEEP_FACT_NONE);
	assert_fact(at_nop(&s, SEEP_RDX), SEEP_PART_MAP, MAP);
	assert_int_equal(s.flow.now.regs[SEEP_RAX].fact.kind, SEEP_FACT_NONE);
	subject_close(&s);
}

// A word of package variables is remembered with its value, through slots, and not with other values.
CODE(words, "sub $0x40, %rsp\n"
	    "mov 0x100(%rip), %rax\n"
	    "mov %rax, 0x10(%rsp)\n"
	    "lea 0x200(%rip), %rbx\n"
	    "mov 8(%rbx), %rbx\n"
	    "mov 8(%rax), %rcx\n"
	    "mov 0x10(%rsp), %rdx\n"
	    "lea 8(%rdx), %rsi\n"
	    "nop\n")

static void words_of_variables_are_remembered(void **state)
{
	struct subject s;

	(void)state;
	subject_open(&s, words_start, words_end);
	assert_int_equal(at_nop(&s, SEEP_RAX)->word, START + 11 + 0x100);
	assert_int_equal(s.flow.now.regs[SEEP_RBX].word, START + 23 + 0x208);
	assert_int_equal(s.flow.now.regs[SEEP_RCX].word, 0);
	assert_int_equal(s.flow.now.regs[SEEP_RDX].word, START + 11 + 0x100);
	assert_int_equal(s.flow.now.regs[SEEP_RSI].at, 8);
	subject_close(&s);
}

// A jump table whose place is known leads to its entries with what is known at the jump; any other makes all targets unknown.
CODE(unknown_table, "test %ebx, %ebx\n"
		    "jne 1f\n"
		    "jmp *(%rcx,%rbx,8)\n"
		    "1: nop\n"
		    "ret\n")

static void an_unknown_jump_table_leaves_nothing_where_jumps_lead(void **state)
{
	struct subject s;

	(void)state;
	subject_open(&s, unknown_table_start, unknown_table_end);
	assert_int_equal(at_nop(&s, SEEP_RAX)->fact.kind, SEEP_FACT_NONE);
	subject_close(&s);
}

// The value that a round of a loop made is not the one that the next round makes.
CODE(rounds, "sub $0x40, %rsp\n"
	     "1: mov %rcx, %rdx\n"
	     "mov (%rbx), %rcx\n"
	     "mov %rcx, 0x10(%rsp)\n"
	     "nop\n"
	     "mov 0x8(%rbx), %rbx\n"
	     "test %esi, %esi\n"
	     "jne 1b\n"
	     "ret\n")

static void values_of_one_round_are_not_those_of_the_next(void **state)
{
	struct subject s;

	(void)state;
	subject_open(&s, rounds_start, rounds_end);
	(void)at_nop(&s, SEEP_RCX);
	assert_int_equal(s.flow.now.regs[SEEP_RCX].origin.kind, SEEP_ORIGIN_SLOT);
	assert_int_not_equal(s.flow.now.regs[SEEP_RDX].origin.kind, SEEP_ORIGIN_SLOT);
	subject_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loops_keep_what_they_do_not_change),
		cmocka_unit_test(fields_have_their_types),
		cmocka_unit_test(slots_are_forgotten_when_written),
		cmocka_unit_test(calls_say_what_they_take_and_return),
		cmocka_unit_test(words_of_variables_are_remembered),
		cmocka_unit_test(an_unknown_jump_table_leaves_nothing_where_jumps_lead),
		cmocka_unit_test(values_of_one_round_are_not_those_of_the_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
