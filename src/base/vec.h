/**
 * Growable array of any element type: `struct seep_vec(struct item) items = {};`, elements at items.data[0..len).
 * seep_vec_push() and seep_vec_reserve() return false when memory is out; the vector is then as it was.
 */
#ifndef SEEP_BASE_VEC_H
#define SEEP_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define seep_vec(type)           \
	{                        \
		type *data;      \
		size_t len, cap; \
	}

static inline bool seep_vec_grow_(void **data, size_t *cap, size_t want, size_t elem_size)
{
	size_t new_cap = *cap ? *cap : 8, bytes;

	while (new_cap < want)
		if (__builtin_mul_overflow(new_cap, (size_t)2, &new_cap))
			return false;
	if (__builtin_mul_overflow(new_cap, elem_size, &bytes))
		return false;
	void *new_data = realloc(*data, bytes);
	if (!new_data)
		return false;
	*data = new_data;
	*cap = new_cap;
	return true;
}

#define seep_vec_reserve(v, n) \
	((n) <= (v)->cap || seep_vec_grow_((void **)&(v)->data, &(v)->cap, (n), sizeof(*(v)->data)))
#define seep_vec_push(v, ...) \
	(seep_vec_reserve((v), (v)->len + 1) && ((v)->data[(v)->len++] = (__VA_ARGS__), true))
#define seep_vec_pop(v) ((v)->data[--(v)->len])
#define seep_vec_free(v) (free((v)->data), (v)->data = NULL, (v)->len = (v)->cap = 0)
#define seep_vec_foreach(item, v) \
	for (__typeof__((v)->data + 0) item = (v)->data; item != (v)->data + (v)->len; item++)

#endif
