// TODO
#include "graph/typing.h"

struct seep_error *seep_typing_find(struct seep_runtime *runtime, const struct seep_live *live,
				    const struct seep_variables *variables, struct seep_typing *ret)
{
	(void)runtime;
	(void)live;
	(void)variables;
	*ret = (struct seep_typing){};
	return NULL;
}

void seep_typing_deinit(struct seep_typing *typing)
{
	(void)typing;
}

struct seep_content_type seep_typing_content(const struct seep_typing *typing,
					     const struct seep_runtime *runtime,
					     struct seep_object object)
{
	(void)typing;
	(void)runtime;
	(void)object;
	return (struct seep_content_type){};
}
bool seep_typing_name(const struct seep_typing *typing, const struct seep_runtime *runtime,
		      struct seep_object object, struct seep_str *text)
{
	(void)typing;
	(void)runtime;
	(void)object;
	(void)text;
	return false;
}
void seep_typing_step(const struct seep_typing *typing, const struct seep_runtime *runtime,
		      struct seep_object object, uint64_t offset, struct seep_str *text)
{
	(void)typing;
	(void)runtime;
	(void)object;
	seep_str_addf(text, "+%llu", (unsigned long long)offset);
}
