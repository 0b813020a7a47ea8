/**
 * Types and views: what each reachable object is, and how much of it the program can still see.
 *
 * content  what an object was allocated as: a shape, repeated from its first byte on (an array). Exact when the runtime or a typed pointer says it;
 *          guessed when it only fits.
 * view     the bytes of an object that one pointer gives access to: a string its len, a slice its cap (softer: its len), a *T
 *          the size of T. What nothing sees is waste. A pointer of unknown type sees everything.
 * hidden   of a pointer: in bytes of its object that nothing sees
 * soft     of a pointer: in bytes that are only seen between a slice's len and cap
 */
#ifndef SEEP_GRAPH_TYPING_H
#define SEEP_GRAPH_TYPING_H

#include "graph/graph.h"

/** What stands in an object. */
enum seep_content {
	SEEP_CONTENT_UNKNOWN,
	SEEP_CONTENT_SHAPE, /** values of a shape, one after the other */
	SEEP_CONTENT_MAP, /** the head of a map: hmap up to Go 1.23, maps.Map since; type is the map's */
	SEEP_CONTENT_MAP_TABLE, /** swiss maps: maps.table; type is the map's */
	SEEP_CONTENT_MAP_DIRECTORY, /** swiss maps: pointers to tables; type is the map's */
	SEEP_CONTENT_CHANNEL, /** hchan; type is the element's */
	SEEP_CONTENT_CLOSURE, /** func value: pc, then captured words; type is the pc */
	SEEP_CONTENT_BYTES, /** a string's or pointer-free values */
};

struct seep_view_range {
	uint32_t start, len,
		soft_len; /** bytes; soft_len ≤ len: what is seen without re-slicing. An object above 4 GiB is never partial */
	uint32_t shape; /** of what is seen; 0 = bytes */
};

/** An object of which only a part is seen. */
struct seep_partial {
	struct seep_object object;
	uint64_t visible, soft; /** bytes seen; bytes seen without re-slicing */
	uint32_t first_range, range_count; /** in typing->ranges, by start; may overlap */
	seep_addr holder; /** address of a word with a pointer to it: in an object, a variable or a stack */
	uint8_t holder_kind; /** enum seep_part_kind of that pointer: STRING, SLICE, POINTER */
	bool guessed; /** some view rests on a type that only fits, or on a *T into memory whose own type is not known */
};

/** What a content is, told by its number. */
struct seep_content_type {
	uint8_t content; /** enum seep_content */
	seep_addr type; /** what enum seep_content says; SHAPE: the descriptor, 0 if there is none */
	uint32_t shape; /** SHAPE */
};

struct seep_typing {
	struct seep_shapes shapes;
	uint32_t *content; /** by object number: index in contents, 0 = unknown */
	struct seep_vec(struct seep_content_type) contents;
	uint64_t *guessed; /** bit by object number: the content only fits */
	struct seep_vec(struct seep_partial) partials;
	struct seep_vec(struct seep_view_range) ranges;
	uint64_t typed_objects, typed_bytes;
	void *state; /** private */
};

struct seep_error *seep_typing_find(struct seep_runtime *runtime, const struct seep_live *live,
				    const struct seep_variables *variables, struct seep_typing *ret)
	_must_check_;
void seep_typing_deinit(struct seep_typing *typing);

/** What an object holds; content UNKNOWN if that is not known. */
struct seep_content_type seep_typing_content(const struct seep_typing *typing,
					     const struct seep_runtime *runtime,
					     struct seep_object object);
/** Name of an object's type for people: "main.node", "[]string", "map[string]int", "chan int", "func main.f.func1", "bytes"; NULL if unknown. Added to text. */
bool seep_typing_name(const struct seep_typing *typing, const struct seep_runtime *runtime,
		      struct seep_object object, struct seep_str *text);
/** How the word at that byte of the object is reached from it, in Go terms: ".session", "[...]", "[key]"; added to text. */
void seep_typing_step(const struct seep_typing *typing, const struct seep_runtime *runtime,
		      struct seep_object object, uint64_t offset, struct seep_str *text);

#endif
