// Usage: binary_dump FILE [layout|globals|types|masks|refs FUNCTION|calls FUNCTION|atomics FUNCTION]...
//
// Prints what the library reads from an executable, for the tests that compare it with what Go's own tools say. Opens the
// file alone: no process, so a PIE's data is as the linker left it.
#include "binary/binary.h"
#include "binary/code.h"

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct seep_binary binary;

static void check(struct seep_error *err)
{
	if (err)
		errx(EXIT_FAILURE, "%s", err->message);
}

static void open_file(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		err(EXIT_FAILURE, "%s", path);
	void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		err(EXIT_FAILURE, "%s", path);
	close(fd);
	check(seep_image_parse(bytes, (size_t)st.st_size, &binary.image));
	check(seep_buildinfo_read(&binary.image, &binary.info));
	check(seep_pclntab_open(&binary.image, binary.info.minor, &binary.pclntab));
	binary.minor = binary.info.minor;
	seep_types_init(&binary.types, &binary.image.memory, &binary.pclntab.module, binary.minor);
	check(seep_layout_resolve(&binary.types, binary.image.arch, binary.minor, &binary.layout));
	printf("version %s\n", binary.info.version);
}

static void dump_layout(void)
{
	const struct seep_layout *l = &binary.layout;

#define SEEP_LAYOUT_SIZE(strct, name) printf("layout " #strct "_size %d\n", l->strct##_size);
#define SEEP_LAYOUT_FIELD(strct, field, path) \
	printf("layout " #strct "_" #field " %d\n", l->strct##_##field);
#define SEEP_LAYOUT_CONST(name, path) printf("layout " #name " %d\n", l->name);
#include "binary/layout_fields.h"
#undef SEEP_LAYOUT_SIZE
#undef SEEP_LAYOUT_FIELD
#undef SEEP_LAYOUT_CONST
	printf("layout_row %d\nlayout_from_types %u\nlayout_from_table %u\nlayout_disagreements %u\n",
	       l->table_minor, l->from_types, l->from_table, l->disagreements);
}

static void dump_globals(void)
{
	struct seep_globals *g = &binary.globals;

	check(seep_globals_find(&binary.pclntab, &binary.layout, binary.minor, g));
#define PRINT(name) printf("global " #name " %#" PRIx64 "\n", (uint64_t)g->name)
	PRINT(allglen);
	PRINT(allgptr);
	PRINT(allp);
	PRINT(allm);
	PRINT(mheap);
	PRINT(gcphase);
	PRINT(semtable);
	PRINT(semtable_stride);
	PRINT(wait_reasons);
	PRINT(wait_reason_count);
	PRINT(finq);
	PRINT(allfin);
	PRINT(cleanups);
	PRINT(mem_profile_rate);
	PRINT(gc_controller);
	PRINT(memstats_enablegc);
	PRINT(memstats_other_sys);
	PRINT(persistent_chunks);
	PRINT(gc_bits_arenas);
	PRINT(buckhash);
#undef PRINT
}

static bool dump_type(const struct seep_type *type, void *arg)
{
	const uint8_t *mask = seep_type_mask(&binary.types, type);
	uint64_t words = type->ptr_bytes / 8, hash = 14695981039346656037u;

	(void)arg;
	for (uint64_t i = 0; mask && i < words; i++)
		hash = (hash ^ (mask[i / 8] >> i % 8 & 1)) * 1099511628211u;
	printf("type %#" PRIx64 " kind %d size %" PRIu64 " ptr %" PRIu64 " %s%s mask %016" PRIx64
	       " %s\n",
	       type->addr, type->kind, type->size, type->ptr_bytes,
	       type->gc_program ? "program" : "", type->on_demand ? "on-demand" : "",
	       mask ? hash : 0, seep_type_name(&binary.types, type->addr));
	return true;
}

// The mask of a type by the kinds of what it is made of, whatever gcdata says; false if it is over the limit.
static bool mask_by_kind(seep_addr addr, uint64_t word, uint8_t *mask, uint64_t *budget)
{
	struct seep_type type;
	struct seep_field field;

	if (!seep_type_read(&binary.types, addr, &type) || (*budget)-- == 0)
		return false;
	if (type.ptr_bytes == 0)
		return true;
	switch (type.kind) {
	case SEEP_KIND_ARRAY:
		for (uint64_t i = 0, n = 0; i < type.count; i++, n++) {
			struct seep_type elem;
			if (!seep_type_read(&binary.types, type.elem, &elem) ||
			    !mask_by_kind(type.elem, word + n * (elem.size / 8), mask, budget))
				return false;
		}
		return true;
	case SEEP_KIND_STRUCT:
		for (uint64_t i = 0; i < type.count; i++)
			if (!seep_type_field(&binary.types, &type, i, &field) ||
			    !mask_by_kind(field.type, word + field.offset / 8, mask, budget))
				return false;
		return true;
	case SEEP_KIND_INTERFACE: // itabs and descriptors are not in the heap
		word++;
	}
	mask[word / 8] |= (uint8_t)(1 << word % 8);
	return true;
}

struct comparison {
	size_t types, large, differ, unknown;
};

static bool compare_mask(const struct seep_type *type, void *arg)
{
	struct comparison *result = arg;
	const uint8_t *mask = seep_type_mask(&binary.types, type);
	uint64_t words = type->ptr_bytes / 8, budget = 8 << 20;
	bool same = mask != NULL;

	uint8_t *expected = calloc(1, words / 8 + 1);
	if (!expected || !mask_by_kind(type->addr, 0, expected, &budget))
		result->unknown++;
	else
		for (uint64_t i = 0; i < words && same; i++)
			same = (mask[i / 8] >> i % 8 & 1) == (expected[i / 8] >> i % 8 & 1);
	free(expected);
	if (!same) {
		result->differ++;
		printf("differs: %s\n", seep_type_name(&binary.types, type->addr));
	}
	result->types++;
	result->large += type->gc_program || type->on_demand;
	return true;
}

static void compare_masks(void)
{
	struct comparison result = {};

	seep_types_each(&binary.types, compare_mask, &result);
	printf("masks %zu\nmasks_large %zu\nmasks_differ %zu\nmasks_unknown %zu\n", result.types,
	       result.large, result.differ, result.unknown);
}

static void print_origin(const struct seep_origin *o)
{
	static const char *const kinds[] = { "unknown",	     "global",	"slot",
					     "slot-address", "closure", "context" };

	printf(" %s addr %#" PRIx64 " slot %" PRId64 " offset %" PRId64, kinds[o->kind], o->addr,
	       o->slot, o->offset);
	for (int i = 0; i < o->loads; i++)
		printf(" then %" PRId64, o->then[i]);
	printf("\n");
}

static bool dump_ref(const struct seep_ref *ref, void *arg)
{
	static const char *const kinds[] = { "lea", "load", "store", "cmp", "other" };

	(void)arg;
	printf("ref %#" PRIx64 " %s %u %#" PRIx64 "\n", ref->pc, kinds[ref->kind], ref->size,
	       ref->addr);
	return true;
}

static bool dump_call(const struct seep_call *call, void *arg)
{
	struct seep_func callee;

	(void)arg;
	bool found = seep_pclntab_find(&binary.pclntab, call->target, &callee);
	printf("call %#" PRIx64 " %s", call->pc, found ? callee.name : "?");
	print_origin(&call->arg);
	return true;
}

static bool dump_atomic(const struct seep_atomic *atomic, void *arg)
{
	static const char *const kinds[] = { "cmpxchg", "xadd", "other" };

	(void)arg;
	printf("atomic %#" PRIx64 " %s %u", atomic->pc, kinds[atomic->kind], atomic->size);
	print_origin(&atomic->arg);
	return true;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		errx(2,
		     "usage: binary_dump FILE [layout|globals|types|masks|refs FUNCTION|calls FUNCTION|atomics FUNCTION]...");
	open_file(argv[1]);
	for (int i = 2; i < argc; i++) {
		const char *what = argv[i];
		struct seep_func func = {};
		if (strcmp(what, "layout") == 0)
			dump_layout();
		else if (strcmp(what, "globals") == 0)
			dump_globals();
		else if (strcmp(what, "types") == 0)
			seep_types_each(&binary.types, dump_type, NULL);
		else if (strcmp(what, "masks") == 0)
			compare_masks();
		if (i + 1 == argc ||
		    (strcmp(what, "refs") && strcmp(what, "calls") && strcmp(what, "atomics")))
			continue;
		seep_pclntab_find_names(&binary.pclntab, (const char *const *)&argv[++i], 1, &func);
		if (!func.raw) {
			printf("no %s\n", argv[i]);
			continue;
		}
		if (what[0] == 'r')
			check(seep_code_each_ref(&binary.pclntab, &func, dump_ref, NULL));
		else if (what[0] == 'c')
			check(seep_code_each_call(&binary.pclntab, &func, dump_call, NULL));
		else
			check(seep_code_each_atomic(&binary.pclntab, &func, dump_atomic, NULL));
	}
	seep_types_deinit(&binary.types);
	seep_buildinfo_deinit(&binary.info);
	seep_image_deinit(&binary.image);
	return 0;
}
