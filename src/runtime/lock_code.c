// Lock operations in machine code.
//
// A Lock or Unlock is either a call of one of sync's methods, or inlined: then an atomic operation on the lock stands at its place, and
// the call of its slow path (lockSlow, unlockSlow) often far away, at the end of the function. So operations are put in
// order by their source lines, with the inlining that leads to them, not by their addresses.
//
// A call of a small function that only locks, or only unlocks (func (s *S) release() { s.mu.Unlock() }), is such an operation as
// well: then the lock is where the helper finds it from its own first argument.
#include "runtime/lock_code.h"

#include <stdlib.h>
#include <string.h>

enum { RW_READER_COUNT = 16, MUTEX_STATE = 0 };

struct operation {
	const char *name;
	bool unlock;
	int32_t inside; // where the inlined operation's atomic lies in the lock
};

// Go 1.18 to 1.27; since 1.24 sync.Mutex wraps internal/sync.Mutex. TryLock, when it succeeds, is a Lock.
static const struct operation operations[] = {
	{ "sync.(*Mutex).Lock", false, MUTEX_STATE },
	{ "sync.(*Mutex).lockSlow", false, MUTEX_STATE },
	{ "sync.(*Mutex).TryLock", false, MUTEX_STATE },
	{ "sync.(*Mutex).Unlock", true, MUTEX_STATE },
	{ "sync.(*Mutex).unlockSlow", true, MUTEX_STATE },
	{ "internal/sync.(*Mutex).Lock", false, MUTEX_STATE },
	{ "internal/sync.(*Mutex).lockSlow", false, MUTEX_STATE },
	{ "internal/sync.(*Mutex).TryLock", false, MUTEX_STATE },
	{ "internal/sync.(*Mutex).Unlock", true, MUTEX_STATE },
	{ "internal/sync.(*Mutex).unlockSlow", true, MUTEX_STATE },
	{ "sync.(*RWMutex).Lock", false, MUTEX_STATE },
	{ "sync.(*RWMutex).TryLock", false, MUTEX_STATE },
	{ "sync.(*RWMutex).Unlock", true, RW_READER_COUNT },
	{ "sync.(*RWMutex).RLock", false, RW_READER_COUNT },
	{ "sync.(*RWMutex).TryRLock", false, RW_READER_COUNT },
	{ "sync.(*RWMutex).RUnlock", true, RW_READER_COUNT },
	{ "sync.(*RWMutex).rUnlockSlow", true, RW_READER_COUNT },
	{ "sync.(*rlocker).Lock", false, RW_READER_COUNT },
	{ "sync.(*rlocker).Unlock", true, RW_READER_COUNT },
};
enum { OPERATIONS = sizeof(operations) / sizeof(operations[0]) };

static const struct operation *operation_named(const char *name)
{
	if (strncmp(name, "sync.(*", 7) != 0 && strncmp(name, "internal/sync.(*", 16) != 0)
		return NULL;
	for (unsigned i = 0; i < OPERATIONS; i++)
		if (strcmp(operations[i].name, name) == 0)
			return &operations[i];
	return NULL;
}

struct seep_error *seep_lock_coder_init(struct seep_lock_coder *coder,
					const struct seep_runtime *rt)
{
	const char *names[OPERATIONS];
	struct seep_func funcs[OPERATIONS];

	*coder = (struct seep_lock_coder){ .runtime = rt };
	for (unsigned i = 0; i < OPERATIONS; i++)
		names[i] = operations[i].name;
	seep_pclntab_find_names(&rt->binary->pclntab, names, OPERATIONS, funcs);
	for (unsigned i = 0; i < OPERATIONS; i++)
		if (funcs[i].raw && (!seep_vec_push(&coder->entries, funcs[i].entry) ||
				     !seep_vec_push(&coder->entry_unlocks, operations[i].unlock)))
			return &seep_enomem;
	return NULL;
}

void seep_lock_coder_deinit(struct seep_lock_coder *coder)
{
	for (size_t i = 0; i < coder->all.len; i++) {
		seep_vec_free(&coder->all.data[i]->ops);
		free(coder->all.data[i]);
	}
	seep_vec_free(&coder->all);
	seep_vec_free(&coder->entries);
	seep_vec_free(&coder->entry_unlocks);
	seep_map_deinit(&coder->by_func);
	seep_map_deinit(&coder->helpers);
}

static bool in_sync(const char *function)
{
	return strncmp(function, "sync.", 5) == 0 || strncmp(function, "internal/sync.", 14) == 0 ||
	       strncmp(function, "sync/atomic.", 12) == 0 ||
	       strncmp(function, "internal/race.", 14) == 0 ||
	       strncmp(function, "runtime.", 8) == 0 ||
	       strncmp(function, "internal/runtime/atomic.", 24) == 0;
}

void seep_levels_of(const struct seep_runtime *rt, const struct seep_func *func, seep_addr pc,
		    struct seep_levels *ret)
{
	struct seep_position p[16];
	size_t n = seep_func_positions(&rt->binary->pclntab, func, pc, p, 16);

	*ret = (struct seep_levels){};
	for (size_t i = n; i-- > 0 && ret->count < SEEP_LEVELS_MAX;) {
		// A method of sync itself keeps its own level: Once.Do defers an Unlock.
		if (i + 1 < n && in_sync(p[i].function))
			break;
		ret->wrapper |= p[i].wrapper || strstr(p[i].function, ".deferwrap") ||
				strstr(p[i].function, ".gowrap");
		ret->at[ret->count++] = p[i];
	}
}

int seep_levels_compare(const struct seep_levels *a, const struct seep_levels *b)
{
	for (unsigned i = 0; i < a->count && i < b->count; i++) {
		if (i && strcmp(a->at[i].function, b->at[i].function) != 0)
			return 0; // two functions inlined into one line
		if (a->at[i].line != b->at[i].line)
			return a->at[i].line < b->at[i].line ? -1 : 1;
	}
	return 0;
}

struct collector {
	struct seep_lock_coder *coder;
	const struct seep_func *func;
	struct seep_lock_code *code;
	bool with_helpers;
	bool failed;
};

static bool push_op(struct collector *c, struct seep_lock_op op)
{
	seep_levels_of(c->coder->runtime, c->func, op.pc, &op.levels);
	if (!seep_vec_push(&c->code->ops, op))
		c->failed = true;
	return !c->failed;
}

static const struct seep_lock_code *helper_at(struct seep_lock_coder *coder, seep_addr entry);

/** The operand of a helper's operation as its caller sees it; UNKNOWN if that cannot be told. */
static struct seep_origin through_call(const struct seep_origin *inner,
				       const struct seep_origin *arg)
{
	struct seep_origin ret = *arg;

	if (inner->kind == SEEP_ORIGIN_GLOBAL)
		return *inner;
	if (inner->kind != SEEP_ORIGIN_ARGUMENT || inner->slot != 0 ||
	    arg->kind == SEEP_ORIGIN_UNKNOWN || ret.loads + inner->loads > SEEP_ORIGIN_LOADS)
		return (struct seep_origin){};
	*(ret.loads ? &ret.then[ret.loads - 1] : &ret.offset) += inner->offset;
	for (unsigned i = 0; i < inner->loads; i++)
		ret.then[ret.loads++] = inner->then[i];
	return ret;
}

static bool visit_call(const struct seep_call *call, void *arg)
{
	struct collector *c = arg;

	for (size_t i = 0; i < c->coder->entries.len; i++)
		if (c->coder->entries.data[i] == call->target)
			return push_op(
				c, (struct seep_lock_op){ .pc = call->pc,
							  .unlock = c->coder->entry_unlocks.data[i],
							  .arg = call->arg });
	const struct seep_lock_code *helper = c->with_helpers ? helper_at(c->coder, call->target) :
								NULL;
	for (size_t i = 0; helper && i < helper->ops.len; i++) {
		const struct seep_lock_op *op = &helper->ops.data[i];
		if (!push_op(c, (struct seep_lock_op){ .pc = call->pc,
						       .unlock = op->unlock,
						       .arg = through_call(&op->arg, &call->arg),
						       .inside = op->inside }))
			return false;
	}
	return true;
}

static bool visit_atomic(const struct seep_atomic *atomic, void *arg)
{
	struct collector *c = arg;
	struct seep_position p[16];
	size_t n = seep_func_positions(&c->coder->runtime->binary->pclntab, c->func, atomic->pc, p,
				       16);

	// The innermost of sync's methods tells; the function itself is not inlined into anything.
	for (size_t i = 0; i + 1 < n; i++) {
		const struct operation *o = operation_named(p[i].function);
		if (o)
			return push_op(c, (struct seep_lock_op){ .pc = atomic->pc,
								 .unlock = o->unlock,
								 .arg = atomic->arg,
								 .inside = o->inside });
	}
	return true;
}

/** A quick look before the disassembler is asked: is there a byte sequence like a call of a lock operation? */
static bool may_call(struct seep_lock_coder *coder, const struct seep_func *func, bool with_helpers)
{
	const struct seep_arch *arch = coder->runtime->binary->image.arch;
	size_t size = func->end - func->entry;
	seep_addr target;
	const unsigned char *code =
		seep_memory_at(&coder->runtime->binary->image.memory, func->entry, size);

	for (size_t i = 0; code && seep_code_next_call(arch, code, size, func->entry, &i, &target);
	     i++) {
		for (size_t k = 0; k < coder->entries.len; k++)
			if (coder->entries.data[k] == target)
				return true;
		if (with_helpers && helper_at(coder, target))
			return true;
	}
	return false;
}

/** NULL if there are no operations in it. */
static struct seep_lock_code *analyse(struct seep_lock_coder *coder, const struct seep_func *func,
				      bool with_helpers)
{
	struct collector c = { .coder = coder, .func = func, .with_helpers = with_helpers };
	const struct seep_pclntab *tab = &coder->runtime->binary->pclntab;

	if (!may_call(coder, func, with_helpers))
		return NULL;
	c.code = calloc(1, sizeof(*c.code));
	if (!c.code || !seep_vec_push(&coder->all, c.code)) {
		free(c.code);
		return NULL;
	}
	struct seep_error *err = seep_code_each_call(tab, func, visit_call, &c);
	if (!err)
		err = seep_code_each_atomic(tab, func, visit_atomic, &c);
	seep_error_destroy(err); // what could be read counts
	return c.code->ops.len ? c.code : NULL;
}

/** The operations of a small function that has only locks or only unlocks; NULL for any other. */
static const struct seep_lock_code *helper_at(struct seep_lock_coder *coder, seep_addr entry)
{
	enum { HELPER_MAX = 512 };
	struct seep_func func;
	bool added;
	uint64_t *slot = seep_map_put(&coder->helpers, entry, &added);

	if (!slot || !added)
		return slot ? (const struct seep_lock_code *)*slot : NULL;
	if (!seep_pclntab_find(&coder->runtime->binary->pclntab, entry, &func) ||
	    func.entry != entry || func.end - func.entry > HELPER_MAX || in_sync(func.name))
		return NULL;
	const struct seep_lock_code *code = analyse(coder, &func, false);
	for (size_t i = 1; code && i < code->ops.len; i++)
		if (code->ops.data[i].unlock != code->ops.data[0].unlock)
			code = NULL;
	slot = seep_map_put(&coder->helpers, entry, NULL);
	if (slot)
		*slot = (uint64_t)code;
	return code;
}

const struct seep_lock_code *seep_lock_code_of(struct seep_lock_coder *coder,
					       const struct seep_func *func)
{
	bool added;
	uint64_t *slot = seep_map_put(&coder->by_func, func->index, &added);

	if (!slot || !added)
		return slot ? (const struct seep_lock_code *)*slot : NULL;
	const struct seep_lock_code *code = analyse(coder, func, true);
	*slot = (uint64_t)code;
	return code;
}

bool seep_lock_op_is_foreign(const struct seep_lock_code *code, const struct seep_lock_op *op)
{
	if (!op->unlock || op->levels.wrapper)
		return false;
	for (size_t i = 0; i < code->ops.len; i++)
		if (!code->ops.data[i].unlock &&
		    seep_levels_compare(&code->ops.data[i].levels, &op->levels) <= 0)
			return false;
	return true;
}
