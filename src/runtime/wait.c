// What each blocked goroutine waits for.
//
// Channels: g.waiting leads to a list of sudogs, one for each case of a select. Semaphores (Mutex, RWMutex, WaitGroup):
// the sudog is in runtime.semtable, 251 treaps by address, whose nodes chain further waiters of the same address by
// waitlink; since Go 1.26 g.waiting names it as well, but then waitlink runs on into other goroutines' sudogs. Condition variables: the sudog is in
// the Cond's notifyList; up to 1.25 only the goroutine's own stack leads there. Coroutines (iter.Pull): coro.gp names the
// goroutine parked in it, and that goroutine's stack holds the coro.
//
// Which sync primitive a semaphore belongs to is told by the functions on the stack, in every release: up to 1.19 the
// runtime's wait reason says "semacquire" for all of them.
#include "runtime/internal.h"

#include "base/str.h"

#include <string.h>

enum {
	SEMTABLE_ROOTS = 251,
	SUDOGS_MAX = 1 << 16,
	TREAP_MAX = 1 << 24,
	STACK_SEARCH_WORDS = 512,
	COND_CHAIN_MAX = 1 << 24,
	POSITIONS_MAX = 16,
	MUTEX_SEMA = 4,
	RW_WRITER_SEMA = 8,
	RW_READER_SEMA = 12,
	WAITGROUP_SEMA = 8, // offsets, Go 1.18 to 1.27
};

/** Sudogs of one goroutine, from g.waiting. */
static bool add_waiting(const struct seep_memory *memory, const struct seep_layout *l, seep_addr g,
			seep_addr sudog, struct seep_blocked_list *ret)
{
	for (size_t n = 0; sudog && n < SUDOGS_MAX;
	     n++, sudog = seep_memory_word(memory, sudog + l->sudog_waitlink)) {
		if (seep_memory_word(memory, sudog + l->sudog_g) != g)
			break;
		seep_addr c = seep_memory_word(memory, sudog + l->sudog_c),
			  elem = seep_memory_word(memory, sudog + l->sudog_elem);
		if (!seep_vec_push(&ret->items,
				   (struct seep_blocked){ g, sudog, c ? c : elem, c != 0 }))
			return false;
		if (!c)
			break; // a semaphore's waitlink leads to other goroutines
	}
	return true;
}

/** One treap of the semaphore table; sudog.prev and next are its children. */
static bool add_treap(const struct seep_memory *memory, const struct seep_layout *l, seep_addr root,
		      struct seep_blocked_list *ret)
{
	struct seep_vec(seep_addr) todo = {};
	bool ok = !root || seep_vec_push(&todo, root);

	for (size_t n = 0; ok && todo.len && n < TREAP_MAX; n++) {
		seep_addr node = seep_vec_pop(&todo),
			  elem = seep_memory_word(memory, node + l->sudog_elem);
		seep_addr left = seep_memory_word(memory, node + l->sudog_prev),
			  right = seep_memory_word(memory, node + l->sudog_next);
		ok = (!left || seep_vec_push(&todo, left)) &&
		     (!right || seep_vec_push(&todo, right));
		for (size_t i = 0; ok && node && i < TREAP_MAX;
		     i++, node = seep_memory_word(memory, node + l->sudog_waitlink)) {
			seep_addr g = seep_memory_word(memory, node + l->sudog_g);
			if (g && !seep_memory_word(memory, g + l->g_waiting))
				ok = seep_vec_push(&ret->items,
						   (struct seep_blocked){ g, node, elem, false });
		}
	}
	seep_vec_free(&todo);
	return ok;
}

struct seep_error *seep_blocked_read(const struct seep_memory *memory,
				     const struct seep_binary *binary,
				     struct seep_blocked_list *ret)
{
	const struct seep_layout *l = &binary->layout;
	seep_addr array;
	uint64_t count;
	bool ok = true;

	*ret = (struct seep_blocked_list){};
	if (!seep_allgs(memory, &binary->globals, &array, &count))
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "the list of goroutines cannot be read");
	for (uint64_t i = 0; ok && i < count; i++) {
		seep_addr g = seep_memory_word(memory, array + 8 * i),
			  waiting = g ? seep_memory_word(memory, g + l->g_waiting) : 0;
		if (waiting)
			ok = add_waiting(memory, l, g, waiting, ret);
	}
	for (unsigned i = 0; ok && i < SEMTABLE_ROOTS; i++)
		ok = add_treap(
			memory, l,
			seep_memory_word(memory,
					 binary->globals.semtable +
						 i * (seep_addr)binary->globals.semtable_stride +
						 l->sema_root_treap),
			ret);
	if (ok)
		return NULL;
	seep_vec_free(&ret->items);
	return &seep_enomem;
}

static enum seep_wait_kind kind_of_reason(const char *reason)
{
	static const struct {
		const char *reason;
		enum seep_wait_kind kind;
	} table[] = {
		{ "chan receive (nil chan)", SEEP_WAIT_NIL_CHANNEL },
		{ "chan send (nil chan)", SEEP_WAIT_NIL_CHANNEL },
		{ "select (no cases)", SEEP_WAIT_NO_CASES },
		{ "chan receive", SEEP_WAIT_RECEIVE },
		{ "chan send", SEEP_WAIT_SEND },
		{ "select", SEEP_WAIT_SELECT },
		{ "semacquire", SEEP_WAIT_SEMAPHORE },
		{ "sync.Mutex.Lock", SEEP_WAIT_SEMAPHORE },
		{ "sync.RWMutex.RLock", SEEP_WAIT_SEMAPHORE },
		{ "sync.RWMutex.Lock", SEEP_WAIT_SEMAPHORE },
		{ "sync.WaitGroup.Wait", SEEP_WAIT_SEMAPHORE },
		{ "sync.Cond.Wait", SEEP_WAIT_COND },
		{ "coroutine", SEEP_WAIT_COROUTINE },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].reason, reason) == 0)
			return table[i].kind;
	return SEEP_WAIT_EXTERNAL;
}

/** Functions of package sync that a stack shows between runtime and the caller. */
struct sync_calls {
	bool mutex, read_lock, write_lock, once, waitgroup;
};

static struct sync_calls sync_calls(struct seep_runtime *rt, const struct seep_goroutine *g)
{
	struct seep_position positions[POSITIONS_MAX];
	struct seep_unwinder u;
	struct sync_calls calls = {};

	if (!seep_unwind_start(rt, g, &u))
		return calls;
	do {
		size_t n =
			seep_frame_positions(rt, &u.frame, u.depth == 0, positions, POSITIONS_MAX);
		for (size_t i = 0; i < n; i++) {
			const char *f = positions[i].function;
			calls.mutex |= seep_has_prefix(f, "sync.(*Mutex)") ||
				       seep_has_prefix(f, "internal/sync.(*Mutex)");
			calls.read_lock |= strcmp(f, "sync.(*RWMutex).RLock") == 0;
			calls.write_lock |= strcmp(f, "sync.(*RWMutex).Lock") == 0;
			calls.once |= seep_has_prefix(f, "sync.(*Once)");
			calls.waitgroup |= strcmp(f, "sync.(*WaitGroup).Wait") == 0;
			if (!seep_has_prefix(f, "runtime.") && !seep_has_prefix(f, "sync.") &&
			    !seep_has_prefix(f, "internal/sync."))
				return calls;
		}
	} while (seep_unwind_next(&u));
	return calls;
}

static void classify_semaphore(struct seep_runtime *rt, struct seep_goroutine *g, seep_addr sema,
			       struct seep_wait *wait)
{
	struct sync_calls calls = sync_calls(rt, g);
	uint32_t mutex_size = 8, rw_size = 24, waitgroup_size = 16;

	*wait = (struct seep_wait){ .address = sema, .size = 4 };
	if (calls.read_lock && !calls.mutex) {
		g->wait = SEEP_WAIT_RWMUTEX_READ;
		*wait = (struct seep_wait){ .address = sema - RW_READER_SEMA, .size = rw_size };
	} else if (calls.write_lock) {
		g->wait = SEEP_WAIT_RWMUTEX_WRITE;
		*wait = (struct seep_wait){ .address = sema -
						       (calls.mutex ? MUTEX_SEMA : RW_WRITER_SEMA),
					    .size = rw_size };
	} else if (calls.mutex) {
		g->wait = calls.once ? SEEP_WAIT_ONCE : SEEP_WAIT_MUTEX;
		*wait = (struct seep_wait){ .address = sema - MUTEX_SEMA, .size = mutex_size };
	} else if (calls.waitgroup) {
		g->wait = SEEP_WAIT_WAITGROUP;
		*wait = (struct seep_wait){ .address = sema - WAITGROUP_SEMA,
					    .size = waitgroup_size };
	} else {
		g->wait = SEEP_WAIT_SEMAPHORE;
	}
}

/**
 * Enters all goroutines that wait in the notifyList at `list` into conds: g → list. What a stack word leads to is believed
 * to be one only if the chain from its head runs through waiters alone and ends at its tail, the word behind.
 */
static void read_notify_list(struct seep_runtime *rt, seep_addr list, struct seep_map *conds)
{
	const struct seep_layout *l = &rt->binary->layout;
	const seep_addr head = seep_memory_word(&rt->memory, list + l->notify_list_head);
	seep_addr last = 0, sudog = head;

	for (size_t n = 0; sudog && n < COND_CHAIN_MAX; n++) {
		const uint64_t *index = seep_map_get(
			&rt->goroutine_of, seep_memory_word(&rt->memory, sudog + l->sudog_g));
		if (!index || rt->goroutines.data[*index].wait != SEEP_WAIT_COND)
			return;
		last = sudog;
		sudog = seep_memory_word(&rt->memory, sudog + l->sudog_next);
	}
	if (!last || last != seep_memory_word(&rt->memory, list + l->notify_list_head + 8))
		return;
	for (sudog = head; sudog; sudog = seep_memory_word(&rt->memory, sudog + l->sudog_next)) {
		uint64_t *slot = seep_map_put(
			conds, seep_memory_word(&rt->memory, sudog + l->sudog_g), NULL);
		if (slot)
			*slot = list;
		if (sudog == last)
			return;
	}
}

/** Calls try for each word of the used stack, innermost first, until it returns true. */
static bool search_stack(struct seep_runtime *rt, struct seep_goroutine *g,
			 bool (*try)(struct seep_runtime *, struct seep_goroutine *, seep_addr,
				     void *),
			 void *arg)
{
	uint64_t v;

	for (unsigned i = 0; i < STACK_SEARCH_WORDS && seep_stack_word(g, g->sp + 8 * i, &v); i++)
		if (v >= 4096 && try(rt, g, v, arg))
			return true;
	return false;
}

static bool try_cond(struct seep_runtime *rt, struct seep_goroutine *g, seep_addr value, void *arg)
{
	struct seep_map *conds = arg;
	int32_t notify = rt->binary->layout.cond_notify;

	read_notify_list(rt, value, conds);
	if (!seep_map_get(conds, g->addr))
		read_notify_list(rt, value + notify, conds);
	return seep_map_get(conds, g->addr) != NULL;
}

static bool try_coro(struct seep_runtime *rt, struct seep_goroutine *g, seep_addr value, void *arg)
{
	struct seep_object object;

	if (!seep_heap_find(&rt->heap, value, &object) ||
	    seep_heap_address(&rt->heap, object) != value ||
	    rt->heap.spans.data[object.span].elem_size > 64 ||
	    seep_memory_word(&rt->memory, value + rt->binary->layout.coro_gp) != g->addr)
		return false;
	*(seep_addr *)arg = value;
	return true;
}

struct reader {
	struct seep_blocked_list blocked;
	struct seep_map first; /** g → index + 1 of its first entry in blocked; its others follow */
	struct seep_map conds; /** g → notifyList */
};

/** The one address that a goroutine waits for when it is no channel; 0 if none was found. */
static seep_addr single_address(const struct reader *r, const struct seep_goroutine *g)
{
	const uint64_t *first = seep_map_get(&r->first, g->addr);

	return first && !r->blocked.items.data[*first - 1].channel ?
		       r->blocked.items.data[*first - 1].address :
		       0;
}

/** In a select, is the sudog of this goroutine in the channel's send queue? Bounded; plain operations tell by their reason. */
static bool in_send_queue(struct seep_runtime *rt, const struct seep_blocked *b)
{
	const struct seep_layout *l = &rt->binary->layout;
	seep_addr sudog = seep_memory_word(&rt->memory, b->address + l->hchan_sendq);

	for (unsigned n = 0; sudog && n < 64;
	     n++, sudog = seep_memory_word(&rt->memory, sudog + l->sudog_next))
		if (sudog == b->sudog)
			return true;
	return false;
}

/**
 * Is the sudog still in one of its channel's queues? Whoever wakes a goroutine takes it out first, and may hold nothing of the
 * channel's any more when it makes the goroutine runnable. Then it waits no longer, whatever its status says.
 */
static bool is_queued(const struct seep_runtime *rt, const struct seep_blocked *b)
{
	const struct seep_layout *l = &rt->binary->layout;
	seep_addr prev = seep_memory_word(&rt->memory, b->sudog + l->sudog_prev);

	if (prev)
		return seep_memory_word(&rt->memory, prev + l->sudog_next) == b->sudog;
	return seep_memory_word(&rt->memory, b->address + l->hchan_recvq) == b->sudog ||
	       seep_memory_word(&rt->memory, b->address + l->hchan_sendq) == b->sudog;
}

static bool add_channels(struct seep_runtime *rt, struct seep_goroutine *g, const struct reader *r)
{
	const uint64_t *first = seep_map_get(&r->first, g->addr);

	for (size_t i = first ? *first - 1 : r->blocked.items.len; i < r->blocked.items.len; i++) {
		const struct seep_blocked *b = &r->blocked.items.data[i];
		if (b->g != g->addr)
			break;
		if (!b->channel)
			continue;
		if (!is_queued(rt, b)) {
			g->wait = SEEP_WAIT_EXTERNAL; // it is being woken
			g->wait_count = 0;
			break;
		}
		bool send = g->wait == SEEP_WAIT_SEND ||
			    (g->wait == SEEP_WAIT_SELECT && in_send_queue(rt, b));
		if (!seep_vec_push(&rt->waits,
				   (struct seep_wait){ .address = b->address, .send = send }))
			return false;
		g->wait_count++;
	}
	return true;
}

static bool read_wait(struct seep_runtime *rt, struct seep_goroutine *g, struct reader *r)
{
	struct seep_wait wait = {};

	g->first_wait = rt->waits.len;
	switch (g->wait) {
	case SEEP_WAIT_SEND:
	case SEEP_WAIT_RECEIVE:
	case SEEP_WAIT_SELECT:
		if (!add_channels(rt, g, r))
			return false;
		if (g->wait == SEEP_WAIT_SELECT && g->wait_count == 0 &&
		    !seep_memory_word(&rt->memory, g->addr + rt->binary->layout.g_waiting))
			g->wait = SEEP_WAIT_NO_CASES; // a select whose channels are all nil
		break;
	case SEEP_WAIT_SEMAPHORE:
		wait.address = single_address(r, g);
		if (wait.address)
			classify_semaphore(rt, g, wait.address, &wait);
		break;
	case SEEP_WAIT_COND:
		wait.address = single_address(r, g);
		if (wait.address) { // it may have been taken out of the list, to be woken
			if (!seep_map_get(&r->conds, g->addr))
				read_notify_list(rt, wait.address, &r->conds);
			if (!seep_map_get(&r->conds, g->addr)) {
				g->wait = SEEP_WAIT_EXTERNAL;
				return true;
			}
		} else if (search_stack(rt, g, try_cond, &r->conds)) {
			wait.address = *seep_map_get(&r->conds, g->addr);
		}
		if (wait.address)
			wait.address -= rt->binary->layout.cond_notify;
		break;
	case SEEP_WAIT_COROUTINE:
		search_stack(rt, g, try_coro, &wait.address);
		break;
	default:
		return true;
	}
	if (wait.address) {
		if (!seep_vec_push(&rt->waits, wait))
			return false;
		g->wait_count = 1;
	}
	if (g->wait_count == 0 && g->wait != SEEP_WAIT_NO_CASES && g->wait != SEEP_WAIT_EXTERNAL) {
		rt->missing_waits++;
		g->wait = SEEP_WAIT_EXTERNAL;
	}
	return true;
}

struct seep_error *seep_waits_read(struct seep_runtime *rt)
{
	struct seep_error *err;
	struct reader r = {};

	err = seep_blocked_read(&rt->memory, rt->binary, &r.blocked);
	if (err)
		return err;
	bool ok = true;
	for (size_t i = 0; ok && i < r.blocked.items.len; i++) {
		bool added;
		uint64_t *slot = seep_map_put(&r.first, r.blocked.items.data[i].g, &added);
		ok = slot && seep_vec_push(&rt->runtime_edges, r.blocked.items.data[i].sudog);
		if (ok && added)
			*slot = i + 1;
	}
	// Kinds first: a notifyList is believed when all its members wait for a condition.
	for (size_t i = 0; i < rt->goroutines.len; i++) {
		struct seep_goroutine *g = &rt->goroutines.data[i];
		if (g->status == SEEP_STATUS_WAITING || g->status == SEEP_STATUS_LEAKED)
			g->wait = g->system ? SEEP_WAIT_EXTERNAL : kind_of_reason(g->reason);
		else if (g->status == SEEP_STATUS_SYSCALL)
			g->wait = SEEP_WAIT_EXTERNAL;
	}
	for (size_t i = 0; ok && i < rt->goroutines.len; i++)
		ok = read_wait(rt, &rt->goroutines.data[i], &r);
	seep_vec_free(&r.blocked.items);
	seep_map_deinit(&r.first);
	seep_map_deinit(&r.conds);
	return ok ? NULL : &seep_enomem;
}

const char *seep_wait_kind_name(enum seep_wait_kind kind)
{
	static const char *const names[] = {
		[SEEP_WAIT_NIL_CHANNEL] = "nil channel",
		[SEEP_WAIT_NO_CASES] = "nothing",
		[SEEP_WAIT_SEND] = "channel",
		[SEEP_WAIT_RECEIVE] = "channel",
		[SEEP_WAIT_SELECT] = "channel",
		[SEEP_WAIT_MUTEX] = "mutex",
		[SEEP_WAIT_ONCE] = "once",
		[SEEP_WAIT_RWMUTEX_READ] = "rwmutex",
		[SEEP_WAIT_RWMUTEX_WRITE] = "rwmutex",
		[SEEP_WAIT_WAITGROUP] = "waitgroup",
		[SEEP_WAIT_COND] = "cond",
		[SEEP_WAIT_SEMAPHORE] = "semaphore",
		[SEEP_WAIT_COROUTINE] = "coroutine",
		[SEEP_WAIT_EXTERNAL] = "external event",
		[SEEP_WAIT_NONE] = "nothing",
	};
	return names[kind];
}
