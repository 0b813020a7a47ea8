/**
 * Types and views: what each reachable object is, and how much of it the program can still see.
 *
 * content  what an object was allocated as: values of a shape from its first byte on, the head of a map, a closure, ... Exact when the
 *          runtime or a pointer with a type says so; guessed when it follows from what only looks like an interface, or fits.
 * view     the bytes of an object that one pointer gives access to: a string its len, a slice its cap (softer: its len), a *T
 *          the size of T. What no view covers is waste. A pointer of unknown type sees the whole object.
 * partial  an object of which views leave something uncovered
 */
#ifndef SEEP_GRAPH_TYPING_H
#define SEEP_GRAPH_TYPING_H

#include "binary/variables.h"
#include "graph/live.h"

enum seep_content {
	SEEP_CONTENT_UNKNOWN,
	SEEP_CONTENT_SHAPE, /** values of a shape, one after the other */
	SEEP_CONTENT_BYTES, /** a string's */
	SEEP_CONTENT_MAP, /** the head of a map: hmap up to Go 1.23, maps.Map since; type is that of its buckets or groups, or the map's own */
	SEEP_CONTENT_MAP_TABLE, /** swiss maps: maps.table; the same */
	SEEP_CONTENT_MAP_DIRECTORY, /** swiss maps: pointers to tables; the same */
	SEEP_CONTENT_CHANNEL, /** hchan; type is the element's */
	SEEP_CONTENT_CLOSURE, /** func value: pc, then captured words; type is the pc */
};

struct seep_content_type {
	uint8_t content; /** enum seep_content */
	seep_addr type; /** what enum seep_content says; SHAPE: the descriptor, 0 if there is none */
	uint32_t shape; /** SHAPE */
};

/** A view of a partial object; bytes from the start of its slot. */
struct seep_view_range {
	uint32_t start, len, soft_len; /** soft_len ≤ len: what is seen without re-slicing */
	uint32_t shape; /** of the values seen, 0 = of no concern */
	uint32_t next; /** private */
};

struct seep_partial {
	struct seep_object object;
	uint64_t visible, soft; /** bytes in views; bytes in views without re-slicing */
	uint32_t first_range, range_count; /** in typing->ranges, by start; they may overlap */
	seep_addr holder; /** of one word with a pointer into it: in an object or a package variable */
	uint8_t kind; /** enum seep_part_kind of that pointer */
	bool guessed; /** some view rests on a guessed content, or on a *T into memory of unknown type */
};

struct seep_map_head {
	struct seep_object object;
	uint32_t storage; /** shape of its buckets or groups */
	bool swiss; /** groups: the map of Go 1.24 and later */
};

/** How much room a map has, and how much of it is used. */
struct seep_map_size {
	uint64_t entries, slots;
	uint64_t storage; /** bytes of buckets or groups; overflow buckets left out */
};

struct seep_typing {
	struct seep_runtime *runtime; /** borrowed */
	struct seep_shapes shapes;
	struct seep_vec(struct seep_content_type) contents; /** [0] is unknown */
	uint16_t *content; /** private: by object number, index in contents; see seep_typing_content_id() */
	uint32_t *wide_content; /** private: the same instead of it, if there are more contents than that counts */
	uint64_t *guessed; /** bit by object number: its content is guessed */
	struct seep_vec(struct seep_partial) partials; /** by object number */
	struct seep_vec(struct seep_view_range) ranges;
	struct seep_vec(struct seep_map_head) maps;
	struct {
		uint64_t objects, bytes;
	} all, typed; /** reachable objects; those of known content */
};

struct seep_error *seep_typing_find(struct seep_runtime *runtime, const struct seep_live *live,
				    const struct seep_variables *variables, struct seep_typing *ret)
	_must_check_;
void seep_typing_deinit(struct seep_typing *typing);

/** Index in contents of the object with that number. */
static inline uint32_t seep_typing_content_id(const struct seep_typing *typing, uint64_t number)
{
	return typing->wide_content ? typing->wide_content[number] : typing->content[number];
}
static inline const struct seep_content_type *
seep_typing_content_of(const struct seep_typing *typing, uint64_t number)
{
	return &typing->contents.data[seep_typing_content_id(typing, number)];
}
static inline const struct seep_content_type *seep_typing_content(const struct seep_typing *typing,
								  struct seep_object object)
{
	return seep_typing_content_of(typing, seep_heap_number(&typing->runtime->heap, object));
}
/** The first byte of the object that its content takes: 8 where a malloc header stands before it (Go 1.22 and later). */
static inline uint64_t seep_content_start(const struct seep_span *span)
{
	return span->map == SEEP_MAP_HEADER ? 8 : 0;
}
/**
 * False if the map cannot be read. *words: how many words of maps' directories may still be looked at, less those that were: nothing keeps
 * all maps of a damaged heap from claiming the same large one. If it needs more than there are, *words becomes 0.
 */
bool seep_map_size(const struct seep_typing *typing, const struct seep_map_head *map,
		   uint64_t *words, struct seep_map_size *ret);
/** The object's type for people: "main.node", "[]string", "map[string]int", "func main.f.func1". False, nothing added, if unknown. */
bool seep_typing_name(const struct seep_typing *typing, struct seep_object object,
		      struct seep_str *text);
/**
 * Adds how Go code reaches the word at that byte of the object: ".session", "[...]", "[key]"; nothing where there is no
 * better word for it than the object's own name.
 */
void seep_typing_step(const struct seep_typing *typing, struct seep_object object, uint64_t offset,
		      bool any_index, struct seep_str *text);

#endif
