// Pools register themselves in sync.allPools when they are first used after a collection; each collection makes that list
// sync.oldPools. The addresses of the two slices come from the code of sync.poolCleanup, which refers to all three words of both.
//
// sync/pool.go, the same from Go 1.18 to 1.27:
//
//	Pool           0 local *[localSize]poolLocal, 8 localSize, 16 victim, 24 victimSize, 32 New
//	poolLocal      0 private any, 16 shared {head *poolChainElt, tail *poolChainElt}, padded to 128
//	poolChainElt   0 headTail (head << 32 | tail), 8 vals []any (a ring whose length is a power of two), 32 next, 40 prev
#include "runtime/pool.h"

#include "binary/code.h"

#include <stdlib.h>
#include <string.h>

enum {
	POOL_BYTES = 40,
	LOCAL_BYTES = 128,
	CHAIN_HEAD = 16,
	ELT_BYTES = 48,
	ELT_VALS = 8,
	ELT_PREV = 40
};
enum {
	LOCALS_MAX = 1 << 16,
	POOLS_MAX = 1 << 20,
	CHAIN_MAX = 64,
	RING_MAX = 1 << 30,
	ITEMS_MAX = 1 << 22
};

struct words {
	struct seep_map seen;
	struct seep_vec(seep_addr) all;
};

static bool note_word(const struct seep_ref *ref, void *arg)
{
	struct words *w = arg;
	bool added = false;

	if (ref->size == 8 && seep_map_put(&w->seen, ref->addr, &added) && added)
		return seep_vec_push(&w->all, ref->addr);
	return true;
}

static bool add_item(struct seep_pool *pool, const unsigned char *eface)
{
	struct seep_pool_item item = { seep_le64(eface), seep_le64(eface + 8) };

	if (!item.type || !item.data || pool->items.len >= ITEMS_MAX)
		return true;
	return seep_vec_push(&pool->items, item);
}

/** The ring's entries from tail to head; others are empty, or being taken. */
static bool read_ring(const struct seep_memory *memory, const unsigned char *elt,
		      struct seep_pool *pool)
{
	uint64_t head_tail = seep_le64(elt), len = seep_le64(elt + ELT_VALS + 8);
	uint32_t tail = (uint32_t)head_tail, count = (uint32_t)(head_tail >> 32) - tail;

	if (len == 0 || len > RING_MAX || (len & (len - 1)) || count > len)
		return true;
	for (uint32_t i = 0; i < count; i++) {
		const unsigned char *eface = seep_memory_at(
			memory, seep_le64(elt + ELT_VALS) + ((tail + i) & (len - 1)) * 16, 16);
		if (eface && !add_item(pool, eface))
			return false;
	}
	return true;
}

static bool read_locals(const struct seep_memory *memory, seep_addr addr, uint64_t count,
			struct seep_pool *pool)
{
	for (uint64_t i = 0; addr && count <= LOCALS_MAX && i < count; i++) {
		const unsigned char *local =
			seep_memory_at(memory, addr + i * LOCAL_BYTES, LOCAL_BYTES);
		if (!local)
			break;
		if (!add_item(pool, local))
			return false;
		seep_addr at = seep_le64(local + CHAIN_HEAD);
		for (int depth = 0; at && depth < CHAIN_MAX; depth++) {
			const unsigned char *elt = seep_memory_at(memory, at, ELT_BYTES);
			if (!elt)
				break;
			if (!read_ring(memory, elt, pool))
				return false;
			at = seep_le64(elt + ELT_PREV);
		}
	}
	return true;
}

static bool read_pool(const struct seep_runtime *rt, seep_addr addr, struct seep_pools *pools)
{
	const unsigned char *p = seep_memory_at(&rt->memory, addr, POOL_BYTES);
	struct seep_pool pool = { .addr = addr };

	if (!p)
		return true;
	seep_addr func = seep_le64(p + 32);
	pool.new_func = func ? seep_memory_word(&rt->memory, func) : 0;
	bool ok = read_locals(&rt->memory, seep_le64(p), seep_le64(p + 8), &pool) &&
		  read_locals(&rt->memory, seep_le64(p + 16), seep_le64(p + 24), &pool);
	if (ok && pool.items.len)
		ok = seep_vec_push(&pools->pools, pool);
	else
		seep_vec_free(&pool.items);
	return ok;
}

/** The slices are where three neighbouring words are all referred to. */
static bool read_lists(const struct seep_runtime *rt, struct words *words, struct seep_pools *pools)
{
	struct seep_map seen = {};
	bool ok = true;

	for (size_t i = 0; i < words->all.len; i++) {
		seep_addr list = words->all.data[i], pool;
		uint64_t len = seep_memory_word(&rt->memory, list + 8);
		if (!seep_map_get(&words->seen, list + 8) ||
		    !seep_map_get(&words->seen, list + 16) ||
		    seep_map_get(&words->seen, list - 8) || len > POOLS_MAX)
			continue;
		seep_addr array = seep_memory_word(&rt->memory, list);
		for (uint64_t k = 0;
		     ok && k < len && seep_memory_u64(&rt->memory, array + 8 * k, &pool); k++) {
			bool added = false;
			ok = seep_map_put(&seen, pool, &added) &&
			     (!added || read_pool(rt, pool, pools));
		}
	}
	seep_map_deinit(&seen);
	return ok;
}

struct seep_error *seep_pools_read(const struct seep_runtime *rt, struct seep_pools *ret)
{
	const struct seep_pclntab *tab = &rt->binary->pclntab;
	static const char *const names[] = { "sync.poolCleanup" };
	struct seep_func func = {};
	struct words words = {};
	bool ok = true;

	*ret = (struct seep_pools){};
	seep_pclntab_find_names(tab, names, 1, &func);
	if (func.raw) {
		struct seep_error *err = seep_code_each_ref(tab, &func, note_word, &words);
		ok = !err && read_lists(rt, &words, ret);
		seep_error_destroy(err);
	}
	seep_vec_free(&words.all);
	seep_map_deinit(&words.seen);
	return ok ? NULL : &seep_enomem;
}

void seep_pools_deinit(struct seep_pools *pools)
{
	seep_vec_foreach(pool, &pools->pools)
		seep_vec_free(&pool->items);
	seep_vec_free(&pools->pools);
}
