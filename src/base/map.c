// Linear probing over a power-of-two table at most 2/3 full. There is no removal. The key that marks empty slots has a place of its own.
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t EMPTY = UINT64_MAX;

static size_t slot_of(const struct seep_map *map, uint64_t key)
{
	uint64_t h = key * 0x9e3779b97f4a7c15ull;
	size_t i = (h ^ h >> 32) & (map->cap - 1);

	while (map->slots[2 * i] != key && map->slots[2 * i] != EMPTY)
		i = (i + 1) & (map->cap - 1);
	return i;
}

uint64_t *seep_map_get(const struct seep_map *map, uint64_t key)
{
	if (key == EMPTY)
		return map->has_ones ? (uint64_t *)&map->ones_value : NULL;
	if (map->len == 0)
		return NULL;
	size_t i = slot_of(map, key);
	return map->slots[2 * i] == key ? &map->slots[2 * i + 1] : NULL;
}

static bool grow(struct seep_map *map)
{
	struct seep_map bigger = *map;

	bigger.cap = map->cap ? map->cap * 2 : 16;
	bigger.slots = malloc(bigger.cap * 2 * sizeof(uint64_t));
	if (!bigger.slots)
		return false;
	memset(bigger.slots, 0xff, bigger.cap * 2 * sizeof(uint64_t));
	for (size_t i = 0; i < map->cap; i++) {
		if (map->slots[2 * i] == EMPTY)
			continue;
		size_t j = slot_of(&bigger, map->slots[2 * i]);
		bigger.slots[2 * j] = map->slots[2 * i];
		bigger.slots[2 * j + 1] = map->slots[2 * i + 1];
	}
	free(map->slots);
	*map = bigger;
	return true;
}

uint64_t *seep_map_put(struct seep_map *map, uint64_t key, bool *added)
{
	if (key == EMPTY) {
		if (added)
			*added = !map->has_ones;
		map->has_ones = true;
		return &map->ones_value;
	}
	if (map->len * 3 >= map->cap * 2 && !grow(map))
		return NULL;
	size_t i = slot_of(map, key);
	bool is_new = map->slots[2 * i] != key;
	if (is_new) {
		map->slots[2 * i] = key;
		map->slots[2 * i + 1] = 0;
		map->len++;
	}
	if (added)
		*added = is_new;
	return &map->slots[2 * i + 1];
}

void seep_map_deinit(struct seep_map *map)
{
	free(map->slots);
	*map = (struct seep_map){};
}
