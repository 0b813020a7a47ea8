// Containers that keep far more room than they use: map-bloat, pool-bloat.
//
// A Go map grows with its entries and never shrinks: deleting, and clear, leave the buckets or tables as they are. A sync.Pool keeps
// what was put into it until the second collection after that, whatever its size. Neither is a leak by itself, and both may be
// meant: what is found is only suspect, with the numbers to judge it by.
#include "detect/explain_wait.h"
#include "detect/holder_text.h"
#include "detect/path_text.h"
#include "runtime/pool.h"

#include <inttypes.h>

enum { MAP_PART = 8 }; // a map is bloated when less than this part of its slots is in use
enum { POOL_PART = 10 }; // a pool is when it holds at least this part of the heap
/** A finding is worth a reader's time from so many bytes on. */
static const uint64_t map_waste_min = 1 << 20, pool_bytes_min = 4 << 20;

/** Maps of one type and holder. */
struct group {
	const char *type, *holder;
	uint64_t count, entries, slots, storage, waste;
	struct seep_vec(struct seep_object) maps; /** the first ones */
	struct seep_vec(struct seep_map_size) sizes;
};

struct detector {
	const struct seep_view *view;
	struct seep_report *report;
	struct seep_vec(struct group) groups;
	struct seep_map by_key;
};

static bool add_map(struct detector *d, const struct seep_map_head *map,
		    const struct seep_map_size *size)
{
	_cleanup_(seep_str_deinit) struct seep_str type = {}, holder = {};
	bool added;

	seep_typing_name(d->view->typing, map->object, &type);
	seep_text_held_by(d->view, map->object, &holder);
	uint64_t *slot = seep_map_put(&d->by_key,
				      seep_detect_signature("map-bloat", seep_str_text(&type),
							    seep_str_text(&holder), NULL),
				      &added);
	if (!slot || type.failed || holder.failed)
		return false;
	if (added) {
		*slot = d->groups.len;
		if (!seep_vec_push(&d->groups,
				   (struct group){
					   .type = seep_report_format(d->report, "%s",
								      seep_str_text(&type)),
					   .holder = seep_report_format(d->report, "%s",
									seep_str_text(&holder)),
				   }))
			return false;
	}
	struct group *group = &d->groups.data[*slot];
	group->count++;
	group->entries += size->entries;
	group->slots += size->slots;
	group->storage += size->storage;
	group->waste += (uint64_t)((double)size->storage * (double)(size->slots - size->entries) /
				   (double)size->slots);
	return group->maps.len >= SEEP_FINDING_OBJECTS_MAX ||
	       (seep_vec_push(&group->maps, map->object) && seep_vec_push(&group->sizes, *size));
}

static bool add_map_finding(const struct detector *d, const struct group *group)
{
	struct seep_finding f = {
		.cause = "map-bloat",
		.verdict = SEEP_VERDICT_SUSPECT,
		.signature = seep_detect_signature("map-bloat", group->type, group->holder, NULL),
		.count = group->count,
		.noun = "map",
		.retained_bytes = group->storage,
		.wasted_bytes = group->waste,
		.holder = seep_report_format(d->report, "%s in %s", group->type, group->holder),
		.summary = "Maps keep the room that they once needed: Go's maps never shrink.",
		.fix = "make a new map and copy what is left, once in a while or when most has been deleted; clear() does not give room back either",
	};

	seep_text_why(d->report, &f, "%s %s, and room for %s",
		      seep_path_number(d->report, group->entries),
		      group->entries == 1 ? "entry" : "entries",
		      seep_path_number(d->report, group->slots));
	seep_text_why(d->report, &f,
		      "missing for a proof: as many entries may be about to come again");
	for (size_t i = 0; i < group->maps.len; i++) {
		struct seep_object object = group->maps.data[i];
		struct seep_finding_object text = {
			.address = seep_heap_address(&d->view->runtime->heap, object),
			.type = group->type,
			.size = group->sizes.data[i].storage,
		};
		text.path = seep_path_to(d->view, d->report, SEEP_NODE_ROOT,
					 seep_graph_node(d->view->graph, object), &text.path_len);
		if (!seep_vec_push(&f.objects, text))
			break;
	}
	if (seep_vec_push(&d->report->findings, f))
		return true;
	seep_vec_free(&f.why);
	seep_vec_free(&f.objects);
	return false;
}

static bool find_maps(struct detector *d)
{
	const struct seep_typing *typing = d->view->typing;
	struct seep_map_size size;
	bool ok = seep_detect_wanted(d->view, "map-bloat", SEEP_VERDICT_SUSPECT);
	// No word of a heap is in the directories of two maps, so this is never all used up.
	uint64_t words = d->view->runtime->heap.bytes / 8 + 1;
	size_t looked_at = 0;

	for (; ok && words && looked_at < typing->maps.len; looked_at++) {
		const struct seep_map_head *map = &typing->maps.data[looked_at];
		if (seep_map_size(typing, map, &words, &size) && size.storage &&
		    size.entries < size.slots / MAP_PART)
			ok = add_map(d, map, &size);
	}
	if (!words)
		seep_report_caveat(
			d->report,
			"%zu maps were not looked at for room they do not use: together they claim more tables than the heap has room for",
			typing->maps.len - looked_at + 1);
	for (size_t i = 0; ok && i < d->groups.len; i++)
		if (d->groups.data[i].waste >= map_waste_min)
			ok = add_map_finding(d, &d->groups.data[i]);
	seep_vec_foreach(group, &d->groups) {
		seep_vec_free(&group->maps);
		seep_vec_free(&group->sizes);
	}
	seep_vec_free(&d->groups);
	seep_map_deinit(&d->by_key);
	return ok || !seep_detect_wanted(d->view, "map-bloat", SEEP_VERDICT_SUSPECT);
}

// Pools.

/** What an item retains. */
static uint64_t item_bytes(const struct seep_view *view, const struct seep_pool_item *item,
			   struct seep_object *object_ret)
{
	if (!seep_heap_find(&view->runtime->heap, item->data, object_ret))
		return 0;
	uint32_t node = seep_graph_node(view->graph, *object_ret);
	return node == SEEP_NODE_NONE ? 0 : seep_graph_retained(view->graph, node);
}

/** Leaves one item of those with the same object behind them: a pool may be given a thing twice. False when memory is out. */
static bool keep_distinct(const struct seep_view *view, struct seep_pool *pool)
{
	struct seep_map seen = {};
	struct seep_object object;
	bool ok = true, added = true;
	size_t kept = 0;

	for (size_t i = 0; ok && i < pool->items.len; i++) {
		if (seep_heap_find(&view->runtime->heap, pool->items.data[i].data, &object))
			ok = seep_map_put(&seen, seep_heap_number(&view->runtime->heap, object),
					  &added);
		else
			added = true;
		if (added)
			pool->items.data[kept++] = pool->items.data[i];
	}
	seep_map_deinit(&seen);
	if (ok)
		pool->items.len = kept;
	return ok;
}

static bool add_pool_finding(const struct detector *d, const struct seep_pool *pool, uint64_t bytes)
{
	const struct seep_runtime *rt = d->view->runtime;
	const struct seep_variable *v = seep_variables_find(d->view->variables, pool->addr);
	const char *type = seep_type_name(d->view->typing->shapes.types, pool->items.data[0].type);
	struct seep_finding f = {
		.cause = "pool-bloat",
		.verdict = SEEP_VERDICT_SUSPECT,
		.count = pool->items.len,
		.noun = "object",
		.retained_bytes = bytes,
		.holder = v && v->name ? seep_report_format(d->report, "%s in %s", type, v->name) :
					 seep_report_format(d->report, "%s in a sync.Pool", type),
		.summary = "A sync.Pool holds much memory that nobody uses now.",
		.fix = "do not put what has grown large back into the pool: check its cap before Put",
	};

	if (pool->new_func)
		f.where = seep_text_own(d->report, seep_text_function(d->view, pool->new_func));
	f.signature = seep_detect_signature("pool-bloat", f.holder, NULL);
	seep_text_why(d->report, &f,
		      "the pool is at %#" PRIx64
		      "; the collection after the next one empties what is not taken until then",
		      pool->addr);
	for (size_t i = 0; i < pool->items.len && i < SEEP_FINDING_OBJECTS_MAX; i++) {
		struct seep_object object;
		uint64_t size = item_bytes(d->view, &pool->items.data[i], &object);
		if (!size)
			continue;
		struct seep_finding_object text = {
			.address = seep_heap_address(&rt->heap, object),
			.type = seep_report_format(d->report, "%s",
						   seep_type_name(d->view->typing->shapes.types,
								  pool->items.data[i].type)),
			.size = size,
		};
		if (!seep_vec_push(&f.objects, text))
			break;
	}
	if (seep_vec_push(&d->report->findings, f))
		return true;
	seep_vec_free(&f.why);
	seep_vec_free(&f.objects);
	return false;
}

static struct seep_error *find_pools(struct detector *d)
{
	struct seep_error *err;
	_cleanup_(seep_pools_deinit) struct seep_pools pools = {};
	uint64_t least = d->view->live->reachable_bytes / POOL_PART;

	if (!seep_detect_wanted(d->view, "pool-bloat", SEEP_VERDICT_SUSPECT))
		return NULL;
	err = seep_pools_read(d->view->runtime, &pools);
	if (err)
		return err;
	seep_vec_foreach(pool, &pools.pools) {
		struct seep_object object;
		uint64_t bytes = 0;
		if (!keep_distinct(d->view, pool))
			return &seep_enomem;
		seep_vec_foreach(item, &pool->items)
			bytes += item_bytes(d->view, item, &object);
		if (bytes >= pool_bytes_min && bytes >= least && !add_pool_finding(d, pool, bytes))
			return &seep_enomem;
	}
	return NULL;
}

struct seep_error *seep_detect_bloat(const struct seep_view *view, struct seep_report *report)
{
	struct detector d = { .view = view, .report = report };

	return find_maps(&d) ? find_pools(&d) : &seep_enomem;
}
