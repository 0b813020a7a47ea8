// Prints what seep reads of an executable's package variables, closures and frames, for tests/binary/variables.py:
//
//	variables EXECUTABLE [ADDRESS-OF-MAIN.MAIN]
//
// The variables first; then, for each line of standard input, `closure ENTRY SIZE` or `frame ENTRY PC`, the answer. Without
// an address: only counts and the time it took. Only the file is opened; addresses are printed and read as they are in the process.
#include "binary/variables.h"
#include "binary/binary.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const kind_names[] = {
	[SEEP_PART_POINTER] = "pointer", [SEEP_PART_STRING] = "string",
	[SEEP_PART_SLICE] = "slice",	 [SEEP_PART_MAP] = "map",
	[SEEP_PART_CHANNEL] = "chan",	 [SEEP_PART_FUNC] = "func",
	[SEEP_PART_EFACE] = "eface",	 [SEEP_PART_IFACE] = "iface",
	[SEEP_PART_UNSAFE] = "unsafe",	 [SEEP_PART_ELEMENTS] = "elements",
};

static uint64_t moved_by;

static int fail(struct seep_error *err)
{
	fprintf(stderr, "%s\n", err->message);
	seep_error_destroy(err);
	return EXIT_FAILURE;
}

static seep_addr moved(seep_addr addr)
{
	return addr ? addr + moved_by : 0;
}

// Arrays in full, however deep: they are small in the tests.
static void print_parts(struct seep_debug *debug, const struct seep_part *parts, uint32_t count,
			int64_t base)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct seep_part *part = &parts[i];
		if (part->kind != SEEP_PART_ARRAY) {
			printf("  %" PRId64 " %s 0x%" PRIx64 "\n", base + part->offset,
			       kind_names[part->kind], moved(part->type));
			continue;
		}
		struct seep_shape inner = seep_debug_inner(debug, part->inner);
		for (uint64_t k = 0; k < part->count; k++)
			print_parts(debug, inner.parts, inner.part_count,
				    base + part->offset + (int64_t)(k * part->stride));
	}
}

static void print_variables(const struct seep_variables *variables)
{
	seep_vec_foreach(v, &variables->items) {
		printf("var %s 0x%" PRIx64 " %" PRIu64 " 0x%" PRIx64 "%s\n", v->name,
		       moved(v->addr), v->size, moved(v->type), v->parts ? "" : " untyped");
		if (strncmp(v->name, "runtime.", 8) != 0)
			print_parts(variables->debug, v->parts, v->part_count, 0);
	}
}

static void print_answer(const struct seep_variables *variables, const char *line)
{
	struct seep_debug_parts parts = {};
	uint64_t first, second;

	if (!variables->debug)
		printf("nothing\n");
	else if (sscanf(line, "closure %" SCNx64 " %" SCNu64, &first, &second) == 2)
		printf("%s\n",
		       seep_debug_closure(variables->debug, first - moved_by, second, &parts) ?
			       "closure" :
			       "nothing");
	else if (sscanf(line, "frame %" SCNx64 " %" SCNx64, &first, &second) == 2)
		printf("%s\n", seep_debug_frame(variables->debug, first - moved_by,
						second - moved_by, &parts) ?
				       "frame" :
				       "nothing");
	for (uint32_t i = 0; i < parts.name_count; i++)
		printf("  name %s %" PRId64 " %" PRIu64 "\n", parts.names[i].name,
		       parts.names[i].offset, parts.names[i].size);
	print_parts(variables->debug, parts.parts, parts.part_count, 0);
	puts(".");
}

static void print_counts(const struct seep_variables *variables, double seconds)
{
	size_t typed = 0, with_type = 0, made = 0;

	seep_vec_foreach(v, &variables->items) {
		typed += v->parts != NULL;
		with_type += v->type != 0;
		made += v->compiler_made;
		if (!v->parts && getenv("SEEP_UNTYPED"))
			printf("untyped %s %" PRIu64 "\n", v->name, v->size);
	}
	printf("%zu variables, %zu with parts, %zu with a descriptor, %zu the compiler's; %.0f ms\n",
	       variables->items.len, typed, with_type, made, seconds * 1e3);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static struct seep_error *run(struct seep_binary *binary, const char *entry_text)
{
	static const char *const names[] = { "main.main" };
	struct seep_error *err;
	struct seep_variables variables;
	struct seep_func entry;
	char *line = NULL;
	size_t cap = 0;

	err = seep_buildinfo_read(&binary->image, &binary->info);
	if (!err)
		err = seep_pclntab_open(&binary->image, binary->info.minor, &binary->pclntab);
	if (err)
		return err;
	seep_types_init(&binary->types, &binary->image.memory, &binary->pclntab.module,
			binary->info.minor);
	double start = now();
	err = seep_variables_read(binary, &binary->types, &variables);
	if (err)
		return err;
	if (!entry_text) {
		print_counts(&variables, now() - start);
		seep_variables_deinit(&variables);
		return NULL;
	}
	seep_pclntab_find_names(&binary->pclntab, names, 1, &entry);
	moved_by = strtoull(entry_text, NULL, 0) - entry.entry;
	print_variables(&variables);
	while (getline(&line, &cap, stdin) > 0)
		print_answer(&variables, line);
	free(line);
	seep_variables_deinit(&variables);
	return NULL;
}

int main(int argc, char **argv)
{
	struct seep_binary binary = {};

	if (argc != 2 && argc != 3)
		return 2;
	int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	struct seep_error *err = seep_image_open(fd, NULL, &binary.image);
	if (!err)
		err = run(&binary, argv[2]);
	seep_types_deinit(&binary.types);
	seep_buildinfo_deinit(&binary.info);
	seep_image_deinit(&binary.image);
	close(fd);
	return err ? fail(err) : EXIT_SUCCESS;
}
