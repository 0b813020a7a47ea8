/** What the files of typing share with each other only. */
#ifndef SEEP_GRAPH_TYPING_INTERNAL_H
#define SEEP_GRAPH_TYPING_INTERNAL_H

#include "binary/evidence.h"
#include "graph/typing.h"

/**
 * Of 64 objects by number, a bit each. They stand together because one pointer asks for several of them. What is not reachable is marked
 * as known and seen, for there is nothing to do about it.
 */
struct object_marks {
	uint64_t known; /** has a content */
	uint64_t seen; /** every byte is, also without re-slicing */
	uint64_t todo; /** is to be followed, as its content says */
	uint64_t followed; /** what it leads to has been seen as its content says; not if that only fits */
};

/** Slices can share an array, and maps a directory, without end: words that are looked at again because of that. */
enum { SPARE_WORDS = 1 << 29 };

/** Values that are still to be followed but are not an object by its content. */
struct work {
	const unsigned char *bytes;
	seep_addr addr;
	uint64_t len;
	uint32_t shape;
};

/** What typing keeps of a shape. */
struct shape_notes {
	uint32_t content; /** index in typing->contents; 0: not looked at yet */
	uint64_t mask; /** bit by word, of the first 64: it holds a pointer */
	bool channel; /** runtime.hchan */
};

struct typer {
	struct seep_runtime *rt;
	const struct seep_heap *heap;
	const struct seep_live *live;
	const struct seep_variables *variables;
	struct seep_evidence *evidence;
	struct seep_typing *typing;
	struct object_marks *marks; /** by object number / 64 */
	uint64_t *least; /** by span: bytes for which the allocator takes its slots */
	struct seep_map partial_of; /** object number → index in typing->partials */
	struct seep_map
		regions; /** address of values that slices show → shape << 40 | how many are followed */
	struct seep_map followed; /** object number → bytes of such values, however often */
	struct seep_map content_ids;
	struct seep_vec(struct shape_notes) notes; /** by shape */
	struct seep_vec(struct work) work;
	struct {
		uint32_t *ring; /** spans with objects to be followed, each once */
		uint64_t *waiting; /** bit by span: it is in the ring */
		size_t head, len; /** the ring has room for every span */
	} spans;
	struct seep_vec(struct seep_view_range) typed_ranges; /** of the object at hand */
	uint64_t spare_words; /** that may still be looked at once more */
	struct {
		seep_addr start;
		uint64_t words, *typed; /** bit by word: it has been followed by its type */
		const unsigned char *bytes;
	} globals[2]; /** data, bss */
	seep_addr header_type; /** the last one, */
	uint32_t header_content; /** and what it is as a content */
	struct seep_vec(seep_addr) trie_types; /** see typing_trie.c */
	struct seep_map trie_shapes;
	struct seep_map imported; /** shapes of the debugger's; see typing_roots.c */
	bool trie_types_known;
	struct fitter *fitter; /** see typing_fit.c */
	bool guessing, fitting, failed;
};

/** The smallest number of bytes for which the allocator takes a slot of that size. */
uint64_t seep_least_in_slot(uint64_t slot_size);

/** A pointer into a reachable object. */
struct found {
	struct seep_object object;
	const struct seep_span *span;
	uint64_t n, offset; /** number; from the start of the slot */
};
bool seep_typer_find(const struct typer *t, seep_addr pointer, struct found *ret);

/** Whether the allocator has slots of that size. */
bool seep_is_slot_size(uint64_t size);
/** Which of the first 64 words of a value of the shape hold pointers. */
uint64_t seep_typer_mask(struct typer *t, uint32_t shape);
/** Which of the first 64 words of an object hold pointers, by its own map. False if it has none. */
bool seep_typer_pointers(const struct typer *t, struct seep_object object, uint64_t *ret);
/** Whether value is the address of a type, or of an itab with one; *is_itab says which. */
bool seep_typer_looks_like_type(struct typer *t, seep_addr value, bool *is_itab);
static inline bool seep_typer_is_known(const struct typer *t, uint64_t n)
{
	return t->marks[n / 64].known >> n % 64 & 1;
}
static inline bool seep_typer_is_seen(const struct typer *t, uint64_t n)
{
	return t->marks[n / 64].seen >> n % 64 & 1;
}
static inline void seep_typer_see(struct typer *t, uint64_t n)
{
	t->marks[n / 64].seen |= 1ull << n % 64;
}

/** All reachable objects with pointers whose content is not known (yet). */
void seep_typer_each_unknown(struct typer *t, void (*visit)(struct typer *, struct seep_object));
/** Guesses what objects of unknown type may be; see typing_fit.c. */
void seep_typer_fit(struct typer *t);

/** Index of a content in typing->contents. */
uint32_t seep_typer_content(struct typer *t, enum seep_content content, seep_addr type,
			    uint32_t shape);
/** By object number; false if the object has a content already, or that is 0. */
bool seep_typer_set(struct typer *t, uint64_t n, uint32_t content);
/** Sets it, whatever was there. */
void seep_typer_replace(struct typer *t, uint64_t n, uint32_t content);
/** The content that an object's malloc header or its span tells; false if none does or the object has one. */
bool seep_typer_set_header(struct typer *t, struct seep_object object);
void seep_typer_push(struct typer *t, struct work work);
/** An object of known content. */
void seep_typer_push_object(struct typer *t, struct seep_object object);
/** A pointer of unknown type. */
void seep_typer_see_all(struct typer *t, seep_addr pointer);
/** A pointer to values of that shape from the object's first byte on, all of which it sees. */
void seep_typer_adopt(struct typer *t, seep_addr pointer, uint32_t shape);
/** Takes so many words of those that may be looked at again; false if there are not as many left. */
bool seep_typer_spend(struct typer *t, uint64_t words);
void seep_typer_see_map(struct typer *t, seep_addr pointer, seep_addr map_type);
/** A pointer to a channel; elem 0: the channel says it. */
void seep_typer_see_channel(struct typer *t, seep_addr pointer, seep_addr elem);
void seep_typer_see_func(struct typer *t, seep_addr pointer);
/** An object of unknown content: is it the head of a map with storage of known type? Then its content is set. */
void seep_typer_try_head(struct typer *t, struct seep_object object);
/** A pointer to a node of a HashTrieMap; false if the type is not that of one. */
bool seep_typer_see_node(struct typer *t, seep_addr pointer, seep_addr node_type);
/** The pointer that the collector follows of a part whose words stand `at`: of an interface's two it is the second. */
static inline seep_addr seep_part_pointer(uint8_t kind, const unsigned char *at)
{
	return seep_le64(at + (kind == SEEP_PART_IFACE || kind == SEEP_PART_EFACE ? 8 : 0));
}
/**
 * What a part sees that is no array and whose first word is not 0; bytes `at`, which stand at addr. f: what its pointer leads
 * to, NULL = no reachable object.
 */
void seep_typer_part(struct typer *t, const unsigned char *at, seep_addr addr,
		     const struct seep_part *part, const struct found *f);
/** Follows the parts of a value, or of values one after the other. */
void seep_typer_parts(struct typer *t, const unsigned char *bytes, seep_addr addr,
		      const struct seep_part *parts, uint32_t count);
void seep_typer_values(struct typer *t, const unsigned char *bytes, seep_addr addr, uint64_t len,
		       uint32_t shape);
/** Follows the captured variables of a closure. */
void seep_typer_closure(struct typer *t, struct seep_object object, seep_addr pc);
/** Follows all that is on the worklist. */
void seep_typer_drain(struct typer *t);
/** Follows package variables, stacks and what they lead to, as far as their types are known. */
struct seep_error *seep_typer_roots(struct typer *t) _must_check_;
/** The parts of a package variable: they are followed, unless they have been. */
void seep_typer_global_parts(struct typer *t, seep_addr addr, uint64_t size,
			     const struct seep_part *parts, uint32_t count);
/** A typed pointer into package variables: the value there is followed later. False if it is no package variable. */
bool seep_typer_global(struct typer *t, seep_addr addr, uint32_t shape);

#endif
