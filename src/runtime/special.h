/** Finalizers, cleanups and weak pointers: records that hang on heap objects, and the queues of what is to be run. */
#ifndef SEEP_RUNTIME_SPECIAL_H
#define SEEP_RUNTIME_SPECIAL_H

#include "runtime/heap.h"

struct seep_runtime;

/** A special record of a heap object (runtime/mheap.go). */
enum seep_special_kind { SEEP_SPECIAL_FINALIZER, SEEP_SPECIAL_WEAK_HANDLE, SEEP_SPECIAL_CLEANUP };
struct seep_special {
	enum seep_special_kind kind;
	struct seep_object object;
	seep_addr words[3]; /** pointers that the record keeps alive: fn; handle; {call,} fn {, arg} */
	seep_addr type; /** FINALIZER: *T, the type of the pointer that runtime.SetFinalizer was given; else 0 */
};
/** Where in its span a special's object lies, from the record: 16 bits wide in the 16-byte header up to Go 1.23, a word in the 24-byte one. */
static inline uint64_t seep_special_offset(const struct seep_layout *layout, const unsigned char *p)
{
	return layout->special_size > 16 ? seep_le64(p + layout->special_offset) :
					   seep_le16(p + layout->special_offset);
}

/** Words of one special, or of one entry of a queue, are at most 4. */
enum { SEEP_QUEUED_WORDS = 4 };
/** A finalizer or cleanup whose object has been found unreachable, and which has not finished. */
struct seep_queued {
	uint32_t first_word, word_count; /** in runtime->queued */
	bool cleanup; /** in the cleanups' own queue (Go 1.25 on); else in that of the finalizers */
	bool running; /** a goroutine is in its function: whatever it still needs of the entry is on its stack */
	seep_addr object, type; /** FINALIZER: what it is called with, and *T; else 0 */
};

/**
 * Visits what the collector follows because of a special: its words, as guesses; and for a finalizer what the object points to, but for
 * pointers to the object itself: it must not keep itself alive. That the collector knows them only within 128 KiB of themselves
 * (an "oblet") is repeated here.
 */
void seep_special_pointers(const struct seep_runtime *runtime, const struct seep_special *special,
			   void (*visit)(seep_addr value, bool precise, void *arg), void *arg);
/** Is a pointer at addr, in the object, one that the collector takes for a pointer to the same object? */
bool seep_pointer_to_self(const struct seep_span *span, seep_addr object, seep_addr addr,
			  seep_addr value);

#endif
