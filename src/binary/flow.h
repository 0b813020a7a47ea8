/**
 * Values followed through a function's code, without knowing any. Private to binary/: code.h and evidence.h are what others ask.
 *
 * step   an instruction
 * state  what is known between two steps
 * way    how a step is reached: from the one before, or by a jump
 * fact   of which type a value is, by the word of whoever uses the flow
 */
#ifndef SEEP_BINARY_FLOW_H
#define SEEP_BINARY_FLOW_H

#include "base/map.h"
#include "binary/code.h"
#include "binary/decode.h"

enum seep_fact_kind {
	SEEP_FACT_NONE,
	SEEP_FACT_NIL, /** the constant 0: agrees with every type */
	SEEP_FACT_RESULT, /** what a function returns, to be found out: type is its entry, part the number of the register */
	SEEP_FACT_NEW_MAP, /** a map of a type that its uses tell; type is the place where it was made */
	SEEP_FACT_VALUE, /** the first word of a value of that part kind and type (shape.h) */
	SEEP_FACT_INSIDE, /** the address of a value of that type, whatever it is the address of besides */
	SEEP_FACT_ELEMENT, /** the address of an element of that type in a slice */
};
struct seep_fact {
	uint8_t kind; /** enum seep_fact_kind */
	uint8_t part; /** VALUE: enum seep_part_kind */
	seep_addr type;
};

/** What a register holds. With an unknown origin, equal ids (not 0) mean equal values but for the offset. */
struct seep_value {
	struct seep_origin origin;
	uint32_t id;
	int32_t at; /** bytes that were added since fact or word were true of it */
	struct seep_fact fact;
	seep_addr word; /** it was read from there, 8 bytes at an address known beforehand; 0 otherwise */
};
/** What is known of 8 bytes of the frame. */
struct seep_slot {
	int64_t slot; /** from the stack pointer at entry */
	struct seep_fact fact;
	seep_addr word;
	bool exposed; /** part of a variable whose address was given away */
};

enum { SEEP_FLOW_SLOTS = 48 };
struct seep_state {
	struct seep_value regs[SEEP_REGS];
	int64_t depth; /** bytes that the stack pointer is below where it was at entry */
	int64_t ctx_slot; /** where the closure's context is kept; INT64_MIN: nowhere */
	uint32_t slot_count;
	struct seep_slot slots[SEEP_FLOW_SLOTS];
};

/** How far the step at hand is known to be reached. */
enum seep_flow_mode {
	SEEP_FLOW_DEAD, /** nothing leads on from the step before */
	SEEP_FLOW_LIVE,
	SEEP_FLOW_STRAY, /** entered in a way that is not seen: by the runtime, behind a call that does not return */
	SEEP_FLOW_UNREACHED, /** by nothing so far: a jump from below may still lead there */
};

struct seep_flow;
/** What the flow is told of types. Each may be NULL. */
struct seep_flow_hooks {
	void *arg;
	/** Of what registers bring into the function. */
	void (*entry)(void *arg, const struct seep_func *func, struct seep_fact *regs);
	/** Of what a call takes and returns in registers; flow->now is what it gets. */
	void (*call)(void *arg, const struct seep_flow *flow, const struct seep_step *step,
		     struct seep_fact *args, struct seep_fact *results);
	/** Of the 8 bytes at an address of that fact + offset. */
	struct seep_fact (*load)(void *arg, struct seep_fact base, int64_t offset);
};

struct seep_flow {
	const struct seep_pclntab *tab;
	const struct seep_func *func;
	const struct seep_flow_hooks *hooks;
	struct seep_state now;
	enum seep_flow_mode mode;
	struct seep_steps steps;
	size_t index; /** of the step at hand */
	// private
	struct seep_map targets; /** address → index in ways, plus 1; 0: not known */
	struct seep_way *ways;
	uint32_t way_count;
	struct seep_vec(struct seep_range)
		exposed; /** slots of variables whose address is known elsewhere; sorted, apart from each other */
	bool changed; /** what is known on some way has become less */
	bool has_loops; /** some jump leads upwards */
	bool forgetful; /** loops and jump tables are not understood: nothing is known where one jumps to */
	bool failed; /** memory is out */
};
/** What is known where jumps lead, from all of them together. */
struct seep_way {
	struct seep_state state;
	size_t next; /** index of the next step that a jump leads to */
	bool reached;
	bool settled; /** what follows it was gone over with this state */
};

/** Finds out what holds on all ways. tab, func and hooks (may be NULL) are borrowed. */
struct seep_error *seep_flow_open(struct seep_flow *flow, const struct seep_pclntab *tab,
				  const struct seep_func *func, const struct seep_flow_hooks *hooks)
	_must_check_;
void seep_flow_close(struct seep_flow *flow);
/** Begins at the entry again. */
void seep_flow_rewind(struct seep_flow *flow);
/** The next step in code order, flow->now being what is known before it; NULL at the end. */
const struct seep_step *seep_flow_next(struct seep_flow *flow);

/** The address that a memory operand stands for. */
struct seep_value seep_flow_address(const struct seep_flow *flow,
				    const struct seep_operand *operand);
/** The address in data that a memory operand stands for, 0 if it is another or unknown. */
seep_addr seep_flow_global(const struct seep_flow *flow, const struct seep_operand *operand);
/** The address in data that a value is, 0 if it is none or unknown. */
seep_addr seep_value_global(const struct seep_value *value);
/** An origin as code.h tells it: slots from the stack pointer here, the closure's context through its slot where it has one. */
struct seep_origin seep_flow_told(const struct seep_flow *flow, struct seep_value value);

/** flow.c's own for ways.c: what a step does to what is known. */
void seep_flow_apply(struct seep_flow *flow, const struct seep_step *step);
/** Looks up what is special about whom a call calls. To be done once for each. */
void seep_flow_name_callee(const struct seep_flow *flow, struct seep_step *step);
void seep_flow_enter(struct seep_flow *flow);
/** Forgets all but the depth, which the function table knows. */
void seep_flow_forget(struct seep_flow *flow, seep_addr pc);
/** Copies what there is of it. */
void seep_state_copy(struct seep_state *to, const struct seep_state *from);
/** Leaves in `state` what both agree on, true if that is less than before. where: a number of the place. */
bool seep_state_merge(struct seep_state *state, const struct seep_state *other, uint32_t where);

#endif
