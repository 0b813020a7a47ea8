/** A Go executable of a few functions, built in memory: what the readers of binary/ look at, and nothing more. */
#ifndef SEEP_TESTS_SUPPORT_FAKE_GO_H
#define SEEP_TESTS_SUPPORT_FAKE_GO_H

#include <stddef.h>
#include <stdint.h>

enum {
	FAKE_GO_BYTES = 0x1200,
	// Where things stand in the file.
	FAKE_GO_PHDRS = 64,
	FAKE_GO_RODATA = 0x500,
	FAKE_GO_DATA = 0xb00,
	FAKE_GO_BUILDINFO = FAKE_GO_DATA,
	FAKE_GO_MODULE = FAKE_GO_DATA + 0x200,
	FAKE_GO_SECTIONS = 0x1000,
	// Where they are loaded.
	FAKE_GO_TEXT_ADDR = 0x401000,
	FAKE_GO_RODATA_ADDR = 0x500500,
	FAKE_GO_DATA_ADDR = 0x600b00,
	FAKE_GO_MODULE_ADDR = FAKE_GO_DATA_ADDR + 0x200,
};

struct fake_go {
	unsigned char bytes[FAKE_GO_BYTES];
};

/**
 * Builds the executable of Go release 1.minor (18 to 27), of these functions:
 *
 *	+0x00  main.outer           lines 10 to 0x10, 11 from 0x30; 0x10..0x20 is main.mid inlined from 0x08,
 *	                            0x20..0x30 main.inner inlined into that from 0x18; frame of 24 bytes in 0x08..0x38
 *	+0x40  main.twice           a wrapper
 *	+0x80  main.twice           what it wraps
 *	+0xc0  runtime.systemstack  to 0x100
 */
void fake_go_build(int minor, struct fake_go *ret);
/** Replaces the strings of the build information. */
void fake_go_set_buildinfo(struct fake_go *fake, const char *version, const char *module);

void fake_go_put16(struct fake_go *fake, size_t at, uint16_t value);
void fake_go_put32(struct fake_go *fake, size_t at, uint32_t value);
void fake_go_put64(struct fake_go *fake, size_t at, uint64_t value);

#endif
