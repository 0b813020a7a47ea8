// internal/sync.HashTrieMap, of which sync.Map is made since Go 1.24 (and unique's maps since 1.23, then in
// internal/concurrent; from 1.25 on unique has a like one of its own, canonMap).
//
// Its pointers are all *node[K, V], and a node is only the head of what stands there: node { isEntry bool } begins either an
// entry[K, V] or an indirect[K, V] (hashtriemap.go). So the byte decides.
#include "graph/typing_internal.h"

#include <string.h>

/** Names of types, for those that nothing known refers to. */
static bool enter_name(const struct seep_type *type, void *arg)
{
	struct typer *t = arg;
	const char *name = seep_type_name(t->typing->shapes.types, type->addr);

	if (strncmp(name, "sync.entry[", 11) == 0 || strncmp(name, "sync.indirect[", 14) == 0 ||
	    strncmp(name, "concurrent.entry[", 17) == 0 ||
	    strncmp(name, "concurrent.indirect[", 20) == 0 ||
	    strncmp(name, "unique.entry[", 13) == 0 || strncmp(name, "unique.indirect[", 16) == 0)
		if (!seep_vec_push(&t->trie_types, type->addr))
			t->failed = true;
	return !t->failed;
}

/** The type that is called as node is, but for the word in front of the bracket. */
static uint32_t sibling(struct typer *t, const char *node, const char *word)
{
	struct seep_types *types = t->typing->shapes.types;
	const char *dot = strchr(node, '.'), *bracket = strchr(node, '[');

	if (!t->trie_types_known) {
		t->trie_types_known = true;
		seep_types_each(types, enter_name, t);
	}
	for (size_t i = 0; i < t->trie_types.len; i++) {
		const char *name = seep_type_name(types, t->trie_types.data[i]);
		const char *its_dot = strchr(name, '.'), *its_bracket = strchr(name, '[');
		size_t len = strlen(word);
		if (its_dot && its_bracket && its_dot - name == dot - node &&
		    memcmp(name, node, dot - node) == 0 &&
		    (size_t)(its_bracket - its_dot - 1) == len &&
		    memcmp(its_dot + 1, word, len) == 0 && strcmp(its_bracket, bracket) == 0)
			return seep_shape_of(&t->typing->shapes, t->trie_types.data[i]);
	}
	return 0;
}

bool seep_typer_see_node(struct typer *t, seep_addr pointer, seep_addr node_type)
{
	const char *name = seep_type_name(t->typing->shapes.types, node_type);
	struct found f;
	bool added;

	if (strncmp(name, "sync.node[", 10) != 0 && strncmp(name, "concurrent.node[", 16) != 0 &&
	    strncmp(name, "unique.node[", 12) != 0)
		return false;
	if (!seep_typer_find(t, pointer, &f) || f.offset || !f.span->bytes)
		return true;
	bool is_entry = f.span->bytes[f.object.slot * f.span->elem_size];
	uint64_t *shape = seep_map_put(&t->trie_shapes, node_type | is_entry, &added);
	if (shape && added) {
		uint32_t found = sibling(t, name, is_entry ? "entry" : "indirect");
		shape = seep_map_get(&t->trie_shapes, node_type | is_entry);
		*shape = found;
	}
	if (shape)
		seep_typer_adopt(t, pointer, *shape);
	return true;
}
