// Running timers that are of no use to anybody.
//
// A ticker that runs fires for ever. Up to Go 1.22, and with asynctimerchan=1, the runtime's heap of timers keeps it and its channel in memory: if
// nothing else leads to them, nobody can ever receive from it or stop it, and that is proof. Since Go 1.23 the collector takes
// such a ticker; the timer itself says which kind it is (runtime/timer.c).
//
// What the program still reaches may be received from at any time. A ticker that nobody waits for at the moment is normal: who owns it is
// busy. Many of one kind are not, unless more of them are waited for; nor is one whose tick has been there for hours.
//
// Timers that fire once end by themselves. Those that nobody can receive from or stop any more are told when they pile up.
//
// "Nothing else leads to it" is answered by going backwards through the graph, from what the timer is made of, until another
// root than the timer's own is met. The scheduler's lists are no edges.
#include "detect/ticker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEARCH_MAX = 4096, // edges looked at for one timer before it counts as held
	CHAIN_MAX = 64, // dominators on the way from a holder to its owner
	PAIRS_MAX =
		16, // pointers of an object that are asked whether they are a context's children
	CLUSTER = 3, // objects a channel's timer consists of: timer, channel, buffer
	PERIODS_MAX = 8, // distinct periods that are told apart
	UNREAD_MIN = 100, // docs/causes/ticker.md
	OWNED_MAX = 10,
	OLD_PERIODS = 100,
	ONCE_MIN = 1000,
	CONTEXTS_MIN = 100,
};
static const uint64_t HOUR = 3600ull * 1000000000, MINUTE = 60ull * 1000000000;

struct detector {
	struct seep_timers all;
	uint32_t *root_of; /** graph node by index in runtime->timers */
	struct seep_graph_in in; /** for timers, and for all that may lead to one */
	struct seep_map waited; /** period → tickers that somebody waits for */
	struct seep_map owned; /** goroutine → tickers of class UNREAD that it alone leads to */
	uint64_t waited_total;
	struct seep_map periods; /** of tickers that are told */
	struct seep_map children; /** node → whether it holds a context's children */
	struct seep_map weak; /** numbers of objects that weak pointers lead to */
	struct seep_map holders; /** node → index + 1 in holder_texts */
	struct seep_vec(const char *) holder_texts;
	struct seep_map by_key; /** group */
	struct seep_vec(uint32_t) todo;
	bool blind; /** what could not be read may lead to anything */
};

static const struct seep_graph *graph_of(const struct detector *d)
{
	return d->all.view->graph;
}

static uint32_t node_at(const struct detector *d, seep_addr addr)
{
	const struct seep_runtime *rt = d->all.view->runtime;
	struct seep_object object;

	return seep_heap_find(&rt->heap, addr, &object) ? seep_graph_node(graph_of(d), object) :
							  SEEP_NODE_NONE;
}

static uint64_t bytes_at(const struct detector *d, seep_addr addr)
{
	const struct seep_runtime *rt = d->all.view->runtime;
	struct seep_object object;

	return seep_heap_find(&rt->heap, addr, &object) ?
		       rt->heap.spans.data[object.span].elem_size :
		       0;
}

static uint64_t number_of(const struct detector *d, uint32_t node)
{
	const struct seep_graph *g = graph_of(d);

	return seep_heap_number(&d->all.view->runtime->heap, seep_graph_object(g, node));
}

static bool is_opaque(const struct detector *d, uint32_t node)
{
	return seep_bit_get(d->all.view->live->opaque, number_of(d, node));
}

/**
 * Does an object hold a context's map of children? Their keys are interfaces whose first word leads to the type context.canceler, which
 * stands nowhere else in memory. The parent cancels its children; it does not use them otherwise.
 */
static bool holds_children(struct detector *d, uint32_t node)
{
	const struct seep_graph *g = graph_of(d);
	struct seep_runtime *rt = d->all.view->runtime;
	struct seep_object object = seep_graph_object(g, node);
	struct seep_pointers walk;
	uint64_t word;
	seep_addr value;
	bool added, found = false;

	uint64_t *known = seep_map_put(&d->children, node, &added);
	if (known && !added)
		return *known;
	if (rt->heap.spans.data[object.span].noscan)
		return false;
	seep_pointers_start(&rt->heap, object, &walk);
	for (int n = 0; n < PAIRS_MAX && !found && seep_pointers_next(&walk, &word, &value);) {
		struct seep_object to;
		if (!value || word == 0 || !seep_heap_find(&rt->heap, value, &to))
			continue;
		n++;
		seep_addr itab = seep_le64(walk.object + (word - 1) * 8),
			  inter = seep_memory_word(&rt->memory, itab);
		found = inter && strcmp(seep_type_name(&rt->types, inter), "context.canceler") == 0;
	}
	if (known)
		*known = found;
	return found;
}

/** A weak pointer is no edge, but gives its object back as long as something else, such as a timer, keeps that. */
static bool is_weakly_held(const struct detector *d, uint32_t node)
{
	return seep_map_get(&d->weak, number_of(d, node)) != NULL;
}

enum held_by { HELD_BY_ITSELF, HELD_BY_CONTEXTS, HELD_BY_OTHERS };

/** Who leads to a node besides the timer's own root; SEEP_NODE_NONE as root: the timer is none. */
static enum held_by who_holds(struct detector *d, uint32_t node, uint32_t root)
{
	const struct seep_graph *g = graph_of(d);
	enum held_by by = HELD_BY_ITSELF;
	struct seep_map seen = {};
	size_t edges = 0;

	d->todo.len = 0;
	bool ok = seep_map_put(&seen, node, NULL) && seep_vec_push(&d->todo, node);
	while (ok && by != HELD_BY_OTHERS && d->todo.len) {
		uint32_t at = seep_vec_pop(&d->todo);
		for (uint64_t e = d->in.first[at]; e < d->in.first[at + 1]; e++) {
			uint32_t from = d->in.from[e];
			bool added = false;
			if (from == root)
				continue;
			if (from < g->first_object || ++edges > SEARCH_MAX) {
				by = HELD_BY_OTHERS;
				break;
			}
			if (is_opaque(d, from))
				continue;
			if (holds_children(d, from)) {
				by = HELD_BY_CONTEXTS;
				continue;
			}
			ok = ok && seep_map_put(&seen, from, &added) &&
			     (!added || seep_vec_push(&d->todo, from));
		}
	}
	seep_map_deinit(&seen);
	return ok ? by : HELD_BY_OTHERS;
}

/** A reference that comes only from goroutines that are leaked: their finding speaks of all that they hold. */
static bool is_leaked(const struct detector *d, uint32_t node)
{
	const struct seep_graph *g = graph_of(d);
	const struct seep_live *live = d->all.view->live;

	if (node >= g->first_object)
		return !seep_bit_get(live->base, number_of(d, node));
	const struct seep_graph_root *root = &g->roots.data[node - 1];
	return root->kind == SEEP_ROOT_GOROUTINE && live->phase[root->id] != SEEP_LIVE;
}

/** Index + 1 of the goroutine that every path to node begins in, 0 if there is none. */
static uint32_t owner_of(const struct detector *d, uint32_t node)
{
	const struct seep_graph *g = graph_of(d);

	for (int i = 0; i < CHAIN_MAX && node >= g->first_object && g->dominator; i++) {
		node = g->dominator[node];
		if (node == SEEP_NODE_ROOT || node == SEEP_NODE_NONE)
			return 0;
	}
	if (node >= g->first_object || g->roots.data[node - 1].kind != SEEP_ROOT_GOROUTINE)
		return 0;
	return g->roots.data[node - 1].id + 1;
}

/** What leads to a ticker from outside. */
struct outside {
	uint32_t holder, owner; /** as in struct seep_timer_entry */
	bool live; /** not all from leaked goroutines */
	bool on_stack; /** a goroutine that can run has it at hand */
	bool several_owners;
};

static void look_outside(const struct detector *d, const uint32_t *cluster, uint32_t root,
			 struct outside *ret)
{
	const struct seep_graph *g = graph_of(d);
	size_t edges = 0;

	*ret = (struct outside){ .holder = SEEP_NODE_NONE };
	for (int k = 0; k < CLUSTER; k++) {
		if (cluster[k] == SEEP_NODE_NONE)
			continue;
		for (uint64_t e = d->in.first[cluster[k]]; e < d->in.first[cluster[k] + 1]; e++) {
			uint32_t from = d->in.from[e];
			if (from == root || from == cluster[0] || from == cluster[1] ||
			    (from >= g->first_object && is_opaque(d, from)))
				continue;
			if (++edges > SEARCH_MAX) {
				ret->several_owners = true;
				return;
			}
			if (is_leaked(d, from))
				continue;
			uint32_t owner = owner_of(d, from);
			ret->several_owners |= ret->live && owner != ret->owner;
			ret->owner = owner;
			ret->live = true;
			if (from < g->first_object)
				ret->on_stack |= g->roots.data[from - 1].kind ==
						 SEEP_ROOT_GOROUTINE;
			// An object says more than a root does.
			if (ret->holder == SEEP_NODE_NONE ||
			    (ret->holder < g->first_object && from >= g->first_object))
				ret->holder = from;
		}
	}
}

static bool count_up(struct seep_map *map, uint64_t key)
{
	uint64_t *count = seep_map_put(map, key, NULL);

	if (count)
		++*count;
	return count != NULL;
}

static bool classify_channel(struct detector *d, struct seep_timer_entry *entry, uint32_t root)
{
	struct seep_runtime *rt = d->all.view->runtime;
	const struct seep_timer *t = &entry->timer;
	struct seep_timer_channel channel;
	struct outside outside;

	if (!seep_timer_channel(rt, t->arg, &channel))
		return true;
	uint32_t cluster[CLUSTER] = { node_at(d, t->addr), node_at(d, t->arg),
				      node_at(d, channel.buffer) };
	entry->full = channel.full;
	entry->unread_ns = seep_timer_unread(rt, t, &channel);
	entry->bytes = bytes_at(d, t->addr) + bytes_at(d, t->arg);
	if (cluster[2] != cluster[1])
		entry->bytes += bytes_at(d, channel.buffer);
	if (channel.waited) {
		d->waited_total += t->period != 0;
		return !t->period || count_up(&d->waited, t->period);
	}
	if (d->blind || t->changing || cluster[0] == SEEP_NODE_NONE || cluster[1] == SEEP_NODE_NONE)
		return true;
	if (!t->collected && !is_weakly_held(d, cluster[0]) && !is_weakly_held(d, cluster[1]) &&
	    who_holds(d, cluster[0], root) == HELD_BY_ITSELF &&
	    who_holds(d, cluster[1], root) == HELD_BY_ITSELF) {
		entry->class = t->period ? SEEP_TIMER_CLASS_LOST : SEEP_TIMER_CLASS_AFTER;
		return true;
	}
	if (!t->period)
		return true;
	look_outside(d, cluster, root, &outside);
	if (!outside.live)
		return true;
	entry->class = SEEP_TIMER_CLASS_UNREAD;
	entry->holder = outside.holder;
	entry->owner = outside.several_owners ? 0 : outside.owner;
	entry->old = !outside.on_stack && entry->unread_ns >= HOUR &&
		     entry->unread_ns / OLD_PERIODS >= t->period;
	return !entry->owner || count_up(&d->owned, entry->owner);
}

/** What the timer's root retains; without a tree the objects themselves. */
static uint64_t retained(const struct detector *d, uint32_t node, uint64_t own)
{
	const struct seep_graph *g = graph_of(d);

	return node != SEEP_NODE_NONE && seep_graph_retained(g, node) > own ?
		       seep_graph_retained(g, node) :
		       own;
}

/** What the context that has this timer retains: its parent's list of children leads to it as well, so the timer does not retain it. */
static uint64_t held_by_context(const struct detector *d, uint32_t timer)
{
	const struct seep_graph *g = graph_of(d);

	for (uint64_t e = d->in.first[timer]; e < d->in.first[timer + 1]; e++)
		if (d->in.from[e] >= g->first_object && !is_opaque(d, d->in.from[e]))
			return retained(d, d->in.from[e], 0);
	return 0;
}

static void classify_func(struct detector *d, struct seep_timer_entry *entry, uint32_t root)
{
	struct seep_runtime *rt = d->all.view->runtime;
	const struct seep_timer *t = &entry->timer;
	uint32_t node = node_at(d, t->addr);
	struct seep_func func;

	seep_memory_u64(&rt->memory, t->arg, &entry->callback);
	entry->bytes = retained(d, root, bytes_at(d, t->addr) + bytes_at(d, t->arg));
	if (d->blind || t->changing || t->period || node == SEEP_NODE_NONE ||
	    !seep_pclntab_find(&rt->binary->pclntab, entry->callback, &func))
		return;
	bool context = seep_has_prefix(func.name, "context.With");
	switch (who_holds(d, node, root)) {
	case HELD_BY_ITSELF:
		entry->class = context ? SEEP_TIMER_CLASS_CONTEXT : SEEP_TIMER_CLASS_FUNC;
		break;
	case HELD_BY_CONTEXTS:
		if (!context)
			break;
		entry->class = SEEP_TIMER_CLASS_CONTEXT;
		entry->bytes += held_by_context(d, node);
		break;
	case HELD_BY_OTHERS:
		break;
	}
}

static bool add_entry(struct detector *d, const struct seep_timer *t, uint32_t root)
{
	const struct seep_runtime *rt = d->all.view->runtime;
	struct seep_object object;
	struct seep_timer_entry entry = { .timer = *t, .holder = SEEP_NODE_NONE };

	if (seep_heap_find(&rt->heap, t->addr, &object))
		entry.object = seep_heap_address(&rt->heap, object);
	bool ok = true;
	if (t->kind == SEEP_TIMER_CHANNEL)
		ok = classify_channel(d, &entry, root);
	else if (t->kind == SEEP_TIMER_FUNC)
		classify_func(d, &entry, root);
	return ok && seep_vec_push(&d->all.entries, entry);
}

static void want(const struct detector *d, uint64_t *wanted, seep_addr addr)
{
	uint32_t node = node_at(d, addr);

	if (node != SEEP_NODE_NONE)
		seep_bit_set(wanted, node);
}

/** Who leads to the timers and to what has pointers; to the rest nobody asks. */
static struct seep_error *make_edges_in(struct detector *d, const struct seep_timer_list *unqueued)
{
	struct seep_runtime *rt = d->all.view->runtime;
	const struct seep_graph *g = graph_of(d);
	struct seep_timer_channel channel;
	_cleanup_free_ uint64_t *wanted = calloc(SEEP_BITS_WORDS(g->node_count) + 1, 8);

	if (!wanted)
		return &seep_enomem;
	for (uint32_t n = 0; n < g->first_leaf; n++)
		seep_bit_set(wanted, n);
	for (size_t i = 0; i < rt->timers.len + unqueued->items.len; i++) {
		const struct seep_timer *t = i < rt->timers.len ?
						     &rt->timers.data[i] :
						     &unqueued->items.data[i - rt->timers.len];
		want(d, wanted, t->addr);
		want(d, wanted, t->arg);
		if (t->kind == SEEP_TIMER_CHANNEL && seep_timer_channel(rt, t->arg, &channel))
			want(d, wanted, channel.buffer);
	}
	return seep_graph_in_init(&g->edges, wanted, &d->in) ? NULL : &seep_enomem;
}

static struct seep_error *read_entries(struct detector *d)
{
	struct seep_error *err;
	struct seep_runtime *rt = d->all.view->runtime;
	const struct seep_graph *g = graph_of(d);
	_cleanup_(seep_timers_deinit) struct seep_timer_list unqueued = {};

	d->root_of = malloc((rt->timers.len + 1) * sizeof(*d->root_of));
	if (!d->root_of)
		return &seep_enomem;
	for (size_t i = 0; i < rt->timers.len; i++)
		d->root_of[i] = SEEP_NODE_NONE;
	for (size_t i = 0; i < g->roots.len; i++)
		if (g->roots.data[i].kind == SEEP_ROOT_TIMER &&
		    g->roots.data[i].id < rt->timers.len)
			d->root_of[g->roots.data[i].id] = 1 + i;
	seep_vec_foreach(special, &rt->specials)
		if (special->kind == SEEP_SPECIAL_WEAK_HANDLE &&
		    !seep_map_put(&d->weak, seep_heap_number(&rt->heap, special->object), NULL))
			return &seep_enomem;
	err = seep_timers_unqueued(rt, d->all.view->live->reachable, &unqueued);
	if (!err && graph_of(d)->node_count && rt->timers.len + unqueued.items.len)
		err = make_edges_in(d, &unqueued);
	if (err)
		return err;
	for (size_t i = 0; i < rt->timers.len; i++)
		if (!add_entry(d, &rt->timers.data[i], d->root_of[i]))
			return &seep_enomem;
	for (size_t i = 0; i < unqueued.items.len; i++)
		if (!add_entry(d, &unqueued.items.data[i], SEEP_NODE_NONE))
			return &seep_enomem;
	return NULL;
}

// Groups.

/** A ticker that one goroutine leads to, beside few others, is one it will come back to. */
static bool is_at_hand(const struct detector *d, const struct seep_timer_entry *entry)
{
	const uint64_t *owned = entry->owner ? seep_map_get(&d->owned, entry->owner) : NULL;

	return owned && *owned < OWNED_MAX && !entry->old;
}

/** Text about the holder, the same for all that one object holds; "" if unknown. NULL when memory is out. */
static const char *holder_text(struct detector *d, const struct seep_timer_entry *entry)
{
	_cleanup_(seep_str_deinit) struct seep_str text = {};
	bool added;

	if (entry->class != SEEP_TIMER_CLASS_UNREAD || entry->holder == SEEP_NODE_NONE)
		return "";
	uint64_t *index = seep_map_put(&d->holders, entry->holder, &added);
	if (!index)
		return NULL;
	if (added) {
		*index = d->holder_texts.len;
		seep_timer_holder_text(&d->all, entry, &text);
		const char *owned = seep_report_format(d->all.report, "%s", seep_str_text(&text));
		if (!owned || !seep_vec_push(&d->holder_texts, owned))
			return NULL;
	}
	return d->holder_texts.data[*index];
}

static bool add_to_group(struct detector *d, uint32_t i)
{
	const struct seep_timer_entry *entry = &d->all.entries.data[i];
	bool periods_vary = d->periods.len > PERIODS_MAX, added;
	char words[64];
	struct seep_timer_group group = {
		.class = entry->class,
		.period = periods_vary ? 0 : entry->timer.period,
		.name = seep_timer_callback_name(&d->all, entry),
		.holder = holder_text(d, entry),
	};

	if (!group.name || !group.holder)
		return false;
	snprintf(words, sizeof(words), "%d %" PRIu64, group.class, group.period);
	group.signature = seep_detect_signature("ticker", words, group.name, group.holder, NULL);
	uint64_t *slot = seep_map_put(&d->by_key, group.signature, &added);
	if (!slot)
		return false;
	if (added) {
		*slot = d->all.groups.len;
		if (!seep_vec_push(&d->all.groups, group))
			return false;
	}
	return seep_vec_push(&d->all.groups.data[*slot].members, i);
}

/** Whether a group's number speaks against it; of UNREAD the old ones do by themselves. */
static bool is_many(const struct detector *d, const struct seep_timer_group *group)
{
	const uint64_t *waited;
	size_t n = group->members.len, others;
	uint64_t last = 0, now = d->all.view->runtime->now;

	switch (group->class) {
	case SEEP_TIMER_CLASS_LOST:
		return true;
	case SEEP_TIMER_CLASS_UNREAD:
		waited = seep_map_get(&d->waited, group->period);
		others = !group->period ? d->waited_total : waited ? *waited : 0;
		return n >= UNREAD_MIN && n > others;
	case SEEP_TIMER_CLASS_AFTER:
		return n >= ONCE_MIN;
	case SEEP_TIMER_CLASS_CONTEXT:
		return n >= CONTEXTS_MIN;
	case SEEP_TIMER_CLASS_FUNC:
		seep_vec_foreach(i, &group->members)
			if (d->all.entries.data[*i].timer.when > last)
				last = d->all.entries.data[*i].timer.when;
		return n >= ONCE_MIN && last > now && last - now >= MINUTE;
	default:
		return true;
	}
}

/** Groups once more, now that it is known what is few. */
static bool regroup(struct detector *d)
{
	size_t first = d->all.groups.len;
	bool ok = true;

	for (size_t i = 0; i < first; i++) {
		struct seep_timer_group *group = &d->all.groups.data[i];
		size_t kept = 0;
		if (is_many(d, group))
			continue;
		for (size_t k = 0; k < group->members.len; k++) {
			uint32_t member = group->members.data[k];
			if (d->all.entries.data[member].old)
				group->members.data[kept++] = member;
			else
				d->all.entries.data[member].class = SEEP_TIMER_CLASS_RUNNING;
		}
		group->members.len = kept;
	}
	for (uint32_t i = 0; ok && i < d->all.entries.len; i++)
		if (d->all.entries.data[i].class == SEEP_TIMER_CLASS_RUNNING)
			ok = add_to_group(d, i);
	return ok;
}

static struct seep_error *make_groups(struct detector *d)
{
	bool ok = true;

	seep_vec_foreach(entry, &d->all.entries) {
		if (entry->class == SEEP_TIMER_CLASS_UNREAD && is_at_hand(d, entry))
			entry->class = SEEP_TIMER_CLASS_RUNNING;
		if (entry->class == SEEP_TIMER_CLASS_UNREAD ||
		    entry->class == SEEP_TIMER_CLASS_LOST)
			ok = ok && seep_map_put(&d->periods, entry->timer.period, NULL);
	}
	for (uint32_t i = 0; ok && i < d->all.entries.len; i++)
		if (d->all.entries.data[i].class != SEEP_TIMER_CLASS_RUNNING)
			ok = add_to_group(d, i);
	return ok && regroup(d) ? NULL : &seep_enomem;
}

static enum seep_verdict verdict_of(uint8_t class)
{
	return class == SEEP_TIMER_CLASS_RUNNING ? SEEP_VERDICT_WAITING :
	       class == SEEP_TIMER_CLASS_LOST	 ? SEEP_VERDICT_PROVEN :
						   SEEP_VERDICT_SUSPECT;
}

static struct seep_error *make_findings(const struct detector *d)
{
	struct seep_error *err;

	seep_vec_foreach(group, &d->all.groups) {
		struct seep_finding finding = { .cause = "ticker",
						.verdict = verdict_of(group->class),
						.signature = group->signature,
						.holder = group->holder[0] ? group->holder : NULL };
		if (!group->members.len ||
		    !seep_detect_wanted(d->all.view, finding.cause, finding.verdict))
			continue;
		err = seep_timer_finding(&d->all, group, &finding);
		if (!err && !seep_vec_push(&d->all.report->findings, finding))
			err = &seep_enomem;
		if (err) {
			seep_vec_free(&finding.why);
			seep_vec_free(&finding.objects);
			return err;
		}
	}
	return NULL;
}

struct seep_error *seep_detect_tickers(const struct seep_view *view, struct seep_report *report)
{
	struct seep_error *err;
	const struct seep_runtime *rt = view->runtime;
	struct detector d = {
		.all = { .view = view, .report = report },
		.blind = seep_runtime_is_blind(rt),
	};

	err = read_entries(&d);
	if (!err)
		err = make_groups(&d);
	if (!err)
		err = make_findings(&d);
	seep_vec_foreach(group, &d.all.groups)
		seep_vec_free(&group->members);
	seep_vec_free(&d.all.groups);
	seep_vec_free(&d.all.entries);
	seep_vec_free(&d.todo);
	seep_map_deinit(&d.waited);
	seep_map_deinit(&d.owned);
	seep_map_deinit(&d.periods);
	seep_map_deinit(&d.children);
	seep_map_deinit(&d.weak);
	seep_map_deinit(&d.holders);
	seep_vec_free(&d.holder_texts);
	seep_map_deinit(&d.by_key);
	seep_graph_in_deinit(&d.in);
	free(d.root_of);
	return err;
}
