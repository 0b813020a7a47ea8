// Prints what seep reads in an executable about places in its code, in the form of tests/binary/positions/main.go:
//
//	positions EXECUTABLE ADDRESS-OF-MAIN.MAIN <addresses, one a line
//
// Only the file is opened, no process; the address of main.main tells by how much the program was moved when it was
// loaded. Wrappers are left out where the runtime does it, and type arguments stand as [...].
#include "binary/buildinfo.h"
#include "binary/pclntab.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_POSITIONS = 64 };

static int fail(struct seep_error *err)
{
	fprintf(stderr, "%s\n", err->message);
	seep_error_destroy(err);
	return EXIT_FAILURE;
}

// A function's name as tracebacks print it: what stands between the outermost brackets is left out.
static void print_name(const char *name)
{
	const char *open = strchr(name, '['), *close = strrchr(name, ']');

	if (open && close && open < close)
		printf("%.*s[...]%s", (int)(open - name), name, close + 1);
	else
		fputs(name, stdout);
}

static void print_positions(const struct seep_pclntab *tab, seep_addr pc)
{
	struct seep_position positions[MAX_POSITIONS];
	struct seep_func func;

	if (!seep_pclntab_find(tab, pc, &func)) {
		puts(" :0");
		return;
	}
	size_t count = seep_func_positions(tab, &func, pc, positions, MAX_POSITIONS);
	for (size_t i = 0; i < count; i++) {
		// Since 1.21 the runtime leaves out the function itself, too, when it is a wrapper that something was
		// inlined into.
		if (positions[i].wrapper &&
		    (positions[i].inlined || (count > 1 && tab->min_minor >= 21)))
			continue;
		print_name(positions[i].function);
		printf(" %s:%d\n", positions[i].file, positions[i].line);
	}
}

static int print_all(const struct seep_image *image, const char *entry_text)
{
	static const char *const names[] = { "main.main" };
	struct seep_buildinfo info;
	struct seep_pclntab tab;
	struct seep_func entry;
	char *line = NULL;
	size_t cap = 0;

	struct seep_error *err = seep_buildinfo_read(image, &info);
	if (err)
		return fail(err);
	err = seep_pclntab_open(image, info.minor, &tab);
	seep_buildinfo_deinit(&info);
	if (err)
		return fail(err);
	seep_pclntab_find_names(&tab, names, 1, &entry);
	if (!entry.raw)
		return EXIT_FAILURE;
	uint64_t bias = strtoull(entry_text, NULL, 0) - entry.entry;
	while (getline(&line, &cap, stdin) > 0) {
		seep_addr pc = strtoull(line, NULL, 0);
		printf("pc %#" PRIx64 "\n", pc);
		print_positions(&tab, pc - bias);
	}
	free(line);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct seep_image image;

	if (argc != 3)
		return 2;
	int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	struct seep_error *err = seep_image_open(fd, NULL, &image);
	if (err)
		return fail(err);
	int status = print_all(&image, argv[2]);
	seep_image_deinit(&image);
	close(fd);
	return status;
}
