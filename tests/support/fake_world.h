/**
 * A fake heap of values that have types, with package variables: what typing looks at, from the roots to the last object.
 *
 *	fake_world_init; types by fake_build.h, in world->types; objects and variables; fake_heap_put() what they hold; fake_world_type
 *
 * Objects are allocated as Go 1.22 and later do: pointer bits at the span's end up to 512 bytes, malloc headers above, the
 * type in the span from 32 KiB on.
 */
#ifndef SEEP_TESTS_SUPPORT_FAKE_WORLD_H
#define SEEP_TESTS_SUPPORT_FAKE_WORLD_H

#include "graph/graph.h"
#include "graph/typing.h"
#include "support/fake_build.h"
#include "support/fake_heap.h"

enum { FAKE_WORLD_CLASSES = 32 };

struct fake_world {
	struct fake_heap heap;
	struct fake_types types;
	struct seep_variables variables;
	struct seep_live live;
	struct seep_typing typing;
	struct seep_graph graph;
	struct {
		struct fake_span *span;
		bool noscan;
		uint64_t used;
	} classes[FAKE_WORLD_CLASSES]; /** private: spans with room */
	size_t class_count;
	uint64_t pages, variable_words; /** private: in use */
};

/** minor: 22 to 27. */
void fake_world_init(struct fake_world *world, int minor);
void fake_world_deinit(struct fake_world *world);

/** count values of the type, as make([]T, count) would allocate them; the address of the first. */
seep_addr fake_world_make(struct fake_world *world, seep_addr type, uint64_t count);
/** An object without pointers, of which nothing says the type. */
seep_addr fake_world_bytes(struct fake_world *world, uint64_t size);
/** An object of at most 64 words with pointers where mask says so, of which nothing says the type. */
seep_addr fake_world_words(struct fake_world *world, uint64_t size, uint64_t mask);
/** The next package variable. */
seep_addr fake_world_variable(struct fake_world *world, const char *name, seep_addr type);
/** Writes words one after the other. */
void fake_world_put(struct fake_world *world, seep_addr addr, size_t count, const uint64_t *words);
#define fake_world_set(world, addr, ...)                                             \
	fake_world_put((world), (addr),                                              \
		       sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t), \
		       (const uint64_t[]){ __VA_ARGS__ })

/** fake_heap_read(), if that is still to be done, what is reachable, types and views. */
void fake_world_type(struct fake_world *world);
/** And the graph with dominators. */
void fake_world_graph(struct fake_world *world);

/** What typing says of the object at addr. */
struct seep_object fake_world_object(const struct fake_world *world, seep_addr addr);
const struct seep_content_type *fake_world_content(const struct fake_world *world, seep_addr addr);
/** Its entry among the partial objects, NULL if all of it is seen. */
const struct seep_partial *fake_world_partial(const struct fake_world *world, seep_addr addr);

#endif
