// The report as a profile for `go tool pprof`: profile.proto, compressed by gzip.
//
// A finding about goroutines is a sample for each of their stacks; any other one is a sample whose stack is the path
// that keeps the memory alive, the root outermost, with the place or the holder that the finding is about as its innermost
// frame. A frame of a path is all of it up to there ("main.cache[...].buf"), so that equal steps of different paths do not become one.
//
// Messages of Profile in the order of their fields (github.com/google/pprof/proto/profile.proto):
//
//	1 sample_type	ValueType { 1 type, 2 unit }
//	2 sample	Sample { 1 location_id (packed), 2 value (packed), 3 label }, Label { 1 key, 2 str }
//	3 mapping	Mapping { 1 id, 5 filename, 6 build_id, 7 has_functions, 8 has_filenames, 9 has_line_numbers }
//	4 location	Location { 1 id, 2 mapping_id, 4 line }, Line { 1 function_id, 2 line }
//	5 function	Function { 1 id, 2 name, 3 system_name, 4 filename }
//	6 string_table	the first is ""
//	7 drop_frames, 9 time_nanos, 13 comment, 14 default_sample_type
//
// Names are indexes into the string table. The same findings of the same moment are the same bytes.
#include "report/internal.h"
#include "report/wording.h"

#include "base/map.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	TYPES_MAX = 5,
	STACK_MAX = 200, // frames
	PATH_MAX_STEPS = 32,
	PATH_MAX_BYTES = 2000, // of a frame that is a path
	MAPPING = 1, // its only one, the executable
};

/** Frames below these, towards the leaf, are the runtime's way to park: pprof hides them, and the file keeps them. */
static const char parking[] =
	"runtime\\.(gopark|goparkunlock|block|selectgo|coroswitch.*|chan(send|recv)[12]?|sem(acquire|release).*)|"
	"(internal/)?sync\\.runtime_.*|internal/poll\\.runtime_.*";

struct profile {
	const struct seep_report *report;
	struct seep_str out; /** the messages but for those below */
	struct seep_str functions, locations, strings;
	struct seep_vec(char *) texts; /** of the string table, by index */
	struct seep_map text_index; /** by hash, and then the next free key */
	struct seep_map function_ids, location_ids; /** by name and file; by function and line */
	size_t types; /** values of each sample */
	bool failed;
};

/** A stack in the making: location ids from the innermost. */
struct stack {
	uint64_t locations[STACK_MAX];
	size_t len;
};

static void profile_deinit(struct profile *p)
{
	seep_vec_foreach(text, &p->texts)
		free(*text);
	seep_vec_free(&p->texts);
	seep_str_deinit(&p->out);
	seep_str_deinit(&p->functions);
	seep_str_deinit(&p->locations);
	seep_str_deinit(&p->strings);
	seep_map_deinit(&p->text_index);
	seep_map_deinit(&p->function_ids);
	seep_map_deinit(&p->location_ids);
}

// --- the encoding ---

static void put_varint(struct seep_str *out, uint64_t n)
{
	char bytes[10];
	size_t len = 0;

	for (; n >= 0x80; n >>= 7)
		bytes[len++] = (char)(n | 0x80);
	bytes[len++] = (char)n;
	seep_str_add_bytes(out, bytes, len);
}

/** A field that is a number; 0 is what is not there. */
static void put_number(struct seep_str *out, unsigned field, uint64_t n)
{
	if (!n)
		return;
	put_varint(out, field << 3);
	put_varint(out, n);
}

static void put_bytes(struct seep_str *out, unsigned field, const char *bytes, size_t len)
{
	put_varint(out, field << 3 | 2);
	put_varint(out, len);
	seep_str_add_bytes(out, bytes, len);
}

/** A field that is a message; ends it. */
static void put_message(struct seep_str *out, unsigned field, struct seep_str *message)
{
	put_bytes(out, field, seep_str_text(message), message->len);
	out->failed |= message->failed;
	seep_str_deinit(message);
}

static void put_packed(struct seep_str *out, unsigned field, const uint64_t *numbers, size_t len)
{
	struct seep_str packed = {};

	for (size_t i = 0; i < len; i++)
		put_varint(&packed, numbers[i]);
	put_message(out, field, &packed);
}

// --- what is told once and referred to by number ---

/** The index of a text that is as it shall appear. */
static uint64_t intern(struct profile *p, const char *text)
{
	uint64_t hash = 0xcbf29ce484222325;
	bool added = false;

	for (const char *c = text; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
	for (;; hash++) {
		uint64_t *slot = seep_map_put(&p->text_index, hash, &added);
		if (!slot) {
			p->failed = true;
			return 0;
		}
		if (!added && strcmp(p->texts.data[*slot], text) == 0)
			return *slot;
		if (!added)
			continue;
		char *copy = strdup(text);
		*slot = p->texts.len;
		if (!copy || !seep_vec_push(&p->texts, copy)) {
			free(copy);
			*slot = 0;
			p->failed = true;
			return 0;
		}
		put_bytes(&p->strings, 6, text, strlen(text));
		return *slot;
	}
}

/** The index of a text from the target; that of "" for NULL. */
static uint64_t intern_escaped(struct profile *p, const char *text)
{
	_cleanup_(seep_str_deinit) struct seep_str safe = {};

	if (text)
		seep_str_add_escaped(&safe, text, strlen(text));
	p->failed |= safe.failed;
	return intern(p, seep_str_text(&safe));
}

/** The number of a key in a map, from 1; *added says whether it is new. */
static uint64_t number_of(struct profile *p, struct seep_map *map, uint64_t key, bool *added)
{
	uint64_t *slot = seep_map_put(map, key, added);

	if (!slot) {
		p->failed = true;
		*added = false;
		return 0;
	}
	if (*added)
		*slot = map->len;
	return *slot;
}

/** Names are indexes of texts. */
static uint64_t location_of(struct profile *p, uint64_t name, uint64_t file, uint64_t line)
{
	struct seep_str message = {}, inner = {};
	bool added;
	uint64_t function = number_of(p, &p->function_ids, name << 32 | file, &added);

	if (added) {
		put_number(&message, 1, function);
		put_number(&message, 2, name);
		put_number(&message, 3, name);
		put_number(&message, 4, file);
		put_message(&p->functions, 5, &message);
	}
	uint64_t location = number_of(p, &p->location_ids, function << 32 | line, &added);
	if (added) {
		put_number(&message, 1, location);
		put_number(&message, 2, MAPPING);
		put_number(&inner, 1, function);
		put_number(&inner, 2, line);
		put_message(&message, 4, &inner);
		put_message(&p->locations, 4, &message);
	}
	return location;
}

// --- stacks ---

static void push_location(struct stack *stack, uint64_t location)
{
	if (stack->len < STACK_MAX)
		stack->locations[stack->len++] = location;
}

static void push_frame(struct profile *p, struct stack *stack, const struct seep_frame_text *frame)
{
	if (frame->function || frame->file)
		push_location(
			stack,
			location_of(p, intern_escaped(p, frame->function ? frame->function : "?"),
				    intern_escaped(p, frame->file),
				    frame->line > 0 ? (uint64_t)frame->line : 0));
}

static void push_frames(struct profile *p, struct stack *stack,
			const struct seep_frame_text *frames, size_t len)
{
	for (size_t i = 0; i < len; i++)
		push_frame(p, stack, &frames[i]);
}

static void push_name(struct profile *p, struct stack *stack, const char *name)
{
	push_location(stack, location_of(p, intern_escaped(p, name), 0, 0));
}

/** A step without what differs from one object, or run, to the next: "[3]" as "[...]", "goroutine 7 (f)" as "goroutine (f)". */
static void add_general(struct seep_str *str, const char *step)
{
	static const char goroutine[] = "goroutine ";
	size_t len = sizeof(goroutine) - 1;

	if (seep_has_prefix(step, goroutine)) {
		size_t digits = strspn(step + len, "0123456789");
		seep_str_add(str, "goroutine");
		step += digits ? len + digits : len - 1;
	}
	while (*step) {
		size_t digits = *step == '[' ? strspn(step + 1, "0123456789") : 0;
		bool index = digits && step[digits + 1] == ']';
		seep_str_add(str, index ? "[...]" : (char[]){ *step, '\0' });
		step += index ? digits + 2 : 1;
	}
}

static bool same_step(struct profile *p, const char *a, const char *b)
{
	_cleanup_(seep_str_deinit) struct seep_str x = {}, y = {};

	if (!a || !b)
		return false;
	add_general(&x, a);
	add_general(&y, b);
	p->failed |= x.failed || y.failed;
	return strcmp(seep_str_text(&x), seep_str_text(&y)) == 0;
}

/** A path, from the root, after what stands in front of it; its end becomes the innermost frame. */
static void push_path(struct profile *p, struct stack *stack, const char *root,
		      const char *const *path, size_t len)
{
	_cleanup_(seep_str_deinit) struct seep_str text = {};
	uint64_t frames[PATH_MAX_STEPS + 1];
	size_t count = 0;

	for (size_t i = root ? 0 : 1; i <= len && count <= PATH_MAX_STEPS; i++) {
		const char *step = i ? path[i - 1] : root;
		if (step && text.len + strlen(step) > PATH_MAX_BYTES)
			break;
		if (!step || !*step)
			continue;
		add_general(&text, step);
		frames[count++] = location_of(p, intern_escaped(p, seep_str_text(&text)), 0, 0);
	}
	p->failed |= text.failed;
	while (count > 0)
		push_location(stack, frames[--count]);
}

/** How many steps the paths of all listed objects have in common. */
static size_t common_steps(struct profile *p, const struct seep_finding *finding)
{
	size_t common = 0;

	if (finding->objects.len == 0)
		return 0;
	const struct seep_finding_object *first = &finding->objects.data[0];
	for (; common < first->path_len && common < PATH_MAX_STEPS; common++)
		seep_vec_foreach(object, &finding->objects)
			if (object->path_len <= common ||
			    !same_step(p, object->path[common], first->path[common]))
				return common;
	return common;
}

/** The stack of a finding that counts something else than goroutines. */
static void push_finding(struct profile *p, struct stack *stack, const struct seep_finding *finding)
{
	const struct seep_finding_object *first = finding->objects.len ? &finding->objects.data[0] :
									 NULL;

	if (finding->goroutines.len == 1) {
		push_frames(p, stack, finding->goroutines.data[0].frames,
			    finding->goroutines.data[0].frame_count);
		return;
	}
	size_t common = common_steps(p, finding);
	if (finding->where.function || finding->where.file)
		push_frame(p, stack, &finding->where);
	else if (finding->holder && *finding->holder &&
		 !(common && same_step(p, finding->holder, first->path[0])))
		push_name(p, stack, finding->holder);
	else if (!common && first && first->type)
		push_name(p, stack, first->type);
	if (common)
		push_path(p, stack, NULL, first->path, common);
	else
		push_frame(p, stack, &finding->created);
}

// --- samples ---

static void put_label(struct profile *p, struct seep_str *sample, const char *key, const char *text)
{
	struct seep_str label = {};

	put_number(&label, 1, intern(p, key));
	put_number(&label, 2, intern_escaped(p, text));
	put_message(sample, 3, &label);
}

/** A sample but for its labels; without a known frame it stands at what is given instead. */
static void begin_sample(struct profile *p, struct seep_str *sample, struct stack *stack,
			 const uint64_t *values, const char *instead)
{
	uint64_t safe[TYPES_MAX];

	if (stack->len == 0)
		push_name(p, stack, instead ? instead : "unknown");
	for (size_t i = 0; i < p->types; i++)
		safe[i] = values[i] > INT64_MAX ? INT64_MAX : values[i];
	put_packed(sample, 1, stack->locations, stack->len);
	put_packed(sample, 2, safe, p->types);
}

enum { GOROUTINES, OBJECTS, RETAINED, WASTED, WAITING };

static void add_sample(struct profile *p, const struct seep_finding *finding, struct stack *stack,
		       const uint64_t *values)
{
	struct seep_str sample = {};
	char signature[20];

	snprintf(signature, sizeof(signature), "%016" PRIx64, finding->signature);
	begin_sample(p, &sample, stack, values, finding->cause);
	put_label(p, &sample, "cause", finding->cause ? finding->cause : "unknown");
	put_label(p, &sample, "verdict", seep_verdict_name(finding->verdict));
	put_label(p, &sample, "signature", signature);
	put_message(&p->out, 2, &sample);
}

/** What of an amount falls to those from done to done + n of all: the parts add up to it. */
static uint64_t share(uint64_t amount, uint64_t done, uint64_t n, uint64_t all)
{
	return (uint64_t)((unsigned __int128)amount * (done + n) / all) -
	       (uint64_t)((unsigned __int128)amount * done / all);
}

/** Of the goroutines of a finding, those that stand at one stack. What they retain is known only together and shared out by number. */
static void add_goroutines(struct profile *p, const struct seep_finding *finding,
			   struct stack *stack, uint64_t *done, uint64_t n)
{
	uint64_t values[TYPES_MAX] = {}, all = finding->count;

	n = n < all - *done ? n : all - *done;
	if (!n)
		return;
	if (seep_wording_is_leaked(finding))
		values[GOROUTINES] = n;
	else if (!seep_wording_is_leak(finding))
		values[WAITING] = n;
	if (seep_wording_is_leak(finding)) {
		values[RETAINED] = share(finding->retained_bytes, *done, n, all);
		values[WASTED] = share(finding->wasted_bytes, *done, n, all);
	}
	*done += n;
	add_sample(p, finding, stack, values);
}

static void add_finding(struct profile *p, const struct seep_finding *finding)
{
	uint64_t done = 0;
	struct stack stack = {};

	if (finding->noun) {
		uint64_t values[TYPES_MAX] = { [OBJECTS] = finding->count,
					       [RETAINED] = finding->retained_bytes,
					       [WASTED] = finding->wasted_bytes,
					       [GOROUTINES] = seep_wording_leaked(finding) };
		push_finding(p, &stack, finding);
		add_sample(p, finding, &stack, values);
		return;
	}
	seep_vec_foreach(one, &finding->stacks) {
		stack.len = 0;
		push_frames(p, &stack, one->frames, one->frame_count);
		add_goroutines(p, finding, &stack, &done, one->count);
	}
	if (finding->stacks.len == 0) {
		seep_vec_foreach(goroutine, &finding->goroutines) {
			stack.len = 0;
			push_frames(p, &stack, goroutine->frames, goroutine->frame_count);
			add_goroutines(p, finding, &stack, &done, 1);
		}
	}
	if (done == finding->count)
		return;
	// Those whose stack is not listed.
	stack.len = 0;
	push_frame(p, &stack, &finding->where);
	push_frame(p, &stack, &finding->created);
	add_goroutines(p, finding, &stack, &done, UINT64_MAX);
}

// --- the profile ---

static void put_type(struct profile *p, const char *type, const char *unit)
{
	struct seep_str message = {};

	put_number(&message, 1, intern(p, type));
	put_number(&message, 2, intern(p, unit));
	put_message(&p->out, 1, &message);
	p->types++;
}

static void put_comment(struct profile *p, const char *text)
{
	put_number(&p->out, 13, intern_escaped(p, text));
}

static void put_left_out(struct profile *p, size_t n, const char *why)
{
	char text[80];

	if (!n)
		return;
	snprintf(text, sizeof(text), "%zu findings were left out: %s", n, why);
	put_comment(p, text);
}

static void put_findings(struct profile *p, const struct seep_report_options *options)
{
	const struct seep_report *report = p->report;
	size_t count = report->findings.len;
	bool leaked = false;

	put_type(p, "goroutines", "count");
	put_type(p, "objects", "count");
	put_type(p, "retained", "bytes");
	put_type(p, "wasted", "bytes");
	if (options->all)
		put_type(p, "waiting", "count");
	if (options->top && count > options->top)
		count = options->top;
	for (size_t i = 0; i < count; i++) {
		add_finding(p, &report->findings.data[i]);
		leaked |= seep_wording_leaked(&report->findings.data[i]) > 0;
	}
	put_number(&p->out, 14, intern(p, leaked ? "goroutines" : "retained"));
	put_left_out(p, report->findings.len - count, "--top");
	put_left_out(p, report->suppressed.len, "they are known already");
}

/** What a variable, a type and a goroutine retain is told in columns of their own: the same bytes stand in all three. */
static void add_holder(struct profile *p, const struct seep_holder *holder, size_t column)
{
	static const char *const kinds[] = { "variable", "type", "goroutine" };
	uint64_t values[TYPES_MAX] = {};
	struct seep_str sample = {};
	struct stack stack = {};

	values[column] = holder->retained_bytes;
	push_path(p, &stack, holder->name, holder->path, holder->path_len);
	begin_sample(p, &sample, &stack, values, holder->kind);
	put_label(p, &sample, "kind", kinds[column]);
	put_message(&p->out, 2, &sample);
}

static void put_top(struct profile *p)
{
	const struct seep_report *report = p->report;

	put_type(p, "variables", "bytes");
	put_type(p, "types", "bytes");
	put_type(p, "goroutines", "bytes");
	seep_vec_foreach(holder, &report->top.variables)
		add_holder(p, holder, 0);
	seep_vec_foreach(holder, &report->top.types)
		add_holder(p, holder, 1);
	seep_vec_foreach(holder, &report->top.goroutines)
		add_holder(p, holder, 2);
	put_number(&p->out, 14, intern(p, "variables"));
}

static void put_rest(struct profile *p)
{
	struct seep_str mapping = {};

	put_number(&mapping, 1, MAPPING);
	put_number(&mapping, 5, intern_escaped(p, p->report->target.exe));
	put_number(&mapping, 6, intern_escaped(p, p->report->target.build_id));
	for (unsigned has = 7; has <= 9; has++)
		put_number(&mapping, has, 1);
	put_message(&p->out, 3, &mapping);
	put_number(&p->out, 7, intern(p, parking));
	put_number(&p->out, 9, p->report->capture.realtime_ns);
	seep_vec_foreach(caveat, &p->report->caveats)
		put_comment(p, *caveat);
	// Messages may stand in any order; these are complete now.
	seep_str_add_bytes(&p->out, seep_str_text(&p->locations), p->locations.len);
	seep_str_add_bytes(&p->out, seep_str_text(&p->functions), p->functions.len);
	seep_str_add_bytes(&p->out, seep_str_text(&p->strings), p->strings.len);
	p->failed |= p->out.failed || p->locations.failed || p->functions.failed ||
		     p->strings.failed;
}

struct seep_error *seep_report_write_pprof(const struct seep_report *report,
					   const struct seep_report_options *options, FILE *file)
{
	_cleanup_(profile_deinit) struct profile p = { .report = report };

	intern(&p, "");
	if (options->view == SEEP_REPORT_TOP)
		put_top(&p);
	else
		put_findings(&p, options);
	put_rest(&p);
	return p.failed ? &seep_enomem : seep_report_put_gzip(p.out.text, p.out.len, file);
}
