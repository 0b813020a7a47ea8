/** More of fake_types.h: types of every kind, laid out and masked as the compiler does. */
#ifndef SEEP_TESTS_SUPPORT_FAKE_BUILD_H
#define SEEP_TESTS_SUPPORT_FAKE_BUILD_H

#include "support/fake_types.h"

static inline uint64_t fake_read(struct fake_types *fake, seep_addr addr)
{
	return seep_le64(fake_at(fake, addr));
}
static inline uint64_t fake_size(struct fake_types *fake, seep_addr type)
{
	return fake_read(fake, type);
}
/** Says that an interface holds values of the type themselves. */
static inline seep_addr fake_direct(struct fake_types *fake, seep_addr type)
{
	if (fake->types.minor >= 26)
		fake_at(fake, type)[20] |= 32;
	else
		fake_at(fake, type)[23] |= 32;
	return type;
}
/** A type without pointers and of no parts, aligned as its size says. */
static inline seep_addr fake_scalar(struct fake_types *fake, uint8_t kind, uint64_t size,
				    const char *name)
{
	seep_addr type = fake_type(fake, kind, size, 0, 0, name, 0);
	unsigned char align = size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;

	memset(fake_at(fake, type) + 21, align, 2);
	return type;
}
/** A type with pointers that is no composite: its words by mask; elem, if it has one, and room for more behind that. */
static inline seep_addr fake_words(struct fake_types *fake, uint8_t kind, uint64_t words,
				   uint64_t mask, seep_addr elem, const char *name)
{
	uint64_t ptr_bytes = mask >> 1 ? 16 : 8;
	seep_addr type =
		fake_type(fake, kind, words * 8, ptr_bytes, fake_mask(fake, mask), name, 88);

	fake_u64(fake, type + 48, elem);
	return type;
}
static inline seep_addr fake_string(struct fake_types *fake)
{
	return fake_words(fake, SEEP_KIND_STRING, 2, 1, 0, "string");
}
static inline seep_addr fake_slice(struct fake_types *fake, seep_addr elem, const char *name)
{
	return fake_words(fake, SEEP_KIND_SLICE, 3, 1, elem, name);
}
static inline seep_addr fake_any(struct fake_types *fake)
{
	return fake_words(fake, SEEP_KIND_INTERFACE, 2, 2, 0, "interface {}");
}
static inline seep_addr fake_interface(struct fake_types *fake, uint64_t methods, const char *name)
{
	seep_addr type = fake_words(fake, SEEP_KIND_INTERFACE, 2, 2, 0, name);

	fake_u64(fake, type + 64, methods);
	return type;
}
/** Of a map whose buckets or groups are of type storage. */
static inline seep_addr fake_map(struct fake_types *fake, seep_addr key, seep_addr elem,
				 seep_addr storage, const char *name)
{
	seep_addr type = fake_direct(fake, fake_words(fake, SEEP_KIND_MAP, 1, 1, key, name));

	fake_u64(fake, type + 56, elem);
	fake_u64(fake, type + 64, storage);
	return type;
}
/** Sets the bits of a value of the type in a mask, from that word on; returns the end of its pointers in bytes, 0 without any. */
static inline uint64_t fake_add_mask(struct fake_types *fake, seep_addr mask, uint64_t word,
				     seep_addr type)
{
	uint64_t words = fake_read(fake, type + 8) / 8;
	const unsigned char *from = words ? fake_at(fake, fake_read(fake, type + 32)) : NULL;

	for (uint64_t i = 0; i < words; i++)
		if (from[i / 8] >> (i % 8) & 1)
			fake_at(fake, mask)[(word + i) / 8] |= 1 << ((word + i) % 8);
	return words ? (word + words) * 8 : 0;
}
static inline seep_addr fake_array(struct fake_types *fake, seep_addr elem, uint64_t count,
				   const char *name)
{
	uint64_t size = fake_size(fake, elem), ptr_bytes = 0;
	bool pointers = fake_read(fake, elem + 8) != 0;
	seep_addr mask = fake_take(fake, pointers ? size * count / 64 + 8 : 8);

	for (uint64_t i = 0; pointers && i < count; i++)
		ptr_bytes = fake_add_mask(fake, mask, i * size / 8, elem);
	seep_addr type =
		fake_type(fake, SEEP_KIND_ARRAY, size * count, ptr_bytes, mask, name, 24 + 16);
	fake_u64(fake, type + 48, elem);
	fake_u64(fake, type + 64, count);
	fake_at(fake, type)[21] = fake_at(fake, elem)[21];
	return type;
}
struct fake_member {
	const char *name;
	seep_addr type;
};
/** A struct of these fields one after the other. */
static inline seep_addr fake_record(struct fake_types *fake, const char *name, const char *package,
				    const struct fake_member *fields, size_t count)
{
	struct fake_field placed[16];
	uint64_t size = 0, ptr_bytes = 0;
	unsigned char align = 1;

	if (count > 16)
		abort();
	for (size_t i = 0; i < count; i++) {
		unsigned char a = fake_at(fake, fields[i].type)[21];
		align = a > align ? a : align;
		size = (size + a - 1) & -(uint64_t)a;
		placed[i] = (struct fake_field){ fields[i].name, fields[i].type,
						 fake->types.minor <= 18 ? size << 1 : size,
						 false };
		size += fake_size(fake, fields[i].type);
	}
	size = (size + align - 1) & -(uint64_t)align;
	seep_addr mask = fake_take(fake, size / 64 + 8);
	for (size_t i = 0; i < count; i++) {
		uint64_t at = placed[i].offset >> (fake->types.minor <= 18);
		uint64_t end = fake_read(fake, fields[i].type + 8) ?
				       fake_add_mask(fake, mask, at / 8, fields[i].type) :
				       0;
		ptr_bytes = end ? end : ptr_bytes;
	}
	seep_addr type = fake_struct(fake, size, ptr_bytes, mask, name, package, placed, count);
	memset(fake_at(fake, type) + 21, align, 2);
	return type;
}

#endif
