/**
 * What functions take and return, as far as a stripped program tells: methods by their types' method tables or by their names. And what
 * types say of words: which one lies at an offset, what begins with what. Private to binary/.
 */
#ifndef SEEP_BINARY_SIGNATURE_H
#define SEEP_BINARY_SIGNATURE_H

#include "binary/flow.h"
#include "binary/shape.h"

struct seep_signatures {
	const struct seep_pclntab *tab;
	struct seep_types *types;
	// private
	struct seep_map by_entry; /** of a method → index in methods, plus 1; 0: two types claim it */
	struct seep_vec(struct seep_signature) methods;
	struct seep_map named; /** hash of import path and name → type; 1: several */
	struct seep_map pointers; /** T → *T, where that has methods */
	struct seep_map first; /** types that something else begins with */
	bool failed;
};
struct seep_signature {
	seep_addr receiver, func_type; /** types */
};

/** tab and types are borrowed. */
struct seep_error *seep_signatures_open(struct seep_signatures *sig, const struct seep_pclntab *tab,
					struct seep_types *types) _must_check_;
void seep_signatures_close(struct seep_signatures *sig);

/** Facts of what registers bring into func. False, and nothing said, if that is not known. */
bool seep_signature_params(const struct seep_signatures *sig, const struct seep_func *func,
			   struct seep_fact *regs);
/** Facts of what registers bring back. */
bool seep_signature_results(const struct seep_signatures *sig, const struct seep_func *func,
			    struct seep_fact *regs);

/** Numbers of the registers that bring arguments and results, in order (cmd/compile/abi-internal.md). */
enum { SEEP_ARGUMENT_REGS = 9 };
extern const uint8_t seep_argument_regs[SEEP_ARGUMENT_REGS];

/** Visits the pointer-holding parts of a value of that type, first words only; false if there are too many. */
bool seep_type_each_word(const struct seep_types *types, seep_addr type,
			 bool (*visit)(uint64_t offset, struct seep_fact fact, void *arg),
			 void *arg);
/** What is known of the 8 bytes at base + offset; NONE if nothing. */
struct seep_fact seep_fact_load(const struct seep_types *types, struct seep_fact base,
				int64_t offset);
/** Whether a value of type outer begins with one of type inner (a first field, an array's first element), or they are one. */
bool seep_type_begins_with(const struct seep_types *types, seep_addr outer, seep_addr inner);
/**
 * Whether it is the type of a closure's object, struct { F uintptr; ... }: a pointer to one is a func value. And whether it is made of
 * the compiler's stand-ins for type parameters: these say the form, not the type.
 */
bool seep_type_is_closure(const struct seep_types *types, seep_addr type);
bool seep_type_is_form(struct seep_types *types, seep_addr type);
/** Whether some type begins with this one: then a pointer to it may be one to something larger. */
bool seep_type_is_first(const struct seep_signatures *sig, seep_addr type);

#endif
