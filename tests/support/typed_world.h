/** A world with a few types at hand, and checks of what typing says of its objects; for tests that include cmocka's header before. */
#ifndef SEEP_TESTS_SUPPORT_TYPED_WORLD_H
#define SEEP_TESTS_SUPPORT_TYPED_WORLD_H

#include "graph/typing_internal.h"
#include "support/fake_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct fake_world w;
static seep_addr number, byte, text, node, any, word;

static inline void begin_as(int minor)
{
	fake_world_init(&w, minor);
	number = fake_scalar(&w.types, SEEP_KIND_INT, 8, "int");
	byte = fake_scalar(&w.types, SEEP_KIND_UINT8, 1, "uint8");
	text = fake_string(&w.types);
	any = fake_any(&w.types);
	word = fake_words(&w.types, SEEP_KIND_UNSAFE_POINTER, 1, 1, 0, "unsafe.Pointer");
	fake_direct(&w.types, word);
	node = fake_record(&w.types, "main.node", "main",
			   (struct fake_member[]){ { "n", number }, { "s", text } }, 2);
}

static inline int begin(void **state)
{
	(void)state;
	begin_as(25);
	return 0;
}

static inline int end(void **state)
{
	(void)state;
	fake_world_deinit(&w);
	return 0;
}

static inline void again_as(int minor)
{
	fake_world_deinit(&w);
	begin_as(minor);
}

static inline seep_addr pointer_to(seep_addr elem)
{
	return fake_direct(&w.types, fake_pointer(&w.types, elem, "*T"));
}

static inline seep_addr slice_of(seep_addr elem)
{
	return fake_slice(&w.types, elem, "[]T");
}

/** A package variable that holds these words. */
#define HOLD(type, ...)                                                          \
	__extension__({                                                          \
		seep_addr variable_ = fake_world_variable(&w, "main.v", (type)); \
		fake_world_set(&w, variable_, __VA_ARGS__);                      \
		variable_;                                                       \
	})

static inline void check_shape(seep_addr addr, seep_addr type)
{
	const struct seep_content_type *c = fake_world_content(&w, addr);

	assert_int_equal(c->content, type ? SEEP_CONTENT_SHAPE : SEEP_CONTENT_UNKNOWN);
	assert_int_equal(c->type, type);
}

static inline void check_content(seep_addr addr, enum seep_content content, seep_addr type)
{
	const struct seep_content_type *c = fake_world_content(&w, addr);

	assert_int_equal(c->content, content);
	assert_int_equal(c->type, type);
}

static inline void check_seen(seep_addr addr)
{
	assert_null(fake_world_partial(&w, addr));
}

static inline const struct seep_partial *check_view(seep_addr addr, uint64_t visible, uint64_t soft)
{
	const struct seep_partial *p = fake_world_partial(&w, addr);

	assert_non_null(p);
	assert_int_equal(p->visible, visible);
	assert_int_equal(p->soft, soft);
	return p;
}

static inline bool is_guessed(seep_addr addr)
{
	return seep_bit_get(w.typing.guessed,
			    seep_heap_number(&w.heap.rt->heap, fake_world_object(&w, addr)));
}

static inline void check_name(seep_addr addr, const char *want)
{
	_cleanup_(seep_str_deinit) struct seep_str name = {};

	assert_int_equal(seep_typing_name(&w.typing, fake_world_object(&w, addr), &name),
			 want != NULL);
	assert_string_equal(seep_str_text(&name), want ? want : "");
}

static inline void check_step(seep_addr object, uint64_t offset, bool any_index, const char *want)
{
	_cleanup_(seep_str_deinit) struct seep_str step = {};

	seep_typing_step(&w.typing, fake_world_object(&w, object), offset, any_index, &step);
	assert_string_equal(seep_str_text(&step), want);
}

#endif
