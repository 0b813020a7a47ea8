// Usage: evidence_dump FILE [closures]
//
// Prints what machine code gives away of the package variables of an executable, for the tests that compare it with what DWARF
// or the program itself says: "word ADDRESS KIND OFFSET-OF-TYPE SIZE NAME", then what it cost. Opens the file alone; which words
// hold pointers comes from the GC programs that the runtime unrolls when it starts.
#include "binary/binary.h"
#include "binary/evidence.h"

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
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
}

struct seep_vec_addr seep_vec(seep_addr);

// Runs the GC program at addr, whose bits are for the words from `start` on (runtime.progToPointerMask).
static void add_pointers(seep_addr addr, seep_addr start, seep_addr end,
			 struct seep_vec_addr *pointers)
{
	size_t words = (end - start) / 8, done = 0;
	struct seep_buffer prog = seep_memory_buffer(&binary.image.memory, addr, UINT64_MAX);
	unsigned char *bits = calloc(1, words + 1);
	uint8_t op;

	while (bits && done < words && seep_buffer_u8(&prog, &op) && op != 0) {
		uint64_t n = op & 0x7f, count = 0;
		if (!(op & 0x80)) {
			const uint8_t *raw = seep_buffer_bytes(&prog, (n + 7) / 8);
			for (uint64_t i = 0; raw && i < n && done < words; i++)
				bits[done++] = raw[i / 8] >> i % 8 & 1;
			continue;
		}
		if ((n == 0 && !seep_buffer_uvarint(&prog, &n)) ||
		    !seep_buffer_uvarint(&prog, &count) || n > done)
			errx(EXIT_FAILURE, "no GC program");
		for (uint64_t i = 0; i < n * count && done < words; i++, done++)
			bits[done] = bits[done - n];
	}
	for (size_t i = 0; bits && i < words; i++)
		if (bits[i] && !seep_vec_push(pointers, start + 8 * i))
			errx(EXIT_FAILURE, "memory is out");
	free(bits);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static const char *const kinds[] = { "pointer", "string", "slice", "map",    "chan",
				     "func",	"eface",  "iface", "unsafe", "array" };

static void print_closures(struct seep_evidence *ev)
{
	struct seep_func func;

	for (uint32_t i = 0; i < binary.pclntab.func_count; i++) {
		if (!seep_pclntab_func(&binary.pclntab, i, &func))
			continue;
		seep_addr type = seep_evidence_closure(ev, &func);
		if (type)
			printf("closure %#" PRIx64 " %s %s\n", func.entry, func.name,
			       seep_type_name(&binary.types, type));
	}
}

int main(int argc, char **argv)
{
	const struct seep_evidence_word *words;
	struct seep_evidence *ev;
	size_t count;

	if (argc < 2)
		errx(2, "usage: evidence_dump FILE [closures]");
	open_file(argv[1]);
	const struct seep_module *m = &binary.pclntab.module;
	struct seep_vec_addr pointers = {};
	add_pointers(m->gcdata, m->data, m->edata, &pointers);
	add_pointers(m->gcbss, m->bss, m->ebss, &pointers);
	double start = now();
	check(seep_evidence_open(&binary.pclntab, &binary.types, &ev));
	double opened = now();
	check(seep_evidence_globals(ev, pointers.data, pointers.len, &words, &count));
	double done = now();
	for (size_t i = 0; i < count; i++) {
		struct seep_type type = {};
		(void)seep_type_read(&binary.types, words[i].type, &type);
		if (words[i].kind == SEEP_PART_MAP) {
			printf("word %#" PRIx64 " map %" PRId64 " 8 map[%s]%s\n", words[i].addr,
			       (int64_t)(type.addr - m->types),
			       type.key ? seep_type_name(&binary.types, type.key) : "?",
			       type.elem ? seep_type_name(&binary.types, type.elem) : "?");
			continue;
		}
		printf("word %#" PRIx64 " %s %" PRId64 " %" PRIu64 " %s\n", words[i].addr,
		       kinds[words[i].kind], type.addr ? (int64_t)(type.addr - m->types) : 0,
		       type.size, type.addr ? seep_type_name(&binary.types, type.addr) : "-");
	}
	const struct seep_evidence_stats *stats = seep_evidence_stats(ev);
	printf("pointers %zu\nwords %u\nconflicts %u\nscanned %" PRIu64
	       "\nfunctions %u\nleft_out %u\ncode_bytes %" PRIu64
	       "\nopen_ms %.0f\nglobals_ms %.0f\n",
	       pointers.len, stats->words, stats->conflicts, stats->scanned_bytes, stats->functions,
	       stats->functions_left_out, stats->code_bytes, (opened - start) * 1e3,
	       (done - opened) * 1e3);
	if (argc > 2 && strcmp(argv[2], "closures") == 0)
		print_closures(ev);
	seep_evidence_close(ev);
	seep_vec_free(&pointers);
}
