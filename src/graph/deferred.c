// Bytes held by groups of defer records.
//
// Every object that the records' func values lead to gets a label: the group that reaches it, the first one if they are of one family,
// else SHARED. Then all other roots and all other reachable objects are looked through once for pointers to labelled ones:
// those are SHARED, and so is what they lead to. Labels change in one direction only (none, a group, an earlier one of its
// family, SHARED), so it ends, and a labelled object is followed a few times at most. What is not labelled is read in the order of
// addresses and never followed, which costs far less than marking the heap again. A record itself is held by the
// chain alone, and the chain is what is thought away: pointers to records do not count.
#include "graph/deferred.h"

#include "runtime/defer.h"

#include <stdlib.h>

enum { NONE = 0, RECORD = UINT32_MAX - 1, SHARED = UINT32_MAX };

struct labeller {
	struct seep_runtime *rt;
	uint32_t *labels; /** by object number: group + 1, or as above */
	uint8_t *touched; /** by span: has a labelled object; most have none, and then that is all to be looked at */
	const uint32_t *families; /** by group */
	uint64_t *bytes; /** by group: objects that have its label */
	struct seep_map records; /** addresses */
	struct seep_vec(struct seep_object) todo;
	bool failed;
};

static bool object_at(const struct labeller *l, seep_addr addr, struct seep_object *ret)
{
	return seep_heap_find(&l->rt->heap, addr, ret) && seep_heap_allocated(&l->rt->heap, *ret);
}

static uint32_t merge(const struct labeller *l, uint32_t a, uint32_t b)
{
	if (a == NONE || a == b)
		return b;
	if (a == SHARED || b == SHARED || l->families[a - 1] != l->families[b - 1])
		return SHARED;
	return a < b ? a : b;
}

static void flow(struct labeller *l, seep_addr pointer, uint32_t label)
{
	struct seep_object object;

	if (!object_at(l, pointer, &object))
		return;
	const struct seep_span *span = &l->rt->heap.spans.data[object.span];
	uint64_t n = seep_heap_number(&l->rt->heap, object);
	uint32_t old = l->labels[n];
	uint32_t new = old == RECORD ? RECORD : merge(l, old, label);
	if (old == new)
		return;
	l->labels[n] = new;
	l->touched[object.span] = 1;
	if (old != NONE)
		l->bytes[old - 1] -= span->elem_size;
	if (new != SHARED)
		l->bytes[new - 1] += span->elem_size;
	if (!span->noscan && !seep_vec_push(&l->todo, object))
		l->failed = true;
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

/** A pointer that does not come from the records. */
static void share(struct labeller *l, seep_addr pointer)
{
	struct seep_object object;

	if (seep_heap_find(&l->rt->heap, pointer, &object) && l->touched[object.span] &&
	    l->labels[seep_heap_number(&l->rt->heap, object)] != NONE)
		flow(l, pointer, SHARED);
}

static void share_global(seep_addr word, seep_addr value, void *arg)
{
	(void)word;
	share(arg, value);
}

static void share_root(seep_addr value, bool precise, void *arg)
{
	(void)precise;
	share(arg, value);
}

static void share_object(struct labeller *l, struct seep_object object)
{
	struct seep_pointers walk;
	uint64_t word;
	seep_addr value;

	seep_pointers_start(&l->rt->heap, object, &walk);
	while (seep_pointers_next(&walk, &word, &value))
		if (value)
			share(l, value);
}

static void share_roots(struct labeller *l)
{
	struct seep_runtime *rt = l->rt;

	seep_roots_globals(rt, share_global, l);
	seep_vec_foreach(word, &rt->queued)
		share(l, *word);
	seep_vec_foreach(timer, &rt->timers) {
		share(l, timer->addr);
		share(l, timer->arg);
	}
	seep_vec_foreach(special, &rt->specials) {
		for (unsigned k = 0; k < 3; k++)
			share(l, special->words[k]);
		if (special->kind == SEEP_SPECIAL_FINALIZER &&
		    !rt->heap.spans.data[special->object.span].noscan)
			share_object(l, special->object);
	}
	seep_vec_foreach(g, &rt->goroutines)
		seep_stack_roots_but(rt, g, &l->records, share_root, l);
}

static void share_heap(struct labeller *l, const uint64_t *reachable)
{
	for (uint32_t i = 0; i < l->rt->heap.spans.len; i++) {
		const struct seep_span *span = &l->rt->heap.spans.data[i];
		if (span->noscan)
			continue;
		for (uint32_t slot = 0; slot < span->nelems; slot++) {
			uint64_t n = span->first + (uint64_t)slot;
			if (seep_bit_get(reachable, n) && l->labels[n] == NONE)
				share_object(l, (struct seep_object){ i, slot });
		}
	}
}

static bool label_records(struct labeller *l, const struct seep_deferred *deferred, size_t count,
			  struct seep_deferred_bytes *ret)
{
	struct seep_object object;

	for (size_t i = 0; i < count; i++) {
		if (!seep_map_put(&l->records, deferred[i].addr, NULL))
			return false;
		if (!object_at(l, deferred[i].addr, &object))
			continue; // in its frame
		l->labels[seep_heap_number(&l->rt->heap, object)] = RECORD;
		ret[deferred[i].group].records += l->rt->heap.spans.data[object.span].elem_size;
	}
	for (size_t i = 0; i < count; i++)
		flow(l, deferred[i].fn, deferred[i].group + 1);
	drain(l);
	return true;
}

/** What is still the group's own: func values by themselves, each once, and the rest. */
static bool add_up(struct labeller *l, const struct seep_deferred *deferred, size_t count,
		   uint32_t groups, struct seep_deferred_bytes *ret)
{
	struct seep_map counted = {};
	struct seep_object object;
	bool ok = true, added;

	for (size_t i = 0; ok && i < count; i++) {
		if (!object_at(l, deferred[i].fn, &object))
			continue; // a function that captures nothing stands in the executable
		uint64_t n = seep_heap_number(&l->rt->heap, object);
		if (l->labels[n] != deferred[i].group + 1)
			continue;
		ok = seep_map_put(&counted, n, &added);
		if (ok && added)
			ret[deferred[i].group].functions +=
				l->rt->heap.spans.data[object.span].elem_size;
	}
	for (uint32_t i = 0; i < groups; i++)
		ret[i].captured = l->bytes[i] - ret[i].functions;
	seep_map_deinit(&counted);
	return ok;
}

struct seep_error *seep_deferred_retained(struct seep_runtime *rt, const struct seep_live *live,
					  const struct seep_deferred *deferred, size_t count,
					  const uint32_t *families, uint32_t groups,
					  struct seep_deferred_bytes *ret)
{
	struct labeller l = { .rt = rt, .families = families };

	for (uint32_t i = 0; i < groups; i++)
		ret[i] = (struct seep_deferred_bytes){};
	l.labels = calloc(rt->heap.slots + 1, sizeof(*l.labels));
	l.touched = calloc(rt->heap.spans.len + 1, 1);
	l.bytes = calloc(groups + 1, sizeof(*l.bytes));
	bool ok = l.labels && l.touched && l.bytes && label_records(&l, deferred, count, ret);
	if (ok) {
		share_roots(&l);
		share_heap(&l, live->reachable);
		drain(&l);
		ok = add_up(&l, deferred, count, groups, ret) && !l.failed;
	}
	free(l.labels);
	free(l.touched);
	free(l.bytes);
	seep_map_deinit(&l.records);
	seep_vec_free(&l.todo);
	return ok ? NULL : &seep_enomem;
}
