// The report as plain data: its arena, its caveats, the names of the verdicts, the order of the findings.
//
// All strings of a report are allocated from a list of chunks and die with it. A chunk is filled
// from the front; what does not fit into the rest of the newest one gets a chunk of its own size or
// of the usual size, whichever is larger.
#include "detect/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 64 * 1024, ALIGNMENT = 16 };

struct seep_arena_chunk {
	struct seep_arena_chunk *next; // older
	size_t used, size;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

const char *seep_verdict_name(enum seep_verdict verdict)
{
	static const char *const names[] = {
		[SEEP_VERDICT_PROVEN] = "proven",	[SEEP_VERDICT_DEADLOCKED] = "deadlocked",
		[SEEP_VERDICT_ABANDONED] = "abandoned", [SEEP_VERDICT_SUSPECT] = "suspect",
		[SEEP_VERDICT_WAITING] = "waiting",	[SEEP_VERDICT_INTENDED] = "intended",
	};

	return (size_t)verdict < sizeof(names) / sizeof(*names) ? names[verdict] : "unknown";
}

void seep_report_init(struct seep_report *report)
{
	*report = (struct seep_report){ .memory.gogc = INT64_MIN };
}

static void deinit_finding(struct seep_finding *finding)
{
	seep_vec_free(&finding->why);
	seep_vec_free(&finding->goroutines);
	seep_vec_free(&finding->stacks);
	seep_vec_free(&finding->objects);
}

void seep_report_deinit(struct seep_report *report)
{
	seep_vec_foreach(finding, &report->findings)
		deinit_finding(finding);
	seep_vec_foreach(suppressed, &report->suppressed)
		deinit_finding(&suppressed->finding);
	seep_vec_free(&report->findings);
	seep_vec_free(&report->top.sites);
	seep_vec_free(&report->suppressed);
	seep_vec_free(&report->left_out);
	seep_vec_free(&report->caveats);
	seep_vec_free(&report->notes);
	seep_vec_free(&report->goroutines.by_state);
	seep_vec_free(&report->memory.parts);
	seep_vec_free(&report->types.untyped);
	seep_vec_free(&report->holders);
	seep_vec_free(&report->top.types);
	seep_vec_free(&report->top.variables);
	seep_vec_free(&report->top.goroutines);
	seep_vec_free(&report->tree.nodes);
	seep_vec_free(&report->tree.names);
	seep_vec_free(&report->paths);
	for (struct seep_arena_chunk *chunk = report->arena, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	*report = (struct seep_report){};
}

uint64_t seep_finding_bytes(const struct seep_finding *finding)
{
	return finding->retained_bytes > finding->wasted_bytes ? finding->retained_bytes :
								 finding->wasted_bytes;
}

static int compare_findings(const void *a, const void *b)
{
	const struct seep_finding *x = a, *y = b;
	uint64_t x_bytes = seep_finding_bytes(x), y_bytes = seep_finding_bytes(y);

	if ((x->verdict >= SEEP_VERDICT_WAITING) != (y->verdict >= SEEP_VERDICT_WAITING))
		return x->verdict >= SEEP_VERDICT_WAITING ? 1 : -1;
	if (x_bytes != y_bytes)
		return x_bytes > y_bytes ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	if (x->signature != y->signature)
		return x->signature < y->signature ? -1 : 1;
	return (x->verdict > y->verdict) - (x->verdict < y->verdict);
}

void seep_report_sort(struct seep_report *report)
{
	if (report->findings.len)
		qsort(report->findings.data, report->findings.len, sizeof(struct seep_finding),
		      compare_findings);
}

void *seep_report_alloc(struct seep_report *report, size_t size)
{
	struct seep_arena_chunk *chunk = report->arena;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (!chunk || size > chunk->size - chunk->used) {
		size_t chunk_size = size > CHUNK_BYTES ? size : CHUNK_BYTES;

		chunk = calloc(1, sizeof(*chunk) + chunk_size);
		if (!chunk)
			return NULL;
		chunk->size = chunk_size;
		chunk->next = report->arena;
		report->arena = chunk;
	}
	void *bytes = chunk->bytes + chunk->used;
	chunk->used += size;
	return bytes;
}

static _printf_(2, 0) const
	char *format_into(struct seep_report *report, const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (len < 0)
		return NULL;
	char *text = seep_report_alloc(report, (size_t)len + 1);
	if (text)
		vsnprintf(text, (size_t)len + 1, format, args);
	return text;
}

const char *seep_report_format(struct seep_report *report, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const char *text = format_into(report, format, args);
	va_end(args);
	return text;
}

void seep_report_caveat(struct seep_report *report, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const char *text = format_into(report, format, args);
	va_end(args);
	// A caveat must not get lost: without memory to spell it out, its bare format still says
	// what it is about.
	if (!text)
		text = format;
	seep_vec_foreach(caveat, &report->caveats)
		if (strcmp(*caveat, text) == 0)
			return;
	if (!seep_vec_push(&report->caveats, text))
		return;
}

void seep_report_note(struct seep_report *report, const char *text)
{
	seep_vec_foreach(note, &report->notes)
		if (strcmp(*note, text) == 0)
			return;
	// Without memory for it, the findings stand all the same.
	if (!seep_vec_push(&report->notes, text))
		return;
}
