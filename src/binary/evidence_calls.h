/** What calls say of types. Private to evidence.c and its kin. */
#ifndef SEEP_BINARY_EVIDENCE_CALLS_H
#define SEEP_BINARY_EVIDENCE_CALLS_H

#include "binary/evidence.h"
#include "binary/signature.h"

struct seep_summary {
	struct seep_fact regs[SEEP_ARGUMENT_REGS]; /** of what it returns */
};

/** What its signature says of a function, by argument register. */
struct seep_callee {
	struct seep_fact params[SEEP_ARGUMENT_REGS], results[SEEP_ARGUMENT_REGS];
};

struct seep_evidence {
	const struct seep_pclntab *tab;
	struct seep_types *types;
	struct seep_signatures sig;
	struct seep_flow_hooks hooks;
	struct seep_map operations; /** entry of a runtime function → its number, plus 1 */
	struct seep_map callees; /** address → index in functions, plus 1; 0: no function's entry */
	struct seep_vec(struct seep_callee) functions;
	struct seep_map summaries; /** entry → index in results, plus 1; 0: being made */
	struct seep_vec(struct seep_summary) results;
	struct seep_map closures; /** entry → type, 1: several */
	struct seep_vec(struct seep_maker) makers; /** sorted by what they take the address of */
	bool makers_found;
	struct seep_map words; /** address → index in claims, plus 1 */
	struct seep_map reach; /** address of a word → bytes that are used of what it leads to */
	struct seep_map other; /** addresses of words that may get values of which nothing is known */
	struct seep_vec(struct seep_claim) claims;
	struct seep_vec(struct seep_evidence_word) globals;
	bool globals_known;
	struct seep_map frames; /** pc → index in frame_lists, plus 1 */
	struct seep_vec(struct seep_frame_list) frame_lists;
	const struct seep_fact *
		passed; /** while a frame is read: by register, what its caller passes; else NULL */
	seep_addr passed_to;
	struct seep_evidence_stats stats;
	int summary_depth;
	bool failed; /** memory is out */
};
/** Code that takes a function's address, to put it into a closure's object. */
struct seep_maker {
	seep_addr target, pc;
};
struct seep_frame_list {
	struct seep_evidence_word *words;
	size_t count;
};
/** How a claim was come by, the weakest first. */
enum seep_claim_strength {
	SEEP_CLAIM_BEGINS, /** it leads to something that begins with a T: passed on as a *T */
	SEEP_CLAIM_STORED, /** a *T was stored there, perhaps as the address of what a T begins with */
	SEEP_CLAIM_DECLARED, /** it is part of a variable whose type is known */
};
struct seep_claim {
	seep_addr addr;
	struct seep_fact fact; /** VALUE */
	uint8_t strength; /** enum seep_claim_strength */
	bool conflict;
	bool begins; /** a pointer that also was claimed as BEGINS */
};

/** Fills the runtime's functions in that say types, and the hooks. */
struct seep_error *seep_evidence_prepare(struct seep_evidence *ev) _must_check_;
/** What the callee of that direct call takes and returns, by register. */
void seep_evidence_call(struct seep_evidence *ev, const struct seep_flow *flow,
			const struct seep_step *step, struct seep_fact *args,
			struct seep_fact *results);
/** A RESULT made into what the function returns on every way, NONE if that is not known. Other facts as they are. */
struct seep_fact seep_evidence_resolve(struct seep_evidence *ev, struct seep_fact fact);
/** Whether the function's code keeps to types: package runtime and its like do not. */
bool seep_evidence_is_witness(const struct seep_evidence *ev, const struct seep_func *func);
/** What seep_evidence_globals() told of that word, NONE if nothing. */
struct seep_fact seep_evidence_global(struct seep_evidence *ev, seep_addr addr);
/** IFACE or EFACE if a value is an itab or a type descriptor, FUNC if it is the address of a function's own closure. */
struct seep_fact seep_evidence_constant(const struct seep_evidence *ev,
					const struct seep_value *value);

#endif
