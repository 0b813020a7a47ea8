/** An executable with nothing in it but DWARF and a symbol table, built in memory. */
#ifndef SEEP_TESTS_SUPPORT_FAKE_DEBUG_H
#define SEEP_TESTS_SUPPORT_FAKE_DEBUG_H

#include <stddef.h>
#include <stdint.h>

enum {
	FAKE_DEBUG_BYTES = 16384,
	FAKE_DEBUG_FUNCTION =
		0x401000, /** main.f, to 0x401100; its captures and locals stand in fake_debug.c */
	FAKE_DEBUG_VARIABLES = 0x600000, /** package variables, one after the other, 0x1000 apart */
	FAKE_DEBUG_SYMBOLS = 0x700000, /** symbols that no variable covers */
};

enum fake_debug_packing { FAKE_DEBUG_PLAIN, FAKE_DEBUG_COMPRESSED, FAKE_DEBUG_ZDEBUG };

struct fake_debug {
	unsigned char bytes[FAKE_DEBUG_BYTES];
	size_t len;
	size_t info, info_len; /** where .debug_info stands in the file */
};

/**
 * DWARF 4 or 5. Types:
 *
 *	int, string, []string, map[string]int, any
 *	main.node    {next *main.node, text string, all [100]*main.node}, 832 bytes
 *	main.self    {self main.self}: holds itself, which cannot be
 *	go.shape.*uint8
 *
 * Package variables (number n at FAKE_DEBUG_VARIABLES + n · 0x1000): 0 main.one main.node, 1 example.com/a%2eb.list []string, 2 main.table
 * map[string]int, 3 main.loop main.self, 4 main.shaped go.shape.*uint8, 5 main.short [2]string, 6 main.number int,
 * 7 main.any any.
 *
 * main.f captures at 8 s string, at 24 &n *int, at 32 &node *main.node, at 40 &last *string. On its stack: at -16 p *main.node everywhere; at
 * -40 text string in +0x10..+0x20; list []string in +0x20..+0x30 in pieces (pointer at -80, length in a register, capacity at -64);
 * in pieces (at -104, -96, -88) in +0x30..+0x40; at -200 a main.node; -240 i.ptr *int; -256 first *main.node and second string at
 * once; inlined in +0x40..+0x50: at -300 - 4 (not aligned) odd *main.node and at -320 inner *main.node.
 */
void fake_debug_build(int version, enum fake_debug_packing packing, struct fake_debug *ret);

#endif
