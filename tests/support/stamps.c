// Usage: stamps PID TABLE WRITERS CAPTURES [METHOD]
//
// Captures the running program of tests/harmless/stamps again and again as seep does it, and checks that every copy is of one
// moment: see there for what holds at any moment. TABLE and WRITERS are what the program prints. METHOD: precopy, stop, or "two", which
// takes every other page from a second capture, which the checks must notice. Exit status 1 when a copy mixes moments, or if there is none.
#include "runtime/runtime.h"
#include "target/target.h"

#include <err.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RING = 16, WRITERS_MAX = 24, PIECE_MAX = 1 << 20, TOLD_MAX = 20 };

// As the program has them.
struct piece {
	uint64_t addr, stride, count;
};
struct entry {
	uint64_t stamp;
	struct piece piece;
};
struct writer {
	char name[16];
	struct piece places;
	uint64_t step, other, seen, sparse;
	struct entry ring[RING];
	char rest[4096 - 16 - 24 - 32 - RING * 32];
};
_Static_assert(sizeof(struct writer) == 4096, "the program's struct");

struct check {
	const struct seep_memory *memory;
	const struct seep_memory *other; /** every other page is taken from here, if there is one */
	struct writer table[WRITERS_MAX];
	size_t count;
	uint64_t words, mixed;
	bool writer_mixed[WRITERS_MAX];
	const struct writer *now;
	uint64_t capture;
};

static void check_error(struct seep_error *err)
{
	if (err)
		errx(EXIT_FAILURE, "%s", err->message);
}

__attribute__((format(printf, 2, 3))) static void tell(struct check *c, const char *format, ...)
{
	va_list args;

	if (c->now >= c->table && c->now < c->table + c->count)
		c->writer_mixed[c->now - c->table] = true;
	if (c->mixed++ >= TOLD_MAX)
		return;
	printf("MIXED capture %" PRIu64 ", %.16s: ", c->capture, c->now->name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static bool read_bytes(const struct check *c, seep_addr addr, void *buf, size_t len)
{
	const struct seep_memory *memory =
		c->other && ((addr >> 12 ^ c->capture >> 1) & 1) ? c->other : c->memory;
	const void *p = seep_memory_at(memory, addr, len);

	if (p)
		memcpy(buf, p, len);
	return p != NULL;
}

static bool read_word(struct check *c, const struct piece *piece, uint64_t i, uint64_t *ret)
{
	c->words++;
	if (piece->count > PIECE_MAX || !read_bytes(c, piece->addr + i * piece->stride, ret, 8)) {
		tell(c, "word %" PRIu64 " of %" PRIu64 " at %#" PRIx64 " is not in the copy", i,
		     piece->count, piece->addr);
		return false;
	}
	return true;
}

/** The first places have what the first of all has, the rest one less. */
static void check_places(struct check *c, const struct piece *places)
{
	uint64_t first, before, now;

	if (!read_word(c, places, 0, &first))
		return;
	before = first;
	for (uint64_t i = 1; i < places->count; i++) {
		if (!read_word(c, places, i, &now))
			return;
		if (now != before && !(before == first && now + 1 == first)) {
			tell(c,
			     "place %" PRIu64 " of %" PRIu64 " at %#" PRIx64 " has %" PRIu64
			     ", the one before %" PRIu64 ", the first %" PRIu64,
			     i, places->count, places->addr + i * places->stride, now, before,
			     first);
			return;
		}
		before = now;
	}
}

/** Whether an entry may have that number when so many steps are done. */
static bool stamp_fits(const struct writer *w, uint64_t slot, uint64_t stamp)
{
	uint64_t next = w->step + 1, latest = w->step - (w->step - slot) % RING;

	if (stamp == next && slot == next % RING)
		return true;
	return w->sparse ? stamp <= w->step && w->step - stamp < RING : stamp == latest;
}

static void check_ring(struct check *c, const struct writer *w)
{
	for (uint64_t slot = 0; slot < RING; slot++) {
		const struct entry *e = &w->ring[slot];
		if (!e->piece.addr) {
			// Only the one that is being made may be missing.
			if (!w->sparse && w->step >= RING && slot != (w->step + 1) % RING)
				tell(c, "after %" PRIu64 " steps entry %" PRIu64 " is empty",
				     w->step, slot);
			continue;
		}
		if (e->stamp % RING != slot || !stamp_fits(w, slot, e->stamp))
			tell(c, "after %" PRIu64 " steps entry %" PRIu64 " has %" PRIu64, w->step,
			     slot, e->stamp);
		for (uint64_t i = 0; i < e->piece.count; i++) {
			uint64_t now;
			if (!read_word(c, &e->piece, i, &now))
				break;
			if (now != e->stamp) {
				tell(c,
				     "page %" PRIu64 " of %" PRIu64 " at %#" PRIx64 " has %" PRIu64
				     " instead of %" PRIu64,
				     i, e->piece.count, e->piece.addr + i * e->piece.stride, now,
				     e->stamp);
				break;
			}
		}
	}
}

/** What a writer has seen of another one must have happened. */
static void check_seen(struct check *c, const struct writer *w)
{
	uint64_t at;

	if (!w->other || w->other > c->count)
		return;
	const struct writer *o = &c->table[w->other - 1];
	at = o->step;
	if (o->places.count && !read_word(c, &o->places, 0, &at))
		return;
	if (at < w->seen)
		tell(c, "it has seen step %" PRIu64 " of %.16s, which is at %" PRIu64, w->seen,
		     o->name, at);
}

static void check_copy(struct check *c, seep_addr table)
{
	const void *bytes = seep_memory_at(c->memory, table, c->count * sizeof(*c->table));

	if (!bytes)
		errx(EXIT_FAILURE, "the table is not in the copy");
	memcpy(c->table, bytes, c->count * sizeof(*c->table));
	for (size_t i = 0; i < c->count; i++) {
		c->now = &c->table[i];
		if (c->now->places.count)
			check_places(c, &c->now->places);
		else
			check_ring(c, c->now);
		check_seen(c, c->now);
	}
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/** A target with its binary, captured once. */
struct captured {
	struct seep_target *target;
	struct seep_binary *binary;
};

/** False if the method is refused, or given up: no thread to begin with, or memory that changes too fast. */
static bool capture(pid_t pid, enum seep_snapshot_method method, struct captured *ret)
{
	const struct seep_snapshot_options options = { .method = method };
	struct seep_snapshot snapshot;

	check_error(seep_target_open(pid, &ret->target));
	check_error(seep_binary_open(ret->target, &ret->binary));
	struct seep_error *err =
		seep_runtime_snapshot(ret->target, ret->binary, &options, &snapshot);
	if (!err)
		return true;
	if (err->code != SEEP_ERROR_UNSUPPORTED && err->code != SEEP_ERROR_CHANGED)
		errx(EXIT_FAILURE, "%s", err->message);
	printf("refused: %s\n", err->message);
	seep_error_destroy(err);
	return false;
}

static void captured_end(struct captured *captured)
{
	seep_binary_close(captured->binary);
	seep_target_close(captured->target);
}

static void tell_totals(const struct check *c, const char *method, const uint64_t *pauses,
			uint64_t taken)
{
	printf("%" PRIu64 " captures (%s), %" PRIu64
	       " refused, pause %.1f ms median, %.1f ms max; %" PRIu64 " words, %" PRIu64
	       " mixed\n",
	       taken, method, c->capture - taken, pauses[taken / 2] / 1e6,
	       pauses[taken ? taken - 1 : 0] / 1e6, c->words, c->mixed);
	for (size_t i = 0; i < c->count; i++)
		if (!c->mixed || c->writer_mixed[i])
			printf("%s: %.16s\n", c->mixed ? "mixed" : "whole", c->table[i].name);
}

int main(int argc, char **argv)
{
	static struct check c;
	const char *method = argc == 6 ? argv[5] : "stop";

	if (argc < 5 || argc > 6)
		errx(2, "usage: stamps PID TABLE WRITERS CAPTURES [METHOD]");
	pid_t pid = atoi(argv[1]);
	seep_addr table = strtoull(argv[2], NULL, 0);
	uint64_t captures = strtoull(argv[4], NULL, 10);
	uint64_t *pauses = calloc(captures + 1, sizeof(*pauses));
	c.count = strtoull(argv[3], NULL, 10);
	if (!pauses || !c.count || c.count > WRITERS_MAX || !captures)
		errx(2, "bad arguments");
	bool two = strcmp(method, "two") == 0;
	enum seep_snapshot_method how = strcmp(method, "precopy") == 0 ? SEEP_SNAPSHOT_PRECOPY :
									 SEEP_SNAPSHOT_STOP;
	uint64_t taken = 0;
	for (c.capture = 0; c.capture < captures; c.capture++) {
		struct captured first = {}, second = {};
		if (capture(pid, how, &first) && (!two || capture(pid, how, &second))) {
			pauses[taken++] = seep_target_stats(first.target).pause_ns;
			bool later_first = two && c.capture % 2;
			c.memory = seep_target_memory(later_first ? second.target : first.target);
			if (two)
				c.other = seep_target_memory(later_first ? first.target :
									   second.target);
			check_copy(&c, table);
		}
		captured_end(&first);
		captured_end(&second);
	}
	qsort(pauses, taken, sizeof(*pauses), compare_u64);
	tell_totals(&c, method, pauses, taken);
	free(pauses);
	return c.mixed || !taken ? 1 : 0;
}
