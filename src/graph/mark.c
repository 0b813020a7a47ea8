// Marking by depth-first search over a worklist.
//
// What limits it is memory latency, not instructions: each pointer leads to a span and a mark bit and, later, to an object
// and its pointer map, none of which is in the cache. So there are two short queues, and entering one prefetches what leaving
// it will need: pointers between being found and being looked up, objects between being taken from the worklist and being
// read. The Go collector and Boehm's do the latter.
//
// A guess may lead to a slot that is allocated but dead or not filled yet, with pointers of its last owner in it. So what a
// guess leads to is followed last, and pointers on from there count as guesses. A precise pointer to a free slot is then
// always a contradiction.
//
// What turns out to be much is shared: each worker has a worklist of its own, and gives half of it away when another has nothing left. All
// that they share otherwise are two bitmaps. Who sets a bit first follows the object; the bit orders nothing else, so relaxed atomics
// will do, and what the workers counted is joined when all have ended. Which objects are marked, and what is counted, does not depend on
// who was faster: the set is a closure, and guesses wait until the precise part of it is complete.
#include "graph/mark.h"

#include "base/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE = 16, POINTERS = 32 };
/** Objects: followed before others are called to help; at least on a worklist of which half is given away; looked at between two offers. */
enum { ALONE = 20000, SHARE_MIN = 8, OFFER_AFTER = 64 };

/** What several threads share besides bitmaps. */
struct seep_mark_crew {
	struct helper *helpers;
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct seep_vec(struct seep_object)
		given; // by one to the others; this and the next three under the lock
	unsigned active, idle; // have come; of these, wait
	bool done;
	bool hungry; // somebody waits: a hint, relaxed
};

/** One of several who mark. */
struct helper {
	struct seep_marker marker; // with bitmaps borrowed and lists of its own
	struct seep_heap heap; // the one and only, but with types whose caches are the helper's own
	struct seep_types types;
};

struct seep_error *seep_marker_init(struct seep_marker *m, const struct seep_heap *heap)
{
	size_t words = SEEP_BITS_WORDS(heap->slots) + 1;

	*m = (struct seep_marker){
		.heap = heap,
		.marked = calloc(words, sizeof(uint64_t)),
		.opaque = calloc(words, sizeof(uint64_t)),
		.watched = calloc(words, sizeof(uint64_t)),
		.maybe = calloc(words, sizeof(uint64_t)),
	};
	return m->marked && m->opaque && m->watched && m->maybe ? NULL : &seep_enomem;
}

void seep_marker_deinit(struct seep_marker *m)
{
	free(m->marked);
	free(m->opaque);
	free(m->watched);
	free(m->maybe);
	seep_vec_free(&m->hits);
	seep_vec_free(&m->todo);
	seep_vec_free(&m->guessed);
}

/** True if this call has set the bit. */
static inline bool set_first(uint64_t *bits, uint64_t n, bool shared)
{
	uint64_t bit = (uint64_t)1 << (n % 64), *word = &bits[n / 64];

	if (__atomic_load_n(word, __ATOMIC_RELAXED) & bit)
		return false;
	if (shared)
		return !(__atomic_fetch_or(word, bit, __ATOMIC_RELAXED) & bit);
	*word |= bit;
	return true;
}

static void note_dangling(struct seep_marker *m, seep_addr pointer)
{
	if (!m->dangling++ || pointer < m->dangling_example)
		m->dangling_example = pointer;
}

static inline void mark(struct seep_marker *m, struct seep_object object)
{
	const struct seep_span *span = &m->heap->spans.data[object.span];
	uint64_t n = span->first + (uint64_t)object.slot;

	if (!set_first(m->marked, n, m->crew))
		return;
	m->objects++;
	m->bytes += span->elem_size;
	m->pointerful += !span->noscan;
	if (!span->noscan && !seep_bit_get(m->opaque, n) && !seep_vec_push(&m->todo, object))
		m->failed = true;
}

static inline void follow(struct seep_marker *m, seep_addr pointer, bool precise)
{
	struct seep_object object;

	if (!seep_heap_find(m->heap, pointer, &object))
		return;
	m->pointers++;
	const struct seep_span *span = &m->heap->spans.data[object.span];
	uint64_t n = span->first + (uint64_t)object.slot;
	if (!span->tiny && __atomic_load_n(&m->marked[n / 64], __ATOMIC_RELAXED) >> (n % 64) & 1)
		return;
	if (!seep_bit_get(m->heap->allocated, n)) {
		if (precise)
			note_dangling(m, pointer);
		return;
	}
	if (seep_bit_get(m->watched, n) && !seep_vec_push(&m->hits, pointer))
		m->failed = true;
	if (!precise && !m->guessing) {
		if (set_first(m->maybe, n, m->crew) && !seep_vec_push(&m->guessed, object))
			m->failed = true;
		return;
	}
	mark(m, object);
}

static void prefetch_object(const struct seep_heap *heap, struct seep_object object)
{
	const struct seep_span *span = &heap->spans.data[object.span];
	uint64_t offset = object.slot * span->elem_size;

	if (!span->bytes)
		return;
	__builtin_prefetch(span->bytes + offset);
	if (span->bits)
		__builtin_prefetch(span->bits + offset / 64); // a bit for each word
}

/** Pointers on their way to being looked up, in the order in which they were found. */
struct pointers {
	seep_addr ring[POINTERS];
	unsigned head, len;
};

/** Prefetches the span and queues the pointer; the oldest one gives way if there is no room. */
static inline void queue_pointer(struct seep_marker *m, struct pointers *p, seep_addr value)
{
	const struct seep_heap *heap = m->heap;
	uint64_t arena = (value >> SEEP_ARENA_SHIFT) - heap->arena_first;

	if (arena >= heap->arena_count || !heap->arenas[arena])
		return;
	uint32_t index = heap->arenas[arena][value >> SEEP_PAGE_SHIFT & (SEEP_ARENA_PAGES - 1)];
	if (index == 0)
		return;
	__builtin_prefetch(&heap->spans.data[index - 1].base);
	__builtin_prefetch(&heap->spans.data[index - 1].bytes);
	if (p->len == POINTERS) {
		follow(m, p->ring[p->head], !m->guessing);
		p->ring[p->head] = value;
		p->head = (p->head + 1) % POINTERS;
	} else {
		p->ring[(p->head + p->len++) % POINTERS] = value;
	}
}

static void read_object(struct seep_marker *m, struct pointers *pointers, struct seep_object object)
{
	const unsigned char *bytes;
	struct seep_pointers walk;
	uint64_t mask, word;
	seep_addr value;

	if (seep_pointers_small(&m->heap->spans.data[object.span], object.slot, &bytes, &mask)) {
		for (; mask; mask &= mask - 1)
			queue_pointer(m, pointers, seep_le64(bytes + 8 * __builtin_ctzll(mask)));
		return;
	}
	seep_pointers_start(m->heap, object, &walk);
	while (seep_pointers_next(&walk, &word, &value))
		if (walk.guess)
			follow(m, value, false);
		else
			queue_pointer(m, pointers, value);
}

/** Gives half of the worklist to those who wait: the older half, which is likely to lead to more. */
static void offer(struct seep_marker *m)
{
	struct seep_mark_crew *crew = m->crew;
	size_t half = m->todo.len / 2;

	if (!__atomic_load_n(&crew->hungry, __ATOMIC_RELAXED) || m->todo.len < SHARE_MIN)
		return;
	pthread_mutex_lock(&crew->lock);
	if (crew->idle && seep_vec_reserve(&crew->given, crew->given.len + half)) {
		memcpy(crew->given.data + crew->given.len, m->todo.data,
		       half * sizeof(struct seep_object));
		crew->given.len += half;
		m->todo.len -= half;
		memmove(m->todo.data, m->todo.data + half,
			m->todo.len * sizeof(struct seep_object));
		__atomic_store_n(&crew->hungry, false, __ATOMIC_RELAXED);
		pthread_cond_broadcast(&crew->change);
	}
	pthread_mutex_unlock(&crew->lock);
}

/** Follows the worklist until it is empty, or so many objects have been read. */
static void follow_all(struct seep_marker *m, uint64_t most)
{
	struct seep_object queue[QUEUE];
	struct pointers pointers = {};
	unsigned head = 0, len = 0;
	uint64_t taken = 0;

	while ((m->todo.len && taken < most) || len || pointers.len) {
		while (len < QUEUE && m->todo.len && taken < most) {
			struct seep_object o = seep_vec_pop(&m->todo);
			prefetch_object(m->heap, o);
			queue[(head + len++) % QUEUE] = o;
			if (++taken % OFFER_AFTER == 0 && m->crew)
				offer(m);
		}
		if (len < QUEUE && pointers.len) { // the worklist is empty: what waits may fill it
			follow(m, pointers.ring[pointers.head], !m->guessing);
			pointers.head = (pointers.head + 1) % POINTERS;
			pointers.len--;
			continue;
		}
		if (!len)
			break;
		read_object(m, &pointers, queue[head]);
		head = (head + 1) % QUEUE;
		len--;
	}
}

/** Takes a part of what others gave, or waits for it; false when there is nothing left to do for anybody. */
static bool take(struct seep_marker *m)
{
	struct seep_mark_crew *crew = m->crew;

	pthread_mutex_lock(&crew->lock);
	crew->idle++;
	while (!crew->given.len && !crew->done) {
		if (crew->idle == crew->active) {
			crew->done = true;
			pthread_cond_broadcast(&crew->change);
			break;
		}
		__atomic_store_n(&crew->hungry, true, __ATOMIC_RELAXED);
		pthread_cond_wait(&crew->change, &crew->lock);
	}
	size_t share = (crew->given.len + crew->idle - 1) / crew->idle;
	crew->idle--;
	if (!crew->done && seep_vec_reserve(&m->todo, share)) {
		crew->given.len -= share;
		memcpy(m->todo.data, crew->given.data + crew->given.len,
		       share * sizeof(struct seep_object));
		m->todo.len = share;
	} else if (!crew->done) {
		m->failed = crew->done = true;
		pthread_cond_broadcast(&crew->change);
	}
	pthread_mutex_unlock(&crew->lock);
	return m->todo.len;
}

static void help(void *arg, unsigned i)
{
	struct seep_mark_crew *crew = arg;
	struct seep_marker *m = &crew->helpers[i].marker;

	pthread_mutex_lock(&crew->lock);
	crew->active++;
	pthread_mutex_unlock(&crew->lock);
	while (take(m))
		follow_all(m, UINT64_MAX);
}

/** Adds what a helper has found. */
static void join(struct seep_marker *m, struct seep_marker *helper)
{
	bool ok = seep_vec_reserve(&m->guessed, m->guessed.len + helper->guessed.len) &&
		  seep_vec_reserve(&m->hits, m->hits.len + helper->hits.len);

	for (size_t i = 0; ok && i < helper->guessed.len; i++)
		m->guessed.data[m->guessed.len++] = helper->guessed.data[i];
	for (size_t i = 0; ok && i < helper->hits.len; i++)
		m->hits.data[m->hits.len++] = helper->hits.data[i];
	m->objects += helper->objects;
	m->bytes += helper->bytes;
	m->pointerful += helper->pointerful;
	m->pointers += helper->pointers;
	if (helper->dangling) {
		note_dangling(m, helper->dangling_example);
		m->dangling += helper->dangling - 1;
	}
	m->failed |= helper->failed || !ok;
	seep_vec_free(&helper->todo);
	seep_vec_free(&helper->guessed);
	seep_vec_free(&helper->hits);
}

static void follow_together(struct seep_marker *m, unsigned count)
{
	const struct seep_types *types = m->heap->types;
	struct seep_mark_crew crew = { .helpers = calloc(count, sizeof(*crew.helpers)),
				       .lock = PTHREAD_MUTEX_INITIALIZER,
				       .change = PTHREAD_COND_INITIALIZER };

	if (!crew.helpers || !seep_vec_reserve(&crew.given, m->todo.len)) {
		free(crew.helpers);
		follow_all(m, UINT64_MAX);
		return;
	}
	memcpy(crew.given.data, m->todo.data, m->todo.len * sizeof(struct seep_object));
	crew.given.len = m->todo.len;
	m->todo.len = 0;
	for (unsigned i = 0; i < count; i++) {
		struct helper *h = &crew.helpers[i];
		h->heap = *m->heap;
		h->heap.types = &h->types;
		seep_types_init(&h->types, types->memory, types->module, types->minor);
		h->marker = (struct seep_marker){ .heap = &h->heap,
						  .marked = m->marked,
						  .opaque = m->opaque,
						  .watched = m->watched,
						  .maybe = m->maybe,
						  .guessing = m->guessing,
						  .crew = &crew };
	}
	seep_pool_run(count, help, &crew);
	for (unsigned i = 0; i < count; i++) {
		join(m, &crew.helpers[i].marker);
		seep_types_deinit(&crew.helpers[i].types);
	}
	free(crew.helpers);
	seep_vec_free(&crew.given);
}

static void follow_todo(struct seep_marker *m)
{
	unsigned threads;

	follow_all(m, seep_pool_least(ALONE));
	if (!m->todo.len)
		return;
	threads = seep_pool_threads();
	if (threads > 1)
		follow_together(m, threads);
	else
		follow_all(m, UINT64_MAX);
}

void seep_mark_pointer(struct seep_marker *m, seep_addr pointer, bool precise)
{
	follow(m, pointer, precise);
}

void seep_mark_drain(struct seep_marker *m)
{
	follow_todo(m);
	m->guessing = true;
	while (m->guessed.len)
		mark(m, seep_vec_pop(&m->guessed));
	follow_todo(m);
	m->guessing = false;
}

void seep_mark_opaque(struct seep_marker *m)
{
	for (uint32_t i = 0; i < m->heap->spans.len; i++) {
		const struct seep_span *span = &m->heap->spans.data[i];
		uint64_t n = span->first, end = n + span->nelems;
		while (!span->noscan && n < end) {
			uint64_t bits = m->opaque[n / 64] >> (n % 64);
			if (bits == 0) {
				n = (n / 64 + 1) * 64;
				continue;
			}
			n += __builtin_ctzll(bits);
			if (n >= end)
				break;
			seep_bit_clear(m->opaque, n);
			if (seep_bit_get(m->marked, n) &&
			    !seep_vec_push(&m->todo, (struct seep_object){ i, n - span->first }))
				m->failed = true;
			n++;
		}
	}
	seep_mark_drain(m);
}

static void visit_masked(const struct seep_runtime *rt, seep_addr start, seep_addr end,
			 seep_addr mask, uint64_t bits, void (*visit)(seep_addr, seep_addr, void *),
			 void *arg)
{
	uint64_t words = end > start ? (end - start) / 8 : 0;

	if (words > bits)
		words = bits;
	const uint8_t *m = seep_memory_at(&rt->memory, mask, (words + 7) / 8);
	const unsigned char *bytes = seep_memory_at(&rt->memory, start, words * 8);
	for (uint64_t i = 0; m && bytes && i < words; i++) {
		seep_addr value = seep_le64(bytes + 8 * i);
		if (m[i / 8] >> (i % 8) & 1 && value)
			visit(start + 8 * i, value, arg);
	}
}

void seep_roots_globals(const struct seep_runtime *rt, void (*visit)(seep_addr, seep_addr, void *),
			void *arg)
{
	const struct seep_module *m = &rt->binary->pclntab.module;

	visit_masked(rt, m->data, m->edata, m->gcdatamask, m->gcdatamask_bits, visit, arg);
	visit_masked(rt, m->bss, m->ebss, m->gcbssmask, m->gcbssmask_bits, visit, arg);
}
