/** Hash map from u64 to u64: open addressing, any key. Zero-initialised is empty. */
#ifndef SEEP_BASE_MAP_H
#define SEEP_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seep_map {
	uint64_t *slots; /** pairs of key, value; a key of all ones marks an empty slot */
	size_t len, cap;
	uint64_t ones_value; /** the value of the key that cannot be in a slot */
	bool has_ones;
};

/** The value of key, or NULL. The pointer is good until the next insertion. */
uint64_t *seep_map_get(const struct seep_map *map, uint64_t key);
/** The value of key, inserted as 0 when it was absent (*added says so; may be NULL). NULL when memory is out. */
uint64_t *seep_map_put(struct seep_map *map, uint64_t key, bool *added);
void seep_map_deinit(struct seep_map *map);

#endif
