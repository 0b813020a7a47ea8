/**
 * The function table that every Go binary carries for its own tracebacks, and the module data that bounds it.
 * Layouts of Go 1.18 to 1.27 (magics f0 and f1); read in src/runtime/symtab.go and src/cmd/link/internal/ld/pcln.go.
 */
#ifndef SEEP_BINARY_PCLNTAB_H
#define SEEP_BINARY_PCLNTAB_H

#include "binary/image.h"

/** runtime.moduledata as far as it is needed; addresses in the target. */
struct seep_module {
	seep_addr addr; /** of runtime.firstmoduledata */
	seep_addr minpc, maxpc, text, etext;
	seep_addr noptrdata, enoptrdata, data, edata, bss, ebss, noptrbss, enoptrbss, end;
	seep_addr gcdata, gcbss;
	seep_addr types, etypes, rodata, gofunc;
	uint64_t typedesc_len; /** 1.27+, else 0 */
	uint64_t itab_offset, itab_size; /** 1.27+, else 0 */
	seep_addr typelinks;
	uint64_t typelinks_len; /** entries; ≤1.26, else 0 */
	seep_addr itablinks;
	uint64_t itablinks_len; /** entries; ≤1.26, else 0 */
	/** Bytes with one bit per word of [data,edata) and [bss,ebss); 0 in a file, made when the program starts. */
	seep_addr gcdatamask, gcbssmask;
	uint64_t gcdatamask_bits, gcbssmask_bits;
	seep_addr next; /** another module (plugin, -linkshared), 0 normally */
};

enum { SEEP_PCLNTAB_MAX_NAMES = 256, SEEP_PCLNTAB_MAX_RUNTIME = 4096 };

struct seep_pclntab {
	const struct seep_image *image;
	struct seep_module module;
	/** Releases that have the layout found: 18..19, 20..20, 21..22, 23..25, 26..26 or 27..27. */
	int min_minor, max_minor;
	uint32_t func_count;
	// private: bounds-checked views into the image
	const unsigned char *functab, *funcnametab, *cutab, *filetab, *pctab, *pclntable;
	uint64_t pclntable_len, funcnametab_len, cutab_len, filetab_len, pctab_len;
	uint8_t wrapper_id; /** funcID of wrappers in this release */
	uint32_t runtime_count; /** functions of package runtime; above MAX_RUNTIME they are not listed */
	uint32_t runtime_funcs[SEEP_PCLNTAB_MAX_RUNTIME]; /** their numbers */
};

/** A function; small, by value. `raw` points at its _func record in the image. */
struct seep_func {
	const unsigned char *raw;
	uint32_t index;
	seep_addr entry, end; /** end: entry of the next function */
	/**
	 * Borrowed from the image, NUL-terminated; package path as in tracebacks. Since 1.21 generic functions stand
	 * here in full, "pkg.F[go.shape.int]"; tracebacks print "pkg.F[...]".
	 */
	const char *name;
	uint32_t args; /** bytes of arguments, 0x80000000 = unknown */
	uint32_t deferreturn; /** offset from entry, 0 = none */
	uint8_t func_id, flags;
};

enum { SEEP_FUNC_TOP_FRAME = 1, SEEP_FUNC_SP_WRITE = 2, SEEP_FUNC_ASM = 4 };
enum { SEEP_PCDATA_UNSAFE_POINT = 0, SEEP_PCDATA_STACK_MAP = 1, SEEP_PCDATA_INL_TREE = 2 };
enum {
	SEEP_FUNCDATA_ARGS_MAPS = 0,
	SEEP_FUNCDATA_LOCALS_MAPS = 1,
	SEEP_FUNCDATA_STACK_OBJECTS = 2,
	SEEP_FUNCDATA_INL_TREE = 3,
	SEEP_FUNCDATA_OPEN_CODED_DEFERS = 4,
	SEEP_FUNCDATA_ARG_INFO = 5, /** since Go 1.17; none if there are no arguments */
};

/**
 * Finds pclntab and module data (no section headers needed), checks both, and keeps views into the image, which must
 * outlive it. minor: the release's number from build info, 0 if unknown. Module data of a release newer than known is
 * located by the newest known layout and checked by its invariants. Errors: UNSUPPORTED, BAD_DATA, MISSING_INFO.
 */
struct seep_error *seep_pclntab_open(const struct seep_image *image, int minor,
				     struct seep_pclntab *ret) _must_check_;

/** The function that holds pc; false if none does. */
bool seep_pclntab_find(const struct seep_pclntab *tab, seep_addr pc, struct seep_func *ret);
/** Function number i (in order of entry); false if its record is malformed. */
bool seep_pclntab_func(const struct seep_pclntab *tab, uint32_t i, struct seep_func *ret);
/**
 * Looks count names (1 to MAX_NAMES) up in one pass, over all functions unless all are names of package runtime; ret[i].raw == NULL for those not there. Where a name occurs twice (ABI wrappers),
 * the function that is not a wrapper wins.
 */
void seep_pclntab_find_names(const struct seep_pclntab *tab, const char *const *names, size_t count,
			     struct seep_func *ret);

/** Stack pointer delta (bytes below the return address) at pc; false if unknown. */
bool seep_func_spdelta(const struct seep_pclntab *tab, const struct seep_func *func, seep_addr pc,
		       int32_t *ret);
/** PCDATA value at pc; -1 when the function has no such table or pc is outside it. */
int32_t seep_func_pcdata(const struct seep_pclntab *tab, const struct seep_func *func, int table,
			 seep_addr pc);
/** Address of FUNCDATA i, 0 if none. */
seep_addr seep_func_funcdata(const struct seep_pclntab *tab, const struct seep_func *func, int i);

/** One source position; strings borrowed from the image ("?" when unknown). */
struct seep_position {
	const char *function, *file;
	int line;
	bool inlined; /** inlined into the next one */
	bool wrapper; /** compiler-made wrapper: no line of the user's; tracebacks leave it out (unless it called a panic) */
	uint8_t func_id;
};
/**
 * Positions of pc from the innermost inlined call to the function itself; at most max are stored, the number is returned.
 * For a return address pass pc-1.
 */
size_t seep_func_positions(const struct seep_pclntab *tab, const struct seep_func *func,
			   seep_addr pc, struct seep_position *ret, size_t max);

/** A stretch of a function's code that was inlined from another one. */
struct seep_inlined {
	seep_addr start, end;
	const char *function;
	seep_addr parent_pc; /** the call's position in the function it was inlined into */
};
/**
 * All stretches of inlined code in func in address order; each (range, innermost inlined function) pair and one for each of the
 * enclosing inlined functions. visit returns false to end early.
 */
void seep_func_each_inlined(const struct seep_pclntab *tab, const struct seep_func *func,
			    bool (*visit)(const struct seep_inlined *, void *arg), void *arg);

#endif
