// Usage: evidence_dump FILE|PID [closures | frames EVERY]
//
// Prints what machine code gives away of the package variables of an executable, for the tests that compare it with what DWARF
// or the program itself says: "word ADDRESS KIND OFFSET-OF-TYPE SIZE NAME", then what it cost. Which words hold
// pointers comes from the GC programs that the runtime unrolls when it starts. Of a process it also prints which of these lead
// elsewhere than into the executable's own data, the heap mostly: "holds ADDRESS".
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

static struct seep_target *target;
static struct seep_binary *opened;

static void check(struct seep_error *err)
{
	if (err)
		errx(EXIT_FAILURE, "%s", err->message);
}

static void open_process(pid_t pid)
{
	check(seep_target_open(pid, &target));
	check(seep_binary_open(target, &opened));
	binary = *opened; // types borrow from what stays where it is
	const struct seep_module *m = &opened->pclntab.module;
	unsigned char *bss = malloc(m->ebss - m->bss + 1);
	if (!bss)
		err(EXIT_FAILURE, NULL);
	check(seep_target_read(target, m->bss, bss, m->ebss - m->bss));
	check(seep_memory_add(&opened->image.memory,
			      (struct seep_segment){ m->bss, m->ebss, bss }));
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

static void print_heap_words(const struct seep_vec_addr *pointers)
{
	const struct seep_module *m = &binary.pclntab.module;
	uint64_t value;

	for (size_t i = 0; i < pointers->len; i++) {
		struct seep_error *err =
			seep_target_read(target, pointers->data[i], &value, sizeof(value));
		if (!err && value != 0 && !seep_memory_find(&binary.image.memory, value) &&
		    !(value >= m->noptrdata && value < m->end))
			printf("holds %#" PRIx64 "\n", pointers->data[i]);
		seep_error_destroy(err);
	}
}

// Seconds of this process's own work: other programs may be at work, too.
static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static const char *const kinds[] = { "pointer", "string", "slice",  "map",   "chan",	"func",
				     "eface",	"iface",  "unsafe", "array", "elements" };

static void print_closures(struct seep_evidence *ev, struct seep_types *types)
{
	struct seep_func func;

	for (uint32_t i = 0; i < binary.pclntab.func_count; i++) {
		if (!seep_pclntab_func(&binary.pclntab, i, &func))
			continue;
		seep_addr type = seep_evidence_closure(ev, &func);
		if (type)
			printf("closure %#" PRIx64 " %s %s\n", func.entry, func.name,
			       seep_type_name(types, type));
	}
}

struct frames {
	struct seep_evidence *ev;
	const struct seep_pclntab *tab;
	struct seep_types *types;
	struct seep_func func;
};

// The frame while a call lasts: "frame PC OFFSET-FROM-CFA KIND OFFSET-OF-TYPE SIZE NAME FUNCTION".
static bool print_frame(const struct seep_call *call, void *arg)
{
	const struct seep_evidence_word *words;
	struct frames *frames = arg;
	seep_addr pc = call->pc + 5;
	size_t count;
	int32_t depth;

	if (!seep_func_spdelta(frames->tab, &frames->func, call->pc, &depth))
		return true;
	check(seep_evidence_frame(frames->ev,
				  &(struct seep_evidence_frame){ .func = &frames->func, .pc = pc },
				  &words, &count));
	for (size_t j = 0; j < count; j++) {
		struct seep_type type = {};
		(void)seep_type_read(frames->types, words[j].type, &type);
		printf("frame %#" PRIx64 " %" PRId64 " %s %" PRId64 " %" PRIu64 " %s %s\n", pc,
		       words[j].offset - depth - 8, kinds[words[j].kind],
		       type.addr ? (int64_t)(type.addr - frames->tab->module.types) : 0, type.size,
		       type.addr ? seep_type_name(frames->types, type.addr) : "-",
		       frames->func.name);
	}
	return true;
}

// At every direct call of every n-th function.
static void print_frames(struct seep_evidence *ev, const struct seep_pclntab *tab,
			 struct seep_types *types, uint32_t every)
{
	struct frames frames = { .ev = ev, .tab = tab, .types = types };

	for (uint32_t i = 0; every && i < tab->func_count; i += every)
		if (seep_pclntab_func(tab, i, &frames.func))
			check(seep_code_each_call(tab, &frames.func, print_frame, &frames));
}

int main(int argc, char **argv)
{
	const struct seep_evidence_word *words;
	struct seep_evidence *ev;
	size_t count;

	if (argc < 2)
		errx(2, "usage: evidence_dump FILE [closures]");
	if (strspn(argv[1], "0123456789") == strlen(argv[1]))
		open_process((pid_t)atoi(argv[1]));
	else
		open_file(argv[1]);
	struct seep_types *types = opened ? &opened->types : &binary.types;
	const struct seep_pclntab *tab = opened ? &opened->pclntab : &binary.pclntab;
	const struct seep_module *m = &tab->module;
	struct seep_vec_addr pointers = {};
	add_pointers(m->gcdata, m->data, m->edata, &pointers);
	add_pointers(m->gcbss, m->bss, m->ebss, &pointers);
	double start = now();
	check(seep_evidence_open(tab, types, &ev));
	double made = now();
	check(seep_evidence_globals(ev, pointers.data, pointers.len, NULL, &words, &count));
	double done = now();
	for (size_t i = 0; i < count; i++) {
		struct seep_type type = {};
		(void)seep_type_read(types, words[i].type, &type);
		if (words[i].kind == SEEP_PART_MAP) {
			printf("word %#" PRIx64 " map %" PRId64 " 8 map[%s]%s\n", words[i].addr,
			       (int64_t)(type.addr - m->types),
			       type.key ? seep_type_name(types, type.key) : "?",
			       type.elem ? seep_type_name(types, type.elem) : "?");
			continue;
		}
		printf("word %#" PRIx64 " %s %" PRId64 " %" PRIu64 " %s\n", words[i].addr,
		       kinds[words[i].kind], type.addr ? (int64_t)(type.addr - m->types) : 0,
		       type.size, type.addr ? seep_type_name(types, type.addr) : "-");
	}
	const struct seep_evidence_stats *stats = seep_evidence_stats(ev);
	printf("pointers %zu\nwords %u\nconflicts %u\nscanned %" PRIu64
	       "\nfunctions %u\nleft_out %u\ncode_bytes %" PRIu64
	       "\nopen_ms %.0f\nglobals_ms %.0f\n",
	       pointers.len, stats->words, stats->conflicts, stats->scanned_bytes, stats->functions,
	       stats->functions_left_out, stats->code_bytes, (made - start) * 1e3,
	       (done - made) * 1e3);
	if (target)
		print_heap_words(&pointers);
	if (argc > 2 && strcmp(argv[2], "closures") == 0)
		print_closures(ev, types);
	if (argc > 3 && strcmp(argv[2], "frames") == 0)
		print_frames(ev, tab, types, (uint32_t)atoi(argv[3]));
	seep_evidence_close(ev);
	seep_vec_free(&pointers);
}
