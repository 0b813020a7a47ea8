#include "binary/symbols.h"

#include "binary/section.h"

#include <elf.h>

enum { MAX_SYMBOLS = 1 << 23, MAX_NAME = 1 << 16 };

struct seep_error *seep_symbols_read(const struct seep_image *image, struct seep_symbols *ret)
{
	struct seep_symbols symbols = {};
	struct seep_section table, names;
	Elf64_Sym symbol;

	*ret = symbols;
	if (!seep_section_of_type(image, SHT_SYMTAB, &table) ||
	    !seep_section_numbered(image, table.link, &names))
		return NULL;
	uint64_t count = table.len / sizeof(symbol);
	for (uint64_t i = 0; i < count && i < MAX_SYMBOLS; i++) {
		memcpy(&symbol, table.bytes + i * sizeof(symbol), sizeof(symbol));
		if (ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT || symbol.st_size == 0 ||
		    symbol.st_shndx == SHN_UNDEF || symbol.st_name >= names.len)
			continue;
		struct seep_buffer buf =
			seep_buffer_of(names.bytes + symbol.st_name, names.len - symbol.st_name);
		const char *name = seep_buffer_cstring(&buf, MAX_NAME);
		if (!name || name[0] == '\0')
			continue;
		if (!seep_vec_push(&symbols.items, (struct seep_symbol){
							   .addr = symbol.st_value + image->bias,
							   .size = symbol.st_size,
							   .name = name,
						   })) {
			seep_symbols_deinit(&symbols);
			return &seep_enomem;
		}
	}
	*ret = symbols;
	return NULL;
}

void seep_symbols_deinit(struct seep_symbols *symbols)
{
	seep_vec_free(&symbols->items);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void seep_symbol_unescape(const char *name, char *text)
{
	while (*name) {
		int high = *name == '%' ? hex_digit(name[1]) : -1;
		int low = high >= 0 ? hex_digit(name[2]) : -1;
		if (low >= 0 && (high | low) != 0) {
			*text++ = (char)(high << 4 | low);
			name += 3;
		} else {
			*text++ = *name++;
		}
	}
	*text = '\0';
}
