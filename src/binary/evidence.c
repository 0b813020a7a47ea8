// Words of package variables, by what code does with them.
//
// 1. All code is searched for instructions that refer to variables with pointers: a load, store or compare with, or the address
//    of, something in data or bss. This goes by bytes, at memory speed; what is found by chance does no harm.
// 2. The functions that hold such instructions are followed (flow.h). Claims arise from
//      stores    of a value whose type is known: a parameter of a method, newobject's result, a field of something known, ...
//      calls     that take the word as a parameter of known type
//      addresses of a variable passed as a parameter *T: the variable is, or begins with, a T
//      uses      that only one kind of value has: a call through an itab, or of a func value
// 3. A claim is dropped where it could mean something else:
//      The word before holds no pointer and is used in the same function: the word may be the data of an interface, which was
//      found to be a *T just here.
//      The word behind holds no pointer and is used in the same function: it may be the start of a slice, a pointer to
//      whose first element is a *T.
//      A pointer passed as a *T, while some type begins with a T: the variable may be a pointer to that one. It can still
//      confirm, or contradict, what others say.
//      A *T stored, while nothing shows that more is used of it than its first field: that may be what it is a pointer to. Unless
//      all that is ever stored there are *T.
// 4. Claims about one word must agree, or nothing is told.
#include "binary/evidence_calls.h"

#include "base/bits.h"

#include <string.h>

enum {
	MAX_FUNCTIONS = 1 << 17,
	MAX_WORDS = 1 << 22,
	WANTED_WORDS = 128,
};
static const uint64_t max_variable_bytes = (uint64_t)1 << 32;
static const uint64_t max_code_bytes = 32 << 20;

// What is being looked for in data and bss, which lie in a row.
struct globals {
	struct seep_evidence *ev;
	const struct seep_flow *flow;
	seep_addr lo, hi;
	uint64_t *pointers; // bit by word from lo
	uint64_t *wanted; // bit by word from lo: it is wanted, or one of those behind it
	struct seep_vec(seep_addr) used, stored; // by the function at hand: words of 8 bytes
	struct seep_vec(struct seep_claim) claims; // of the function at hand
	struct seep_vec(struct new_map) new_maps; // likewise
};

// A map that was made without saying its type, and what it is used as.
struct new_map {
	seep_addr place, type;
};

static bool in_range(const struct globals *g, seep_addr addr)
{
	return addr >= g->lo && addr < g->hi;
}

static bool holds_pointer(const struct globals *g, seep_addr addr)
{
	uint64_t word = (addr - g->lo) / 8;

	return in_range(g, addr) && g->pointers[word / 64] >> word % 64 & 1;
}

static bool among(const seep_addr *addrs, size_t count, seep_addr addr)
{
	for (size_t i = 0; i < count; i++)
		if (addrs[i] == addr)
			return true;
	return false;
}

static bool is_used(const struct globals *g, seep_addr addr)
{
	return among(g->used.data, g->used.len, addr);
}

static bool is_stored(const struct globals *g, seep_addr addr)
{
	return among(g->stored.data, g->stored.len, addr);
}

// The word may get values that are not seen.
static void note_other(struct globals *g, seep_addr addr)
{
	if (holds_pointer(g, addr))
		g->ev->failed |= !seep_map_put(&g->ev->other, addr, NULL);
}

static void claim(struct globals *g, seep_addr addr, struct seep_fact fact,
		  enum seep_claim_strength strength)
{
	struct seep_claim one = { .addr = addr,
				  .fact = fact,
				  .strength = (uint8_t)strength,
				  .begins = strength == SEEP_CLAIM_BEGINS };

	if (!in_range(g, addr) || addr % 8 != 0 ||
	    (fact.kind != SEEP_FACT_VALUE && fact.kind != SEEP_FACT_NEW_MAP))
		return;
	if (fact.kind == SEEP_FACT_VALUE && fact.type && seep_type_is_form(g->ev->types, fact.type))
		return;
	g->ev->failed |= !seep_vec_push(&g->claims, one);
}

// A word that holds no pointer and that this function uses: a type word, or a length.
static bool is_used_scalar(const struct globals *g, seep_addr addr)
{
	return !holds_pointer(g, addr) && is_used(g, addr);
}

static bool is_interface(const struct globals *g, seep_addr addr)
{
	return !holds_pointer(g, addr) && holds_pointer(g, addr + 8);
}

// Makes a claim about the first word of a slice out of a stored array's address: make([]T, 10) is a new [10]T.
static bool as_slice(const struct globals *g, struct seep_claim *c)
{
	struct seep_type type;

	if (!is_stored(g, c->addr + 8) || !is_stored(g, c->addr + 16) ||
	    holds_pointer(g, c->addr + 8) || holds_pointer(g, c->addr + 16) ||
	    !seep_type_read(g->ev->types, c->fact.type, &type) || type.kind != SEEP_KIND_ARRAY)
		return false;
	c->fact.part = SEEP_PART_SLICE;
	c->fact.type = type.elem;
	return true;
}

// Whether a claim can mean nothing else; it may become another one.
static bool is_sure(const struct globals *g, struct seep_claim *c)
{
	seep_addr addr = c->addr;

	if (c->strength == SEEP_CLAIM_DECLARED)
		return true;
	if (c->fact.part == SEEP_PART_IFACE || c->fact.part == SEEP_PART_EFACE)
		return is_interface(g, addr) &&
		       (c->strength != SEEP_CLAIM_STORED || is_stored(g, addr + 8));
	if (!holds_pointer(g, addr))
		return false;
	switch (c->fact.part) {
	case SEEP_PART_SLICE:
		return !holds_pointer(g, addr + 8) && !holds_pointer(g, addr + 16) &&
		       (c->strength != SEEP_CLAIM_STORED ||
			(is_stored(g, addr + 8) && is_stored(g, addr + 16)));
	case SEEP_PART_STRING:
		return !holds_pointer(g, addr + 8) &&
		       (c->strength != SEEP_CLAIM_STORED || is_stored(g, addr + 8));
	case SEEP_PART_POINTER:
		if (is_used_scalar(g, addr - 8))
			return false;
		return !is_used_scalar(g, addr + 8) ||
		       (c->strength == SEEP_CLAIM_STORED && as_slice(g, c));
	default:
		return !is_used_scalar(g, addr - 8);
	}
}

// A value of register reg, which is the word at `addr`, is passed as what `fact` says.
static void passed(struct globals *g, int index, struct seep_fact fact)
{
	const struct seep_value *regs = g->flow->now.regs;
	const struct seep_value *value = &regs[seep_argument_regs[index]];
	seep_addr addr = value->word;
	int words = fact.part == SEEP_PART_SLICE ? 3 :
		    fact.part == SEEP_PART_STRING || fact.part == SEEP_PART_IFACE ||
				    fact.part == SEEP_PART_EFACE ?
						   2 :
						   1;

	if (addr == 0 || value->at != 0 || fact.kind != SEEP_FACT_VALUE ||
	    index + words > SEEP_ARGUMENT_REGS)
		return;
	for (int i = 1; i < words; i++) {
		const struct seep_value *next = &regs[seep_argument_regs[index + i]];
		if (next->word != addr + 8 * (uint64_t)i || next->at != 0)
			return;
	}
	claim(g, addr, fact, SEEP_CLAIM_BEGINS);
}

struct content {
	struct globals *globals;
	seep_addr addr;
};

static bool declare_word(uint64_t offset, struct seep_fact fact, void *arg)
{
	struct content *content = arg;

	claim(content->globals, content->addr + offset, fact, SEEP_CLAIM_DECLARED);
	return true;
}

// The address of a variable is passed as a pointer to a T.
static void passed_address(struct globals *g, int index, struct seep_fact fact)
{
	const struct seep_value *value = &g->flow->now.regs[seep_argument_regs[index]];
	struct content content = { g, seep_value_global(value) };
	bool pointer = fact.kind == SEEP_FACT_INSIDE ||
		       (fact.kind == SEEP_FACT_VALUE && fact.part == SEEP_PART_POINTER);

	if (pointer && in_range(g, content.addr) && content.addr % 8 == 0)
		(void)seep_type_each_word(g->ev->types, fact.type, declare_word, &content);
}

// Calls through a func value or an itab: call *(*word) with the word in rdx; call *(*word + 24...) with the next word in rax.
static void called_through(struct globals *g, const struct seep_step *step)
{
	const struct seep_operand *op = &step->operands[0];
	const struct seep_value *regs = g->flow->now.regs;

	if (step->operand_count != 1 || op->kind != SEEP_OPERAND_REG || op->reg == SEEP_NO_REG)
		return;
	const struct seep_origin *target = &regs[op->reg].origin;
	seep_addr addr = target->addr + (uint64_t)target->offset;
	if (target->kind != SEEP_ORIGIN_GLOBAL || target->loads != 2 || target->then[1] != 0)
		return;
	struct seep_fact fact = { .kind = SEEP_FACT_VALUE, .part = SEEP_PART_FUNC };
	if (target->then[0] == 0 && regs[SEEP_RDX].word == addr && regs[SEEP_RDX].at == 0) {
		claim(g, addr, fact, SEEP_CLAIM_BEGINS);
	} else if (target->then[0] >= 24 && regs[SEEP_RAX].word == addr + 8 &&
		   regs[SEEP_RAX].at == 0) {
		fact.part = SEEP_PART_IFACE;
		claim(g, addr, fact, SEEP_CLAIM_BEGINS);
	}
}

static void look_at_call(struct globals *g, const struct seep_step *step)
{
	struct seep_fact args[SEEP_REGS] = {}, results[SEEP_REGS] = {};

	if (step->callee ==
	    SEEP_CALLEE_WRITE_BARRIER) // what it may store is stored without it as well
		return;
	if (seep_step_target(step) == 0) {
		called_through(g, step);
		return;
	}
	seep_evidence_call(g->ev, g->flow, step, args, results);
	const struct seep_value *map = &g->flow->now.regs[SEEP_RBX];
	if (args[SEEP_RBX].kind == SEEP_FACT_VALUE && args[SEEP_RBX].part == SEEP_PART_MAP &&
	    map->fact.kind == SEEP_FACT_NEW_MAP && map->at == 0)
		g->ev->failed |= !seep_vec_push(
			&g->new_maps, (struct new_map){ map->fact.type, args[SEEP_RBX].type });
	for (int i = 0; i < SEEP_ARGUMENT_REGS; i++) {
		passed(g, i, args[seep_argument_regs[i]]);
		passed_address(g, i, args[seep_argument_regs[i]]);
		note_other(g, seep_value_global(&g->flow->now.regs[seep_argument_regs[i]]));
	}
}

// mov reg,word
static void look_at_store(struct globals *g, const struct seep_step *step, seep_addr addr)
{
	const struct seep_operand *from = &step->operands[1];

	if (step->id == X86_INS_MOV && from->kind == SEEP_OPERAND_IMM)
		return; // nil
	if (step->id != X86_INS_MOV || from->kind != SEEP_OPERAND_REG || from->size != 8 ||
	    from->reg == SEEP_NO_REG) {
		note_other(g, addr);
		return;
	}
	const struct seep_value *value = &g->flow->now.regs[from->reg];
	struct seep_fact fact = seep_evidence_constant(g->ev, value);
	if (fact.kind == SEEP_FACT_NONE && value->at == 0)
		fact = seep_evidence_resolve(g->ev, value->fact);
	if (fact.kind != SEEP_FACT_VALUE && fact.kind != SEEP_FACT_NIL)
		note_other(g, addr);
	claim(g, addr, fact, SEEP_CLAIM_STORED);
}

// The address of a word is kept somewhere.
static void look_at_kept_address(struct globals *g, const struct seep_step *step)
{
	const struct seep_operand *to = &step->operands[0], *from = &step->operands[1];

	if (step->id == X86_INS_MOV && to->kind == SEEP_OPERAND_MEM &&
	    from->kind == SEEP_OPERAND_REG && from->size == 8 && from->reg != SEEP_NO_REG)
		note_other(g, seep_value_global(&g->flow->now.regs[from->reg]));
}

// A compare of a word with a type descriptor or an itab.
static void look_at_compare(struct globals *g, const struct seep_step *step)
{
	for (int i = 0; i < 2; i++) {
		const struct seep_operand *op = &step->operands[i], *other = &step->operands[!i];
		seep_addr addr = 0;
		if (op->kind == SEEP_OPERAND_MEM)
			addr = seep_flow_global(g->flow, op);
		else if (op->kind == SEEP_OPERAND_REG && op->reg != SEEP_NO_REG &&
			 g->flow->now.regs[op->reg].at == 0)
			addr = g->flow->now.regs[op->reg].word;
		if (addr == 0 || op->size != 8 || other->kind != SEEP_OPERAND_REG ||
		    other->reg == SEEP_NO_REG)
			continue;
		struct seep_fact fact =
			seep_evidence_constant(g->ev, &g->flow->now.regs[other->reg]);
		if (fact.part == SEEP_PART_IFACE || fact.part == SEEP_PART_EFACE)
			claim(g, addr, fact, SEEP_CLAIM_BEGINS);
	}
}

// What the word leads to is used as far as there. Addresses of fields count as well.
static void note_reach(struct globals *g, const struct seep_operand *op)
{
	if (op->base == SEEP_NO_REG || op->index != SEEP_NO_REG || op->segment)
		return;
	const struct seep_value *base = &g->flow->now.regs[op->base];
	int64_t end = base->at + op->value;
	if (base->word == 0 || end <= 0 || !holds_pointer(g, base->word))
		return;
	uint64_t *slot = seep_map_put(&g->ev->reach, base->word, NULL);
	if (!slot)
		g->ev->failed = true;
	else if (*slot < (uint64_t)end)
		*slot = (uint64_t)end;
}

static void look_at_operands(struct globals *g, const struct seep_step *step)
{
	for (unsigned i = 0; i < step->operand_count; i++) {
		const struct seep_operand *op = &step->operands[i];
		if (op->kind != SEEP_OPERAND_MEM)
			continue;
		note_reach(g, op);
		if (step->id == X86_INS_LEA || op->size < 8)
			continue;
		seep_addr addr = seep_flow_global(g->flow, op);
		if (!in_range(g, addr))
			continue;
		bool store = i == 0 && step->id != X86_INS_CMP && step->id != X86_INS_TEST;
		for (seep_addr word = addr & ~(seep_addr)7; word < addr + op->size; word += 8) {
			g->ev->failed |= !seep_vec_push(&g->used, word);
			if (store)
				g->ev->failed |= !seep_vec_push(&g->stored, word);
		}
		if (store && op->size == 8)
			look_at_store(g, step, addr);
		else if (store && step->operands[1].value != X86_REG_XMM15) // which is 0 always
			for (seep_addr word = addr; word < addr + op->size; word += 8)
				note_other(g, word);
	}
}

static struct seep_claim *known_claim(struct seep_evidence *ev, seep_addr addr)
{
	const uint64_t *slot = seep_map_get(&ev->words, addr);

	return slot ? &ev->claims.data[*slot - 1] : NULL;
}

static bool same_map(const struct seep_types *types, seep_addr a, seep_addr b)
{
	struct seep_type x, y;

	return a == b || (seep_type_read(types, a, &x) && seep_type_read(types, b, &y) &&
			  x.kind == y.kind && x.key == y.key && x.elem == y.elem);
}

// Brings what two claims about one word say together in the first one; false if they differ.
static bool agree(const struct seep_types *types, struct seep_claim *a, const struct seep_claim *b)
{
	bool stronger = b->strength > a->strength;

	if (a->fact.part != b->fact.part)
		return false;
	switch (a->fact.part) {
	case SEEP_PART_POINTER:
		if (a->fact.type == b->fact.type) {
			a->begins |= b->begins;
			break;
		}
		if (b->strength == SEEP_CLAIM_BEGINS &&
		    seep_type_begins_with(types, a->fact.type, b->fact.type))
			return true;
		if (a->strength != SEEP_CLAIM_BEGINS ||
		    !seep_type_begins_with(types, b->fact.type, a->fact.type))
			return false;
		*a = *b;
		return true;
	case SEEP_PART_SLICE:
		if (a->fact.type != b->fact.type)
			return false;
		break;
	case SEEP_PART_MAP:
	case SEEP_PART_CHANNEL:
		if (a->fact.type && b->fact.type && !same_map(types, a->fact.type, b->fact.type))
			return false;
		break;
	default:
		a->fact.type = 0;
		return true;
	}
	if (a->fact.type == 0 || (stronger && b->fact.type != 0))
		a->fact.type = b->fact.type;
	if (stronger)
		a->strength = b->strength;
	return true;
}

// Gives a map made without a type that of its uses.
static bool find_map_type(const struct globals *g, struct seep_claim *c)
{
	if (c->fact.kind != SEEP_FACT_NEW_MAP)
		return true;
	for (size_t i = 0; i < g->new_maps.len; i++) {
		if (g->new_maps.data[i].place != c->fact.type)
			continue;
		c->fact = (struct seep_fact){ .kind = SEEP_FACT_VALUE,
					      .part = SEEP_PART_MAP,
					      .type = g->new_maps.data[i].type };
		return !seep_type_is_form(g->ev->types, c->fact.type);
	}
	return false;
}

static void keep_claim(struct globals *g, struct seep_claim c)
{
	struct seep_evidence *ev = g->ev;
	struct seep_claim *known = known_claim(ev, c.addr);

	if (!find_map_type(g, &c) || !is_sure(g, &c))
		return;
	if (known) {
		known->conflict |= !agree(ev->types, known, &c);
		return;
	}
	uint64_t *slot = ev->claims.len < MAX_WORDS ? seep_map_put(&ev->words, c.addr, NULL) : NULL;
	if (!slot || !seep_vec_push(&ev->claims, c)) {
		ev->failed = true;
		return;
	}
	*slot = ev->claims.len;
}

static void look_at_function(struct globals *g, const struct seep_func *func)
{
	struct seep_evidence *ev = g->ev;
	const struct seep_step *step;

	if (ev->stats.functions >= MAX_FUNCTIONS || ev->stats.code_bytes >= max_code_bytes) {
		ev->stats.functions_left_out++;
		return;
	}
	_cleanup_(seep_flow_close) struct seep_flow flow = {};
	struct seep_error *err = seep_flow_open(&flow, ev->tab, func, &ev->hooks);
	if (err) {
		ev->failed |= err == &seep_enomem;
		seep_error_destroy(err);
		return;
	}
	ev->stats.functions++;
	ev->stats.code_bytes += func->end - func->entry;
	g->flow = &flow;
	g->used.len = g->stored.len = g->claims.len = g->new_maps.len = 0;
	while ((step = seep_flow_next(&flow))) {
		if (step->kind == SEEP_STEP_CALL) {
			look_at_call(g, step);
			continue;
		}
		if (step->kind != SEEP_STEP_PLAIN)
			continue;
		if (step->id == X86_INS_CMP)
			look_at_compare(g, step);
		look_at_operands(g, step);
		look_at_kept_address(g, step);
	}
	seep_vec_foreach(c, &g->claims)
		keep_claim(g, *c);
}

// Whether the instruction whose ModRM byte is there refers to a variable: mov, lea or cmp of 8 bytes.
static inline bool refers(const unsigned char *modrm)
{
	unsigned char op = modrm[-1];

	return (modrm[-2] & 0xf8) == 0x48 &&
	       (op == 0x8b || op == 0x89 || op == 0x8d || op == 0x39 || op == 0x3b);
}

// Visits functions that refer to what lies in [lo, hi).
static void scan_code(struct globals *g, const unsigned char *code, seep_addr start, uint64_t len)
{
	struct seep_func func = {};
	bool witness = false;
	uint64_t range = g->hi - g->lo;

	g->ev->stats.scanned_bytes += len;
	for (uint64_t i = 2; i + 5 <= len && !g->ev->failed; i++) {
		if ((code[i] & 0xc7) != 0x05 || !refers(code + i))
			continue;
		seep_addr next = start + i + 5;
		seep_addr addr = next + (uint64_t)(int64_t)(int32_t)seep_le32(code + i + 1);
		if (addr - g->lo >= range || !seep_bit_get(g->wanted, (addr - g->lo) / 8))
			continue;
		if (next > func.end) {
			witness = seep_pclntab_find(g->ev->tab, next - 1, &func) &&
				  seep_evidence_is_witness(g->ev, &func);
			if (witness)
				look_at_function(g, &func);
		}
		if (!witness && (code[i - 1] == 0x89 || code[i - 1] == 0x8d))
			note_other(g, addr);
	}
}

// A word that holds no pointer and has an itab's or a type's address now, with a pointer behind it, is an interface.
static void look_at_contents(struct globals *g, const seep_addr *pointers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct seep_value value = { .origin = { .kind = SEEP_ORIGIN_GLOBAL } };
		seep_addr addr = pointers[i] - 8;
		if (!in_range(g, addr) || holds_pointer(g, addr))
			continue;
		value.origin.addr = seep_memory_word(g->ev->types->memory, addr);
		struct seep_fact fact = seep_evidence_constant(g->ev, &value);
		if (fact.part != SEEP_PART_IFACE && fact.part != SEEP_PART_EFACE)
			continue;
		g->claims.len = 0;
		claim(g, addr, fact, SEEP_CLAIM_BEGINS);
		seep_vec_foreach(c, &g->claims)
			keep_claim(g, *c);
	}
}

static int by_addr(const void *a, const void *b)
{
	const struct seep_evidence_word *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

// Bytes of what a struct or array begins with.
static uint64_t first_bytes(const struct seep_types *types, seep_addr addr)
{
	struct seep_type type, part;
	struct seep_field field;

	if (!seep_type_read(types, addr, &type))
		return UINT64_MAX;
	if (type.kind == SEEP_KIND_ARRAY)
		return seep_type_read(types, type.elem, &part) ? part.size : UINT64_MAX;
	if (type.kind != SEEP_KIND_STRUCT)
		return type.size;
	for (uint64_t i = 0; i < type.count && seep_type_field(types, &type, i, &field); i++)
		if (seep_type_read(types, field.type, &part) && part.size > 0)
			return part.size;
	return type.size;
}

static bool is_told(const struct seep_evidence *ev, const struct seep_claim *c)
{
	struct seep_type type;

	if (c->conflict)
		return false;
	if (c->fact.part != SEEP_PART_POINTER || c->strength == SEEP_CLAIM_DECLARED)
		return true;
	if (c->strength == SEEP_CLAIM_BEGINS)
		return !seep_type_is_first(&ev->sig, c->fact.type);
	const uint64_t *reach = seep_map_get(&ev->reach, c->addr);
	uint64_t bytes = first_bytes(ev->types, c->fact.type);
	bool all_seen = !seep_map_get(&ev->other, c->addr) && ev->stats.functions_left_out == 0;
	return c->begins || all_seen || (reach && *reach >= bytes) ||
	       (seep_type_read(ev->types, c->fact.type, &type) && bytes == type.size);
}

struct seep_fact seep_evidence_global(struct seep_evidence *ev, seep_addr addr)
{
	const struct seep_claim *known = known_claim(ev, addr);

	return known && is_told(ev, known) ? known->fact : (struct seep_fact){};
}

static void tell(struct seep_evidence *ev)
{
	seep_vec_foreach(c, &ev->claims) {
		ev->stats.conflicts += c->conflict;
		if (!is_told(ev, c))
			continue;
		struct seep_evidence_word word = { .addr = c->addr,
						   .kind = c->fact.part,
						   .type = c->fact.type };
		ev->failed |= !seep_vec_push(&ev->globals, word);
	}
	ev->stats.words = (uint32_t)ev->globals.len;
	if (ev->globals.len > 0)
		qsort(ev->globals.data, ev->globals.len, sizeof(*ev->globals.data), by_addr);
}

static void globals_deinit(struct globals *g)
{
	free(g->wanted);
	free(g->pointers);
	seep_vec_free(&g->used);
	seep_vec_free(&g->stored);
	seep_vec_free(&g->claims);
	seep_vec_free(&g->new_maps);
}

// A word, and what a reference to may be one to the variable that it is in.
static void want(struct globals *g, uint64_t word)
{
	for (uint64_t i = word; i + WANTED_WORDS > word && !seep_bit_get(g->wanted, i); i--) {
		seep_bit_set(g->wanted, i);
		if (i == 0)
			break;
	}
}

struct seep_error *seep_evidence_globals(struct seep_evidence *ev, const seep_addr *pointers,
					 size_t count, const uint64_t *wanted,
					 const struct seep_evidence_word **ret, size_t *count_ret)
{
	const struct seep_module *m = &ev->tab->module;
	uint64_t len = m->etext - m->text;

	_cleanup_(globals_deinit) struct globals g = { .ev = ev,
						       .lo = m->data < m->bss ? m->data : m->bss,
						       .hi = m->edata > m->ebss ? m->edata :
										  m->ebss };
	const unsigned char *code = seep_memory_at(&ev->tab->image->memory, m->text, len);
	if (ev->globals_known || !ev->tab->image->arch->typed_by_code) {
		*ret = ev->globals.data;
		*count_ret = ev->globals.len;
		return NULL;
	}
	if (!code || g.hi <= g.lo || g.hi - g.lo > max_variable_bytes)
		return seep_error_format(SEEP_ERROR_MISSING_INFO, "no code or no variables");
	g.pointers = calloc((g.hi - g.lo) / 512 + 1, sizeof(*g.pointers));
	g.wanted = calloc((g.hi - g.lo) / 512 + 1, sizeof(*g.wanted));
	if (!g.pointers || !g.wanted)
		return &seep_enomem;
	for (size_t i = 0; i < count; i++)
		if (in_range(&g, pointers[i]))
			g.pointers[(pointers[i] - g.lo) / 512] |= (uint64_t)1
								  << (pointers[i] - g.lo) / 8 % 64;
	for (size_t i = 0; i < count; i++)
		if (in_range(&g, pointers[i]) && (!wanted || seep_bit_get(wanted, i)))
			want(&g, (pointers[i] - g.lo) / 8);
	scan_code(&g, code, m->text, len);
	look_at_contents(&g, pointers, count);
	if (!ev->failed)
		tell(ev);
	if (ev->failed)
		return &seep_enomem;
	ev->globals_known = true;
	*ret = ev->globals.data;
	*count_ret = ev->globals.len;
	return NULL;
}

struct seep_error *seep_evidence_open(const struct seep_pclntab *tab, struct seep_types *types,
				      struct seep_evidence **ret)
{
	struct seep_error *err;
	struct seep_evidence *ev = calloc(1, sizeof(*ev));

	if (!ev)
		return &seep_enomem;
	ev->tab = tab;
	ev->types = types;
	err = seep_signatures_open(&ev->sig, tab, types);
	if (!err)
		err = seep_evidence_prepare(ev);
	if (err) {
		seep_evidence_close(ev);
		return err;
	}
	*ret = ev;
	return NULL;
}

void seep_evidence_close(struct seep_evidence *ev)
{
	if (!ev)
		return;
	seep_signatures_close(&ev->sig);
	seep_map_deinit(&ev->operations);
	seep_map_deinit(&ev->callees);
	seep_vec_free(&ev->functions);
	seep_map_deinit(&ev->summaries);
	seep_map_deinit(&ev->closures);
	seep_map_deinit(&ev->words);
	seep_map_deinit(&ev->reach);
	seep_map_deinit(&ev->other);
	seep_map_deinit(&ev->frames);
	seep_vec_free(&ev->results);
	seep_vec_free(&ev->makers);
	seep_vec_free(&ev->claims);
	seep_vec_free(&ev->globals);
	seep_vec_foreach(list, &ev->frame_lists)
		free(list->words);
	seep_vec_free(&ev->frame_lists);
	free(ev);
}

const struct seep_evidence_stats *seep_evidence_stats(const struct seep_evidence *ev)
{
	return &ev->stats;
}
