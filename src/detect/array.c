// array-by-value: functions that take, return or copy a large array (or struct) by value.
//
// Every call has such a value once more on its goroutine's stack, and a stack doubles until it has room. Two signs, both exact:
//
//	_func.args	bytes of arguments and results in the caller's frame: what is passed by value and too large for registers
//	the code	a copy of so many bytes into the function's own frame: an assignment, or a range over an array
//
// A large frame alone is no sign: a large local array is what somebody has asked for. Functions are looked for on the stacks as
// they are now; with --all also in the executable. Whether a call could do without the copy nobody but its author knows: `suspect`.
#include "detect/detect.h"

#include "base/str.h"
#include "binary/code.h"
#include "detect/explain_wait.h"
#include "detect/path_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	LARGE = 64 << 10,
	UNKNOWN_ARGS = 0x80000000u,
	COPIES_SHOWN = 3,
	POSITIONS_MAX = 16,
	SPILL_MAX =
		256, // room that the arguments in registers have behind: 9 words and 15 floating-point ones
};

/** What a function's large arguments and results are. */
enum direction { EITHER, ARGUMENTS, RESULTS };

/** A large type that the program has a descriptor of. */
struct large_type {
	seep_addr addr;
	uint64_t size;
};

/** A function, and the goroutines that are in it. */
struct group {
	struct seep_func func;
	bool copies; /** found by its code; else by its arguments */
	struct seep_bulk copy[COPIES_SHOWN]; /** the first ones of the largest size */
	uint32_t copy_count, more_copies;
	enum direction direction;
	seep_addr type; /** of the receiver or argument, 0 = not known */
	bool receiver; /** that type is the receiver's, for sure; else the one that fits */
	struct seep_vec(uint32_t) members;
	uint64_t stack_bytes, largest_stack;
};

struct detector {
	const struct seep_view *view;
	struct seep_report *report;
	const struct seep_pclntab *tab;
	struct seep_vec(struct group) groups;
	struct seep_map by_entry; /** function's entry → group + 1, 0 = it copies nothing large */
	struct seep_vec(struct large_type) types;
	seep_addr memmove_entry;
	bool failed;
};

static bool has_large_args(const struct seep_pclntab *tab, const struct seep_func *func)
{
	return func->args != UNKNOWN_ARGS && func->args >= LARGE &&
	       func->func_id != tab->wrapper_id;
}

static struct group *add_group(struct detector *d, const struct seep_func *func)
{
	uint64_t *slot = seep_map_put(&d->by_entry, func->entry, NULL);

	if (!slot || !seep_vec_push(&d->groups, (struct group){ .func = *func })) {
		d->failed = true;
		return NULL;
	}
	*slot = d->groups.len;
	return &d->groups.data[d->groups.len - 1];
}

// Signs in the code.

struct copy_search {
	struct group *group; /** its copies are filled in */
	int64_t frame_size;
};

static bool look_at_copy(const struct seep_bulk *copy, void *arg)
{
	struct copy_search *s = arg;
	struct group *g = s->group;

	// What lies above the frame is the function's own result: that is seen in its arguments.
	if (copy->clears || copy->size < LARGE || copy->slot < 0 || copy->slot > s->frame_size ||
	    copy->size > (uint64_t)(s->frame_size - copy->slot))
		return true;
	if (g->copy_count && copy->size > g->copy[0].size)
		g->copy_count = g->more_copies = 0;
	else if (g->copy_count && copy->size < g->copy[0].size)
		return true;
	if (g->copy_count < COPIES_SHOWN)
		g->copy[g->copy_count++] = *copy;
	else
		g->more_copies++;
	return true;
}

/** The group of a function that copies something large into its frame; NULL if it does not. */
static struct group *copying_group(struct detector *d, const struct seep_frame *frame)
{
	const struct seep_func *func = &frame->site->func;
	struct group found = { .func = *func, .copies = true };
	struct copy_search s = { &found, frame->site->spdelta };
	const uint64_t *known = seep_map_get(&d->by_entry, func->entry);

	if (known)
		return *known ? &d->groups.data[*known - 1] : NULL;
	seep_error_destroy(seep_code_each_bulk(d->tab, func, d->memmove_entry, look_at_copy, &s));
	if (found.copy_count == 0) {
		if (!seep_map_put(&d->by_entry, func->entry, NULL))
			d->failed = true;
		return NULL;
	}
	struct group *group = add_group(d, func);
	if (group)
		*group = found;
	return group;
}

// Who is in them.

static void add_member(struct detector *d, struct group *group, uint32_t i)
{
	const struct seep_goroutine *g = &d->view->runtime->goroutines.data[i];

	// In recursion a goroutine is in a function more than once.
	if (!group || (group->members.len && group->members.data[group->members.len - 1] == i))
		return;
	if (!seep_vec_push(&group->members, i))
		d->failed = true;
	group->stack_bytes += g->stack_hi - g->stack_lo;
	if (g->stack_hi - g->stack_lo > group->largest_stack)
		group->largest_stack = g->stack_hi - g->stack_lo;
}

static struct group *args_group(struct detector *d, const struct seep_func *func)
{
	const uint64_t *known = seep_map_get(&d->by_entry, func->entry);

	return known && *known ? &d->groups.data[*known - 1] : add_group(d, func);
}

static void look_at_stack(struct detector *d, uint32_t i)
{
	struct seep_unwinder u;
	bool callee_has = false;

	if (!seep_unwind_start(d->view->runtime, &d->view->runtime->goroutines.data[i], &u))
		return;
	do {
		const struct seep_site *site = u.frame.site;
		bool has = has_large_args(d->tab, &site->func);
		if (has)
			add_member(d, args_group(d, &site->func), i);
		// What a caller copies is what it passes on: one matter, one finding.
		else if (!callee_has && site->spdelta >= LARGE &&
			 site->func.func_id != d->tab->wrapper_id)
			add_member(d, copying_group(d, &u.frame), i);
		callee_has = has;
	} while (!d->failed && seep_unwind_next(&u));
}

static void look_at_stacks(struct detector *d)
{
	static const char *const name = "runtime.memmove";
	const struct seep_runtime *rt = d->view->runtime;
	struct seep_func memmove_func;

	seep_pclntab_find_names(d->tab, &name, 1, &memmove_func);
	d->memmove_entry = memmove_func.raw ? memmove_func.entry : 0;
	for (uint32_t i = 0; i < rt->goroutines.len && !d->failed; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[i];
		if (!g->system && g->stack_hi - g->stack_lo > LARGE)
			look_at_stack(d, i);
	}
}

static void look_at_executable(struct detector *d)
{
	struct seep_func func;

	for (uint32_t i = 0; i < d->tab->func_count && !d->failed; i++)
		if (seep_pclntab_func(d->tab, i, &func) && has_large_args(d->tab, &func))
			args_group(d, &func);
}

// What is passed.

static bool look_at_type(const struct seep_type *type, void *arg)
{
	struct detector *d = arg;

	if ((type->kind == SEEP_KIND_ARRAY || type->kind == SEEP_KIND_STRUCT) &&
	    type->size >= LARGE &&
	    !seep_vec_push(&d->types, (struct large_type){ type->addr, type->size }))
		d->failed = true;
	return !d->failed;
}

/** Is it the receiver's type in "path/pkg.Type.Method"? Package names may differ from the last element of their path. */
static bool is_receiver(struct detector *d, const char *function, const struct large_type *large)
{
	struct seep_types *types = &d->view->runtime->types;
	const char *slash = strrchr(function, '/'), *dot = strchr(slash ? slash : function, '.');
	const char *name = strrchr(seep_type_name(types, large->addr), '.');
	struct seep_type type;

	if (!dot || !name || !seep_type_read(types, large->addr, &type))
		return false;
	size_t len = strlen(name);
	return strncmp(dot, name, len) == 0 && dot[len] == '.' &&
	       seep_type_package_is(types, &type, function, dot - function);
}

/**
 * How the arguments are laid out, as tracebacks need it: {offset, size} of each of the first ten words (cmd/compile/internal/ssagen
 * EmitArgInfo; internal/abi/symtab.go).
 */
enum {
	INFO_SPECIAL = 0xf0, // and above: no offset
	INFO_FURTHER = 0xfb, // instead of offset and size: they do not fit
	INFO_MORE = 0xfc, // something was left out
	INFO_END_AGGREGATE = 0xfd,
	INFO_AGGREGATE = 0xfe, // an array, a struct, a string, ...
	INFO_END = 0xff,
	INFO_WORDS_MAX = 10,
	INFO_DEPTH_MAX = 5,
	INFO_LEN_MAX = (INFO_DEPTH_MAX * 3 + 2) * INFO_WORDS_MAX + 1,
};

struct arg_info {
	uint8_t tokens[INFO_LEN_MAX]; /** as above; sizes without their offsets */
	unsigned len;
	bool all; /** nothing was left out */
	uint64_t listed; /** up to which offset those listed reach */
};

static void read_arg_info(const struct detector *d, seep_addr addr, struct arg_info *ret)
{
	const struct seep_memory *memory = &d->tab->image->memory;

	*ret = (struct arg_info){ .all = true };
	for (unsigned i = 0; i < INFO_LEN_MAX; i++) {
		const unsigned char *p = seep_memory_at(memory, addr + i, 2);
		if (!p || *p == INFO_END) {
			ret->all = ret->all && p;
			return;
		}
		if (*p == INFO_MORE)
			ret->all = false;
		ret->tokens[ret->len++] = *p >= INFO_SPECIAL ? p[0] : p[1];
		if (*p >= INFO_SPECIAL)
			continue;
		if ((uint64_t)p[0] + p[1] > ret->listed)
			ret->listed = (uint64_t)p[0] + p[1];
		i++;
	}
	ret->all = false;
}

/** What EmitArgInfo makes of a type, compared with an info as far as that goes. */
struct comparison {
	const struct detector *d;
	const struct arg_info *info;
	unsigned at, words;
	bool differs;
};

static void compare_token(struct comparison *c, uint64_t token)
{
	uint8_t there = c->at < c->info->len ? c->info->tokens[c->at] : INFO_END;

	c->at++;
	// A word further behind is there, but its size is not.
	if (there != token && !(there == INFO_FURTHER && token < INFO_SPECIAL))
		c->differs = true;
	if (token < INFO_SPECIAL)
		c->words++;
}

/** False once the info's limit of words is reached: what follows is left out. */
static bool compare_words(struct comparison *c, unsigned count, uint64_t size)
{
	for (unsigned i = 0; i < count; i++) {
		if (c->words >= INFO_WORDS_MAX) {
			compare_token(c, INFO_MORE);
			return false;
		}
		compare_token(c, size);
	}
	return true;
}

static bool compare_type(struct comparison *c, seep_addr addr, unsigned depth);

static void compare_parts(struct comparison *c, const struct seep_type *type, unsigned depth)
{
	struct seep_types *types = &c->d->view->runtime->types;
	struct seep_field field;

	c->words += type->count == 0;
	for (uint64_t i = 0; i < type->count && !c->differs; i++) {
		seep_addr part = type->elem;
		if (type->kind == SEEP_KIND_STRUCT) {
			if (!seep_type_field(types, type, i, &field)) {
				c->differs = true;
				return;
			}
			part = field.type;
		}
		if (!compare_type(c, part, depth))
			return;
	}
}

static bool compare_type(struct comparison *c, seep_addr addr, unsigned depth)
{
	struct seep_type type;
	unsigned words = 0;

	if (c->differs || !seep_type_read(&c->d->view->runtime->types, addr, &type)) {
		c->differs = true;
		return false;
	}
	if (c->words >= INFO_WORDS_MAX) {
		compare_token(c, INFO_MORE);
		return false;
	}
	bool parts = type.kind == SEEP_KIND_ARRAY || type.kind == SEEP_KIND_STRUCT;
	if (type.kind == SEEP_KIND_STRING || type.kind == SEEP_KIND_INTERFACE ||
	    type.kind == SEEP_KIND_COMPLEX64 || type.kind == SEEP_KIND_COMPLEX128)
		words = 2;
	else if (type.kind == SEEP_KIND_SLICE)
		words = 3;
	if (!parts && !words)
		return compare_words(c, 1, type.size);
	compare_token(c, INFO_AGGREGATE);
	if (++depth >= INFO_DEPTH_MAX) {
		compare_token(c, INFO_MORE);
		c->words++;
	} else if (parts) {
		compare_parts(c, &type, depth);
	} else {
		compare_words(c, words, type.size / words);
	}
	compare_token(c, INFO_END_AGGREGATE);
	return true;
}

/** Does one of the arguments, as far as they are listed, look like a value of that type? */
static bool looks_like(const struct detector *d, const struct arg_info *info, seep_addr type)
{
	unsigned words = 0, depth = 0;

	for (unsigned i = 0; i < info->len; i++) {
		struct comparison c = { .d = d, .info = info, .at = i, .words = words };
		if (depth == 0 && info->tokens[i] == INFO_AGGREGATE) {
			compare_type(&c, type, 0);
			if (!c.differs)
				return true;
		}
		depth += info->tokens[i] == INFO_AGGREGATE;
		depth -= info->tokens[i] == INFO_END_AGGREGATE && depth;
		words += info->tokens[i] < INFO_SPECIAL || info->tokens[i] == INFO_FURTHER;
	}
	return false;
}

struct result_search {
	const struct detector *d;
	const struct group *group;
	uint64_t listed;
	bool found;
};

/** A large write to where the caller expects results. */
static bool look_at_result(const struct seep_bulk *bulk, void *arg)
{
	struct result_search *s = arg;
	int32_t frame;

	if (seep_func_spdelta(s->d->tab, &s->group->func, bulk->pc, &frame) &&
	    bulk->size >= LARGE / 2 && bulk->slot >= frame + 8 &&
	    (uint64_t)(bulk->slot - frame - 8) >= s->listed)
		s->found = true;
	return !s->found;
}

/**
 * Which way it goes. A function without arguments, or with small ones only, returns it. Otherwise it is arguments, unless the code
 * writes something large behind those that are listed: that is how a result is made.
 */
static enum direction direction_of(const struct detector *d, const struct group *group,
				   const struct arg_info *info)
{
	struct result_search s = { .d = d, .group = group, .listed = info->listed };

	if (group->func.flags & SEEP_FUNC_ASM)
		return EITHER;
	if (info->all)
		return RESULTS;
	seep_error_destroy(
		seep_code_each_bulk(d->tab, &group->func, d->memmove_entry, look_at_result, &s));
	return s.found ? EITHER : ARGUMENTS;
}

/** The receiver's type by its name; an argument's if one type alone has the size and looks like it. */
static seep_addr type_of(struct detector *d, const struct group *group, const struct arg_info *info,
			 bool *receiver_ret)
{
	seep_addr fitting = 0;
	unsigned count = 0;

	*receiver_ret = false;
	for (size_t i = 0; i < d->types.len; i++) {
		const struct large_type *t = &d->types.data[i];
		if (t->size > group->func.args)
			continue;
		if (is_receiver(d, group->func.name, t)) {
			*receiver_ret = true;
			return t->addr;
		}
		if (t->size + SPILL_MAX < group->func.args || !looks_like(d, info, t->addr))
			continue;
		fitting = t->addr;
		count++;
	}
	return count == 1 ? fitting : 0;
}

static void find_out_type(struct detector *d, struct group *group)
{
	seep_addr addr = seep_func_funcdata(d->tab, &group->func, SEEP_FUNCDATA_ARG_INFO);
	struct arg_info info = { .all = true };

	if (addr)
		read_arg_info(d, addr, &info);
	group->direction = direction_of(d, group, &info);
	if (group->direction != RESULTS)
		group->type = type_of(d, group, &info, &group->receiver);
	if (group->receiver)
		group->direction = ARGUMENTS;
}

static int compare_types(const void *a, const void *b)
{
	const struct large_type *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static void find_out_types(struct detector *d)
{
	seep_types_each(&d->view->runtime->types, look_at_type, d);
	if (d->types.len)
		qsort(d->types.data, d->types.len, sizeof(struct large_type), compare_types);
	for (size_t i = 0; i < d->groups.len; i++)
		if (!d->groups.data[i].copies)
			find_out_type(d, &d->groups.data[i]);
}

// From groups to findings.

static struct seep_frame_text position_at(const struct detector *d, const struct seep_func *func,
					  seep_addr pc)
{
	struct seep_position p[POSITIONS_MAX];
	size_t n = seep_func_positions(d->tab, func, pc, p, POSITIONS_MAX);

	return n ? (struct seep_frame_text){ p[0].function, p[0].file, p[0].line } :
		   (struct seep_frame_text){};
}

static const char *summary_of(const struct detector *d, const struct group *group)
{
	static const char *const verbs[] = { "Takes or returns", "Takes", "Returns" };
	struct seep_types *types = &d->view->runtime->types;
	struct seep_type type;

	if (group->copies)
		return seep_report_format(d->report,
					  "Copies %" PRIu64 " bytes by value onto its stack.",
					  group->copy[0].size);
	if (group->direction == ARGUMENTS && group->type &&
	    seep_type_read(types, group->type, &type))
		return seep_report_format(d->report, "Takes a %s of %s bytes by value.",
					  seep_type_name(types, group->type),
					  seep_path_number(d->report, type.size));
	return seep_report_format(d->report, "%s %s bytes by value.", verbs[group->direction],
				  seep_path_number(d->report, group->func.args));
}

static void explain_args(const struct detector *d, const struct group *group,
			 struct seep_finding *f)
{
	static const char *const what[] = { "arguments and results", "arguments", "results" };

	seep_text_why(
		d->report, f,
		"the %s of %s take %s bytes of its caller's frame, written anew for each call",
		what[group->direction], group->func.name,
		seep_path_number(d->report, group->func.args));
	if (!group->type)
		return;
	seep_text_why(d->report, f,
		      group->receiver ? "its receiver is of type %s" :
					"an argument is of type %s, by size and layout",
		      seep_type_name(&d->view->runtime->types, group->type));
}

static void explain_copies(const struct detector *d, const struct group *group,
			   struct seep_finding *f)
{
	for (uint32_t i = 0; i < group->copy_count; i++) {
		struct seep_frame_text at = position_at(d, &group->func, group->copy[i].pc);
		seep_text_why(d->report, f, "%s:%d copies %s bytes into the frame of %s",
			      at.file ? at.file : "?", at.line,
			      seep_path_number(d->report, group->copy[i].size), group->func.name);
	}
	if (group->more_copies)
		seep_text_why(d->report, f, "and %" PRIu32 " more such copies", group->more_copies);
}

static void explain(const struct detector *d, const struct group *group, struct seep_finding *f)
{
	if (group->copies)
		explain_copies(d, group, f);
	else
		explain_args(d, group, f);
	if (group->members.len == 0)
		seep_text_why(d->report, f, "on no goroutine's stack now");
	else
		seep_text_why(
			d->report, f,
			"the bytes are those of the whole stacks, of which the largest has %s; a stack "
			"doubles until it has room",
			seep_path_number(d->report, group->largest_stack));
	seep_text_why(d->report, f, "missing for a proof: the copy may be what is meant");
}

static struct seep_error *add_goroutines(const struct detector *d, const struct group *group,
					 struct seep_finding *f)
{
	struct seep_error *err;

	for (size_t i = 0; i < group->members.len && i < SEEP_FINDING_GOROUTINES_MAX; i++) {
		struct seep_finding_goroutine text;
		err = seep_text_goroutine(
			d->view, d->report,
			&d->view->runtime->goroutines.data[group->members.data[i]], &text);
		if (err)
			return err;
		if (!seep_vec_push(&f->goroutines, text))
			return &seep_enomem;
	}
	return seep_text_stacks(d->view, d->report, group->members.data, group->members.len, f);
}

static struct seep_error *add_finding(const struct detector *d, const struct group *group)
{
	struct seep_error *err;
	struct seep_frame_text where =
		position_at(d, &group->func, group->copies ? group->copy[0].pc : group->func.entry);
	struct seep_finding f = {
		.cause = "array-by-value",
		.verdict = SEEP_VERDICT_SUSPECT,
		.signature = seep_detect_signature("array-by-value", group->func.name,
						   group->copies ? "copy" : "args", NULL),
		.noun = group->members.len ? NULL : "function",
		.count = group->members.len ? group->members.len : 1,
		.retained_bytes = group->stack_bytes,
		.where = seep_text_own(d->report, where),
		.summary = summary_of(d, group),
		.fix = group->copies ?
			       "range over a slice of the array or a pointer to it, and assign pointers" :
			       "pass a pointer to it, or a slice",
	};

	explain(d, group, &f);
	err = add_goroutines(d, group, &f);
	if (!err && !seep_vec_push(&d->report->findings, f))
		err = &seep_enomem;
	if (err) {
		seep_vec_free(&f.why);
		seep_vec_free(&f.goroutines);
		seep_vec_free(&f.stacks);
	}
	return err;
}

static struct seep_error *add_findings(struct detector *d)
{
	struct seep_error *err = d->failed ? &seep_enomem : NULL;

	for (size_t i = 0; !err && i < d->groups.len; i++)
		err = add_finding(d, &d->groups.data[i]);
	return err;
}

struct seep_error *seep_detect_arrays(const struct seep_view *view, struct seep_report *report)
{
	struct seep_error *err;
	struct detector d = { .view = view,
			      .report = report,
			      .tab = &view->runtime->binary->pclntab };

	if (!seep_detect_wanted(view, "array-by-value", SEEP_VERDICT_SUSPECT))
		return NULL;
	look_at_stacks(&d);
	if (view->options->all)
		look_at_executable(&d);
	if (d.groups.len)
		find_out_types(&d);
	err = add_findings(&d);
	for (size_t i = 0; i < d.groups.len; i++)
		seep_vec_free(&d.groups.data[i].members);
	seep_vec_free(&d.groups);
	seep_vec_free(&d.types);
	seep_map_deinit(&d.by_entry);
	return err;
}
