/** Type descriptors made up in memory, for tests of what reads them. Addresses begin at FAKE_BASE. */
#ifndef SEEP_TESTS_FAKE_TYPES_H
#define SEEP_TESTS_FAKE_TYPES_H

#include "binary/gotype.h"

enum { FAKE_BASE = 0x400000, FAKE_LEN = 1 << 16, FAKE_DATA = FAKE_BASE + FAKE_LEN / 2 };

/** Descriptors and names grow from FAKE_BASE on; FAKE_DATA and above are the module's variables. */
struct fake_types {
	unsigned char bytes[FAKE_LEN];
	seep_addr next;
	struct seep_memory memory;
	struct seep_module module;
	struct seep_types types;
};

static inline unsigned char *fake_at(struct fake_types *fake, seep_addr addr)
{
	return fake->bytes + (addr - FAKE_BASE);
}
static inline void fake_u64(struct fake_types *fake, seep_addr addr, uint64_t value)
{
	memcpy(fake_at(fake, addr), &value, 8);
}
static inline void fake_u32(struct fake_types *fake, seep_addr addr, uint32_t value)
{
	memcpy(fake_at(fake, addr), &value, 4);
}
static inline seep_addr fake_take(struct fake_types *fake, uint64_t len)
{
	seep_addr addr = fake->next;

	fake->next += (len + 7) & ~(uint64_t)7;
	if (fake->next > FAKE_BASE + FAKE_LEN)
		abort();
	return addr;
}
/** {flags, length, text} */
static inline seep_addr fake_name(struct fake_types *fake, uint8_t flags, const char *text)
{
	size_t len = strlen(text), head = len < 0x80 ? 2 : 3;
	seep_addr addr = fake_take(fake, head + len);
	unsigned char *p = fake_at(fake, addr);

	p[0] = flags;
	p[1] = (unsigned char)(len < 0x80 ? len : 0x80 | (len & 0x7f));
	p[2] = (unsigned char)(len >> 7);
	memcpy(p + head, text, len);
	return addr;
}
static inline void fake_init(struct fake_types *fake, int minor)
{
	memset(fake, 0, sizeof(*fake));
	fake->next = FAKE_BASE + 8;
	fake->module = (struct seep_module){
		.types = FAKE_BASE,
		.etypes = FAKE_DATA,
		.noptrdata = FAKE_DATA,
		.end = FAKE_BASE + FAKE_LEN,
	};
	if (seep_memory_add(&fake->memory,
			    (struct seep_segment){ FAKE_BASE, FAKE_BASE + FAKE_LEN, fake->bytes }))
		abort();
	seep_types_init(&fake->types, &fake->memory, &fake->module, minor);
}
static inline void fake_deinit(struct fake_types *fake)
{
	seep_types_deinit(&fake->types);
	seep_memory_deinit(&fake->memory);
}
/** The first 48 bytes, with room for `more` behind. The name gets an extra star if it begins with one. */
static inline seep_addr fake_type(struct fake_types *fake, uint8_t kind, uint64_t size,
				  uint64_t ptr_bytes, seep_addr gcdata, const char *name,
				  uint64_t more)
{
	seep_addr str = fake_name(fake, 0, name), addr = fake_take(fake, 48 + more);

	fake_u64(fake, addr, size);
	fake_u64(fake, addr + 8, ptr_bytes);
	fake_at(fake, addr)[20] = name[0] == '*' && kind != SEEP_KIND_PTR ? 2 : 0;
	memset(fake_at(fake, addr) + 21, 8, 2);
	fake_at(fake, addr)[23] = kind;
	fake_u64(fake, addr + 32, gcdata);
	fake_u32(fake, addr + 40, (uint32_t)(str - FAKE_BASE));
	return addr;
}
static inline seep_addr fake_mask(struct fake_types *fake, uint64_t bits)
{
	seep_addr addr = fake_take(fake, 8);

	fake_u64(fake, addr, bits);
	return addr;
}
static inline seep_addr fake_pointer(struct fake_types *fake, seep_addr elem, const char *name)
{
	seep_addr addr = fake_type(fake, SEEP_KIND_PTR, 8, 8, fake_mask(fake, 1), name, 8);

	fake_u64(fake, addr + 48, elem);
	return addr;
}
struct fake_field {
	const char *name;
	seep_addr type;
	uint64_t offset; /** as the release encodes it */
	bool embedded; /** in the name, 1.19+ */
};
/** A struct type of a package, with room for 16 fields. */
static inline seep_addr fake_struct(struct fake_types *fake, uint64_t size, uint64_t ptr_bytes,
				    seep_addr gcdata, const char *name, const char *package,
				    const struct fake_field *fields, size_t count)
{
	seep_addr path = fake_name(fake, 0, package);
	seep_addr array = fake_take(fake, 24 * count);

	for (size_t i = 0; i < count; i++) {
		fake_u64(fake, array + 24 * i,
			 fake_name(fake, fields[i].embedded ? 8 : 0, fields[i].name));
		fake_u64(fake, array + 24 * i + 8, fields[i].type);
		fake_u64(fake, array + 24 * i + 16, fields[i].offset);
	}
	seep_addr addr = fake_type(fake, SEEP_KIND_STRUCT, size, ptr_bytes, gcdata, name, 32 + 16);
	fake_at(fake, addr)[20] |= 1 | 4;
	fake_u64(fake, addr + 56, array);
	fake_u64(fake, addr + 64, count);
	fake_u32(fake, addr + 80, (uint32_t)(path - FAKE_BASE));
	return addr;
}

#endif
