// TODO
#include "binary/shape.h"

struct seep_error *seep_shapes_init(struct seep_shapes *shapes, struct seep_types *types)
{
	*shapes = (struct seep_shapes){ .types = types };
	return NULL;
}
void seep_shapes_deinit(struct seep_shapes *shapes)
{
	seep_vec_free(&shapes->shapes);
}
uint32_t seep_shape_of(struct seep_shapes *shapes, seep_addr type)
{
	(void)shapes;
	(void)type;
	return 0;
}
uint32_t seep_shape_add(struct seep_shapes *shapes, uint64_t size, const struct seep_part *parts,
			uint32_t count)
{
	(void)shapes;
	(void)size;
	(void)parts;
	(void)count;
	return 0;
}
void seep_type_path(struct seep_types *types, seep_addr type, uint64_t offset, bool any_index,
		    struct seep_str *text)
{
	(void)types;
	(void)type;
	(void)any_index;
	seep_str_addf(text, "+%llu", (unsigned long long)offset);
}
