// TODO
#include "binary/variables.h"

struct seep_error *seep_variables_read(const struct seep_binary *binary, struct seep_types *types,
				       struct seep_variables *ret)
{
	(void)binary;
	(void)types;
	*ret = (struct seep_variables){};
	return NULL;
}

void seep_variables_deinit(struct seep_variables *variables)
{
	seep_vec_free(&variables->items);
}

const struct seep_variable *seep_variables_find(const struct seep_variables *variables,
						seep_addr addr)
{
	(void)variables;
	(void)addr;
	return NULL;
}
