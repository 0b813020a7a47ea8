// Bytes by group of leaked goroutines.
//
// Every object outside the base gets a label: the one group that reaches it, or MANY. Labels flow along pointers and only
// rise (none, one group, MANY), so each object is looked at twice at most, however many groups there are.
#include "graph/live.h"

#include <stdlib.h>

enum { NONE = 0, MANY = UINT32_MAX };

struct labeller {
	struct seep_runtime *rt;
	const struct seep_live *live;
	uint32_t *labels;
	uint64_t *bytes;
	uint32_t label; /** of the root being followed */
	struct seep_vec(struct seep_object) todo;
	bool failed;
};

static void flow(struct labeller *l, seep_addr pointer, uint32_t label)
{
	struct seep_object object;

	if (!seep_heap_find(&l->rt->heap, pointer, &object) ||
	    !seep_heap_allocated(&l->rt->heap, object))
		return;
	const struct seep_span *span = &l->rt->heap.spans.data[object.span];
	uint64_t n = span->first + (uint64_t)object.slot;
	if (seep_bit_get(l->live->base, n) || seep_bit_get(l->live->opaque, n))
		return;
	uint32_t old = l->labels[n], new = old == NONE || old == label ? label : MANY;
	if (old == new)
		return;
	l->labels[n] = new;
	if (old != NONE && old != MANY)
		l->bytes[old - 1] -= span->elem_size;
	if (new != MANY)
		l->bytes[new - 1] += span->elem_size;
	if (!span->noscan && !seep_vec_push(&l->todo, object))
		l->failed = true;
}

static void flow_root(seep_addr value, bool precise, void *arg)
{
	struct labeller *l = arg;

	(void)precise;
	flow(l, value, l->label);
}

static void drain(struct labeller *l)
{
	struct seep_pointers walk;
	uint64_t word;
	seep_addr value;

	while (l->todo.len) {
		struct seep_object object = seep_vec_pop(&l->todo);
		uint32_t label = l->labels[seep_heap_number(&l->rt->heap, object)];
		seep_pointers_start(&l->rt->heap, object, &walk);
		while (seep_pointers_next(&walk, &word, &value))
			if (value)
				flow(l, value, label);
	}
}

struct seep_error *seep_retained(struct seep_runtime *rt, const struct seep_live *live,
				 const uint32_t *groups, uint32_t count, uint64_t *ret)
{
	struct labeller l = { .rt = rt,
			      .live = live,
			      .bytes = ret,
			      .labels = calloc(rt->heap.slots + 1, sizeof(uint32_t)) };

	if (!l.labels)
		return &seep_enomem;
	for (uint32_t i = 0; i < count; i++)
		ret[i] = 0;
	for (size_t i = 0; i < rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[i];
		if (live->phase[i] == SEEP_LIVE)
			continue;
		// One that is leaked but in no finding that is asked for holds what it holds for itself.
		l.label = groups[i] == UINT32_MAX ? MANY : groups[i] + 1;
		if (groups[i] != UINT32_MAX)
			ret[groups[i]] += g->stack_hi - g->stack_lo;
		seep_stack_roots(rt, g, flow_root, &l);
		drain(&l);
	}
	free(l.labels);
	seep_vec_free(&l.todo);
	return l.failed ? &seep_enomem : NULL;
}
