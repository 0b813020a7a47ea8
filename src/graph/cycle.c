// Cycles through finalizers.
//
// The collector marks, for every finalizer, what its object points to and the function, and for every cleanup its function
// and argument: also when the object itself is dead. If that marks the object, too, it is never found dead, and the finalizer never runs. What
// an object's pointers say of itself does not count (seep_special_pointers).
//
// So: make the web of all that objects with specials lead to, and its strongly connected components. One supports itself if the marking begins in it: it has an
// object with a finalizer, or the record of a cleanup leads into it. Few programs have any; without one all is done, and the cost is that
// of walking the web, which is usually a few hundred objects. Otherwise mark the heap once without specials. Then, from
// sources to sinks, a component
//
//	is alive	if it was marked, or something alive leads to it;
//	is a cycle	if not, and it supports itself;
//	is held		if not, and a cycle leads to it, or something held;
//	is alive	otherwise, for its finalizers will run, and may do anything with what they reach.
//
// Where the web is a large part of the heap (some object in use has a finalizer and leads to everything) the marking comes first, and the web
// is made of what it did not reach.
//
// Nothing alive leads to a cycle, so nobody can change it, remove the finalizer, or make it run. (But a runtime.Cleanup that was
// kept hides an address, and its Stop would remove a cleanup.)
#include "graph/cycle.h"

#include <stdlib.h>
#include <string.h>

enum { NO_NODE = UINT32_MAX, NODES_MAX = UINT32_MAX - 2 };
/** A web of more nodes than this, and than this share of the heap, is not walked before the heap is marked. */
enum { WEB_MIN = 1 << 16, WEB_SHARE = 16 };
enum state { UNSEEN, ALIVE, HELD, CYCLE };

struct web {
	struct seep_runtime *rt;
	uint32_t *node_of; /** by object number: node + 1 */
	uint32_t *first_special; /** by node: index + 1 in rt->specials of those of its object that count; the others by next_special */
	uint32_t *next_special; /** by special */
	struct seep_vec(struct seep_object) nodes;
	struct seep_vec(uint64_t) first_out; /** by node, one more than there are */
	struct seep_vec(uint32_t) out;
	uint64_t *guessed; /** bit by node: it has no pointer map */
	uint32_t *component; /** by node; each leads to lower ones only */
	uint32_t component_count;
	uint32_t *members, *first_member; /** nodes by component */
	uint8_t *state; /** enum state by component */
	const uint64_t
		*marked; /** bit by object number: no nodes; NULL if nothing has been marked yet */
	uint64_t max; /** nodes, while nothing has been marked */
	bool failed, too_large;
};

static void web_empty(struct web *w)
{
	free(w->node_of);
	free(w->first_special);
	free(w->next_special);
	free(w->guessed);
	free(w->component);
	free(w->members);
	free(w->first_member);
	free(w->state);
	seep_vec_free(&w->nodes);
	seep_vec_free(&w->first_out);
	seep_vec_free(&w->out);
	*w = (struct web){ .rt = w->rt, .max = w->max };
}

static bool counts(const struct seep_special *s)
{
	return s->kind == SEEP_SPECIAL_FINALIZER || s->kind == SEEP_SPECIAL_CLEANUP;
}

/** The node that a pointer leads to, made if need be; NO_NODE if it leads to no object. */
static uint32_t node_at(struct web *w, seep_addr pointer)
{
	struct seep_object object;

	if (!seep_heap_find(&w->rt->heap, pointer, &object) ||
	    !seep_heap_allocated(&w->rt->heap, object))
		return NO_NODE;
	uint64_t number = seep_heap_number(&w->rt->heap, object);
	if (w->marked && seep_bit_get(w->marked, number))
		return NO_NODE;
	uint32_t *node = &w->node_of[number];
	if (*node == 0) {
		if (w->nodes.len >= NODES_MAX || !seep_vec_push(&w->nodes, object)) {
			w->failed = true;
			return NO_NODE;
		}
		*node = w->nodes.len;
	}
	return *node - 1;
}

static void add_edge(seep_addr value, bool precise, void *arg)
{
	struct web *w = arg;
	uint32_t node = node_at(w, value);

	(void)precise;
	if (node != NO_NODE && !seep_vec_push(&w->out, node))
		w->failed = true;
}

/** Where a node leads to; returns whether that is a guess. Pointers of an object to itself are no edges, as a rule. */
static bool add_edges(struct web *w, struct seep_object object, uint32_t special)
{
	const struct seep_span *span = &w->rt->heap.spans.data[object.span];
	seep_addr addr = seep_heap_address(&w->rt->heap, object), value;
	struct seep_pointers walk;
	uint64_t word;
	bool finalizer = false, guess = false;

	for (; special; special = w->next_special[special - 1]) {
		const struct seep_special *s = &w->rt->specials.data[special - 1];
		finalizer |= s->kind == SEEP_SPECIAL_FINALIZER;
		for (unsigned k = 0; k < 3; k++)
			if (s->words[k])
				add_edge(s->words[k], false, w);
	}
	if (span->noscan)
		return false;
	seep_pointers_start(&w->rt->heap, object, &walk);
	while (seep_pointers_next(&walk, &word, &value)) {
		guess |= walk.guess;
		bool self = finalizer ? seep_pointer_to_self(span, addr, addr + 8 * word, value) :
					value - addr < span->elem_size;
		if (value && !self)
			add_edge(value, true, w);
	}
	return guess;
}

/** All objects with specials, as nodes; returns how many there are. */
static uint32_t add_origins(struct web *w)
{
	const struct seep_runtime *rt = w->rt;

	w->node_of = calloc(rt->heap.slots + 1, sizeof(uint32_t));
	w->next_special = calloc(rt->specials.len + 1, sizeof(uint32_t));
	w->first_special = calloc(rt->specials.len + 1, sizeof(uint32_t));
	w->failed = !w->node_of || !w->next_special || !w->first_special;
	// Backwards, so that each object's list runs forwards.
	for (size_t i = rt->specials.len; !w->failed && i-- > 0;) {
		if (!counts(&rt->specials.data[i]))
			continue;
		uint32_t node =
			node_at(w, seep_heap_address(&rt->heap, rt->specials.data[i].object));
		if (node == NO_NODE)
			continue;
		w->next_special[i] = w->first_special[node];
		w->first_special[node] = i + 1;
	}
	return w->nodes.len;
}

static bool make_web(struct web *w, uint32_t origins)
{
	uint64_t capacity = 0;

	for (uint32_t i = 0; !w->failed && i < w->nodes.len; i++) {
		w->too_large = !w->marked && w->nodes.len > w->max;
		if (w->too_large)
			return true;
		if (i >= capacity) { // of `guessed`
			uint64_t more = capacity ? 2 * capacity : 1024;
			uint64_t *bits = realloc(w->guessed, more / 8);
			if (!bits)
				return false;
			memset(bits + capacity / 64, 0, (more - capacity) / 8);
			w->guessed = bits;
			capacity = more;
		}
		if (!seep_vec_push(&w->first_out, w->out.len))
			return false;
		if (add_edges(w, w->nodes.data[i], i < origins ? w->first_special[i] : 0))
			seep_bit_set(w->guessed, i);
	}
	return !w->failed && seep_vec_push(&w->first_out, w->out.len);
}

/** What Tarjan's algorithm knows of a node; 0 = not visited. */
struct tarjan {
	uint32_t *index, *low, count;
	struct seep_vec(uint32_t) open; /** visited, component not known yet */
	struct seep_vec(struct frame {
		uint32_t node;
		uint64_t edge;
	}) way;
};

/** The component whose first node `node` is: everything opened since. */
static void close_component(struct web *w, struct tarjan *t, uint32_t node)
{
	uint32_t member;

	do {
		member = seep_vec_pop(&t->open);
		w->component[member] = w->component_count;
		t->low[member] = UINT32_MAX;
	} while (member != node);
	w->component_count++;
}

static bool visit(struct tarjan *t, const struct web *w, uint32_t node)
{
	t->index[node] = t->low[node] = ++t->count;
	return seep_vec_push(&t->open, node) &&
	       seep_vec_push(&t->way, (struct frame){ node, w->first_out.data[node] });
}

static bool find_components_from(struct web *w, struct tarjan *t, uint32_t start)
{
	if (!visit(t, w, start))
		return false;
	while (t->way.len) {
		struct frame *f = &t->way.data[t->way.len - 1];
		uint32_t node = f->node;
		if (f->edge < w->first_out.data[node + 1]) {
			uint32_t next = w->out.data[f->edge++];
			if (t->index[next] == 0) {
				if (!visit(t, w, next))
					return false;
			} else if (t->low[next] != UINT32_MAX && t->index[next] < t->low[node]) {
				t->low[node] = t->index[next];
			}
			continue;
		}
		t->way.len--;
		uint32_t low = t->low[node];
		if (low == t->index[node])
			close_component(w, t, node);
		else if (t->low[t->way.data[t->way.len - 1].node] > low)
			t->low[t->way.data[t->way.len - 1].node] = low;
	}
	return true;
}

static bool find_components(struct web *w)
{
	struct tarjan t = {};
	uint32_t n = w->nodes.len;

	w->component = calloc(n + 1, sizeof(uint32_t));
	t.index = calloc(n + 1, sizeof(uint32_t));
	t.low = calloc(n + 1, sizeof(uint32_t));
	bool ok = w->component && t.index && t.low;
	for (uint32_t i = 0; ok && i < n; i++)
		ok = t.index[i] || find_components_from(w, &t, i);
	free(t.index);
	free(t.low);
	seep_vec_free(&t.open);
	seep_vec_free(&t.way);
	w->members = calloc(n + 1, sizeof(uint32_t));
	w->first_member = calloc((size_t)w->component_count + 2, sizeof(uint32_t));
	w->state = calloc((size_t)w->component_count + 1, 1);
	if (!ok || !w->members || !w->first_member || !w->state)
		return false;
	for (uint32_t i = 0; i < n; i++)
		w->first_member[w->component[i] + 2]++;
	for (uint32_t c = 0; c < w->component_count; c++)
		w->first_member[c + 2] += w->first_member[c + 1];
	for (uint32_t i = 0; i < n; i++)
		w->members[w->first_member[w->component[i] + 1]++] = i;
	return true;
}

/** Does a special's record lead into the component? */
static bool record_leads_to(const struct web *w, const struct seep_special *s, uint32_t component)
{
	struct seep_object object;

	for (unsigned k = 0; k < 3; k++) {
		if (!s->words[k] || !seep_heap_find(&w->rt->heap, s->words[k], &object))
			continue;
		uint32_t node = w->node_of[seep_heap_number(&w->rt->heap, object)];
		if (node && w->component[node - 1] == component)
			return true;
	}
	return false;
}

static bool has_edge(const struct web *w, uint32_t from, uint32_t to)
{
	for (uint64_t e = w->first_out.data[from]; e < w->first_out.data[from + 1]; e++)
		if (w->out.data[e] == to)
			return true;
	return false;
}

/** Would the collector, beginning with the records of a component's own objects, come to each of these? */
static bool supports_itself(const struct web *w, uint32_t origins, uint32_t component)
{
	uint32_t first = w->first_member[component], end = w->first_member[component + 1];
	bool supported = false;

	for (uint32_t i = first; i < end; i++) {
		uint32_t node = w->members[i];
		if (seep_bit_get(w->guessed, node)) // pointers that may be none
			return false;
		if (node >= origins || (end - first == 1 && !has_edge(w, node, node)))
			continue;
		for (uint32_t s = w->first_special[node]; s; s = w->next_special[s - 1])
			supported |= w->rt->specials.data[s - 1].kind == SEEP_SPECIAL_FINALIZER ||
				     record_leads_to(w, &w->rt->specials.data[s - 1], component);
	}
	return supported;
}

static void mark_value(seep_addr value, bool precise, void *arg)
{
	seep_mark_pointer(arg, value, precise);
}

static void mark_global(seep_addr word, seep_addr value, void *arg)
{
	(void)word;
	seep_mark_pointer(arg, value, true);
}

void seep_mark_roots(struct seep_runtime *rt, const struct seep_root_choice *choice,
		     struct seep_marker *m)
{
	seep_roots_globals(rt, mark_global, m);
	for (size_t i = 0; i < rt->timers.len; i++) {
		seep_mark_pointer(m, rt->timers.data[i].addr, true);
		seep_mark_pointer(m, rt->timers.data[i].arg, true);
	}
	for (size_t i = 0; i < rt->specials.len; i++) {
		const struct seep_special *s = &rt->specials.data[i];
		if (s->kind == SEEP_SPECIAL_WEAK_HANDLE || !choice->without_specials)
			seep_special_pointers(rt, s, mark_value, m);
		if (s->kind == SEEP_SPECIAL_WEAK_HANDLE)
			seep_mark_pointer(m, seep_heap_address(&rt->heap, s->object), false);
	}
	for (size_t i = 0; i < rt->queue.len; i++)
		if (!choice->without_queued || !seep_bit_get(choice->without_queued, i))
			for (uint32_t k = 0; k < rt->queue.data[i].word_count; k++)
				seep_mark_pointer(
					m, rt->queued.data[rt->queue.data[i].first_word + k], true);
	for (size_t i = 0; i < rt->goroutines.len; i++)
		seep_stack_roots(rt, &rt->goroutines.data[i], mark_value, m);
	for (size_t i = 0; i < rt->tiny_blocks.len; i++)
		seep_mark_pointer(m, rt->tiny_blocks.data[i], true);
	// What a thread has in hand for a moment holds nothing that is counted behind the queue.
	for (size_t i = 0; !choice->without_queued && i < rt->thread_words.len; i++)
		seep_mark_pointer(m, rt->thread_words.data[i], false);
	seep_mark_drain(m);
}

/** Index of the first special of the object with that number; they are in that order. */
static size_t first_special_of(const struct seep_runtime *rt, uint64_t number)
{
	size_t low = 0, high = rt->specials.len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (seep_heap_number(&rt->heap, rt->specials.data[mid].object) < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/** Marks all that is alive but for what finalizers to come will reach: roots, and what is kept for specials of marked objects. */
static struct seep_error *mark_others(const struct web *w, struct seep_marker *m)
{
	const struct seep_runtime *rt = w->rt;
	struct seep_error *err = seep_marker_init(m, &rt->heap);
	struct seep_object object;

	if (err)
		return err;
	for (size_t i = 0; i < rt->specials.len; i++)
		if (counts(&rt->specials.data[i]))
			seep_bit_set(m->watched,
				     seep_heap_number(&rt->heap, rt->specials.data[i].object));
	seep_mark_roots(w->rt, &(struct seep_root_choice){ .without_specials = true }, m);
	while (m->hits.len) {
		if (!seep_heap_find(&rt->heap, seep_vec_pop(&m->hits), &object))
			continue;
		uint64_t number = seep_heap_number(&rt->heap, object);
		for (size_t i = first_special_of(rt, number);
		     i < rt->specials.len &&
		     seep_heap_number(&rt->heap, rt->specials.data[i].object) == number;
		     i++)
			for (unsigned k = 0; counts(&rt->specials.data[i]) && k < 3; k++)
				seep_mark_pointer(m, rt->specials.data[i].words[k], false);
		seep_mark_drain(m);
	}
	return m->failed ? &seep_enomem : NULL;
}

static bool has_specials(const struct web *w, uint32_t origins, uint32_t component)
{
	for (uint32_t i = w->first_member[component]; i < w->first_member[component + 1]; i++)
		if (w->members[i] < origins)
			return true;
	return false;
}

/** Settles the components one by one, sources first. */
static void settle(struct web *w, uint32_t origins, const uint64_t *marked)
{
	for (uint32_t c = w->component_count; c-- > 0;) {
		bool alive = w->state[c] == ALIVE;
		for (uint32_t i = w->first_member[c]; !alive && i < w->first_member[c + 1]; i++)
			alive = seep_bit_get(w->guessed, w->members[i]) ||
				seep_bit_get(marked,
					     seep_heap_number(&w->rt->heap,
							      w->nodes.data[w->members[i]]));
		if (alive)
			w->state[c] = ALIVE;
		else if (supports_itself(w, origins, c))
			w->state[c] = CYCLE;
		else if (w->state[c] != HELD && has_specials(w, origins, c))
			w->state[c] = ALIVE;
		if (w->state[c] == UNSEEN) // reached from nothing that matters
			continue;
		uint8_t onward = w->state[c] == ALIVE ? ALIVE : HELD;
		for (uint32_t i = w->first_member[c]; i < w->first_member[c + 1]; i++) {
			uint32_t node = w->members[i];
			for (uint64_t e = w->first_out.data[node]; e < w->first_out.data[node + 1];
			     e++) {
				uint8_t *next = &w->state[w->component[w->out.data[e]]];
				if (w->component[w->out.data[e]] != c && *next != ALIVE)
					*next = onward;
			}
		}
	}
}

static bool add_cycle(struct web *w, uint32_t origins, uint32_t component, struct seep_cycles *ret)
{
	struct seep_cycle cycle = { .component = component };
	uint64_t lowest = UINT64_MAX;

	for (uint32_t i = w->first_member[component]; i < w->first_member[component + 1]; i++) {
		uint32_t node = w->members[i];
		cycle.objects++;
		if (node >= origins)
			continue;
		for (uint32_t s = w->first_special[node]; s; s = w->next_special[s - 1]) {
			uint64_t number = seep_heap_number(&w->rt->heap, w->nodes.data[node]);
			const struct seep_special *special = &w->rt->specials.data[s - 1];
			cycle.specials++;
			if (number < lowest && (special->kind == SEEP_SPECIAL_FINALIZER ||
						record_leads_to(w, special, component))) {
				lowest = number;
				cycle.special = s - 1;
			}
		}
	}
	return seep_vec_push(&ret->cycles, cycle);
}

static int compare_cycles(const void *a, const void *b)
{
	const struct seep_cycle *x = a, *y = b;

	return (x->special > y->special) - (x->special < y->special);
}

static struct seep_error *find(struct web *w, struct seep_marker *marker, struct seep_cycles *ret)
{
	struct seep_error *err = NULL;
	bool any = false;
	uint32_t origins = add_origins(w);

	if (!w->failed && !make_web(w, origins))
		w->failed = true;
	if (!w->failed && w->too_large) {
		web_empty(w);
		err = mark_others(w, marker);
		if (err)
			return err;
		w->marked = marker->marked;
		origins = add_origins(w);
		if (!w->failed && !make_web(w, origins))
			w->failed = true;
	}
	if (w->failed || !find_components(w))
		return &seep_enomem;
	for (uint32_t c = 0; !any && c < w->component_count; c++)
		any = supports_itself(w, origins, c);
	if (any && !marker->marked)
		err = mark_others(w, marker);
	if (any && !err)
		settle(w, origins, marker->marked);
	for (uint32_t c = 0; any && !err && c < w->component_count; c++)
		if (w->state[c] == CYCLE && !add_cycle(w, origins, c, ret))
			err = &seep_enomem;
	if (!err && ret->cycles.len)
		qsort(ret->cycles.data, ret->cycles.len, sizeof(struct seep_cycle), compare_cycles);
	return err;
}

struct seep_error *seep_cycles_find_within(struct seep_runtime *rt, uint64_t web_max,
					   struct seep_cycles *ret)
{
	struct seep_error *err;
	struct seep_marker marker = {};
	bool any = false;

	if (seep_runtime_is_blind(rt))
		return NULL;
	for (size_t i = 0; !any && i < rt->specials.len; i++)
		any = counts(&rt->specials.data[i]);
	if (!any)
		return NULL;
	struct web *w = calloc(1, sizeof(*w));
	if (!w)
		return &seep_enomem;
	w->rt = rt;
	w->max = web_max;
	ret->web = w;
	err = find(w, &marker, ret);
	w->marked = NULL;
	seep_marker_deinit(&marker);
	return err;
}

struct seep_error *seep_cycles_find(struct seep_runtime *rt, struct seep_cycles *ret)
{
	return seep_cycles_find_within(rt, WEB_MIN + rt->heap.objects / WEB_SHARE, ret);
}

void seep_cycles_deinit(struct seep_cycles *cycles)
{
	if (cycles->web)
		web_empty(cycles->web);
	free(cycles->web);
	seep_vec_free(&cycles->cycles);
}

bool seep_cycles_hold(const struct seep_cycles *cycles, struct seep_object object)
{
	const struct web *w = cycles->web;
	uint32_t node = cycles->cycles.len ? w->node_of[seep_heap_number(&w->rt->heap, object)] : 0;

	return node && w->state[w->component[node - 1]] >= HELD;
}

/** What leads from one object to another: a pointer in it, else the record of a special. */
static struct seep_cycle_step step_between(const struct web *w, uint32_t from, uint32_t to)
{
	struct seep_cycle_step ret = { .object = w->nodes.data[from], .by_special = true };
	seep_addr addr = seep_heap_address(&w->rt->heap, ret.object), value;
	const struct seep_span *span = &w->rt->heap.spans.data[ret.object.span];
	struct seep_pointers walk;
	struct seep_object object;
	uint64_t word;

	if (span->noscan)
		return ret;
	seep_pointers_start(&w->rt->heap, ret.object, &walk);
	while (seep_pointers_next(&walk, &word, &value)) {
		if (!value || !seep_heap_find(&w->rt->heap, value, &object) ||
		    w->node_of[seep_heap_number(&w->rt->heap, object)] != to + 1)
			continue;
		if (from == to && seep_pointer_to_self(span, addr, addr + 8 * word, value))
			continue;
		ret.by_special = false;
		ret.offset = 8 * word;
		return ret;
	}
	return ret;
}

size_t seep_cycle_way(const struct seep_cycles *cycles, const struct seep_cycle *cycle,
		      struct seep_cycle_step *ret, size_t max)
{
	const struct web *w = cycles->web;
	struct seep_object object = w->rt->specials.data[cycle->special].object;
	uint32_t start = w->node_of[seep_heap_number(&w->rt->heap, object)] - 1;
	struct seep_map before = {}; // node → the one before it
	struct seep_vec(uint32_t) todo = {}, way = {};
	bool ok = seep_vec_push(&todo, start), found = false;

	for (size_t i = 0; ok && !found && i < todo.len; i++) {
		uint32_t node = todo.data[i];
		for (uint64_t e = w->first_out.data[node];
		     ok && !found && e < w->first_out.data[node + 1]; e++) {
			uint32_t next = w->out.data[e];
			bool added = false;
			if (w->component[next] != cycle->component)
				continue;
			uint64_t *slot = seep_map_put(&before, next, &added);
			ok = slot != NULL;
			if (!ok || !added)
				continue;
			*slot = node;
			found = next == start;
			ok = seep_vec_push(&todo, next);
		}
	}
	for (uint32_t node = start; ok && found;) { // backwards
		const uint64_t *prev = seep_map_get(&before, node);
		ok = prev && seep_vec_push(&way, *prev);
		if (!ok || *prev == start)
			break;
		node = *prev;
	}
	size_t n = ok ? way.len : 0;
	for (size_t i = 0; i < n && i < max; i++)
		ret[i] = step_between(w, way.data[n - 1 - i],
				      i + 1 < n ? way.data[n - 2 - i] : start);
	seep_map_deinit(&before);
	seep_vec_free(&todo);
	seep_vec_free(&way);
	return n;
}

struct seep_error *seep_cycles_held(const struct seep_cycles *cycles, const uint32_t *groups,
				    uint32_t count, struct seep_cycles_held *ret)
{
	enum { MANY = UINT32_MAX };
	const struct web *w = cycles->web;

	memset(ret, 0, count * sizeof(*ret));
	if (cycles->cycles.len == 0)
		return NULL;
	_cleanup_free_ uint32_t *label = calloc((size_t)w->component_count + 1, sizeof(uint32_t));
	if (!label)
		return &seep_enomem;
	// A cycle would stay if another one that leads to it were broken: it is its own group's.
	for (size_t i = 0; i < cycles->cycles.len; i++)
		label[cycles->cycles.data[i].component] = groups[i] + 1;
	for (uint32_t c = w->component_count; c-- > 0;) {
		if (w->state[c] != CYCLE && w->state[c] != HELD)
			continue;
		for (uint32_t i = w->first_member[c]; i < w->first_member[c + 1]; i++) {
			uint32_t node = w->members[i];
			if (label[c] && label[c] != MANY) {
				ret[label[c] - 1].bytes +=
					w->rt->heap.spans.data[w->nodes.data[node].span].elem_size;
				ret[label[c] - 1].objects++;
			}
			for (uint64_t e = w->first_out.data[node]; e < w->first_out.data[node + 1];
			     e++) {
				uint32_t next = w->component[w->out.data[e]];
				if (next != c && w->state[next] == HELD)
					label[next] = label[next] == 0 || label[next] == label[c] ?
							      label[c] :
							      MANY;
			}
		}
	}
	return NULL;
}
