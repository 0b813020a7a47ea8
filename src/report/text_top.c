// The answers of `seep top` and `seep why` for people.
#include "report/text.h"

#include <inttypes.h>
#include <string.h>

enum { SHARE = 7, BYTES = 10, OBJECTS = 12, NAME = SHARE + 2 * BYTES + OBJECTS + 2 };

/** Text that ends at a column. */
static void add_right(struct seep_page *page, const struct seep_str *text, size_t width)
{
	size_t len = seep_style_width(seep_str_text(text));

	seep_style_spaces(&page->str, len < width ? width - len : 1);
	seep_str_add(&page->str, seep_str_text(text));
	page->str.failed |= text->failed;
}

static void add_holder(struct seep_page *page, const struct seep_holder *holder)
{
	_cleanup_(seep_str_deinit) struct seep_str share = {}, retained = {}, own = {}, count = {},
						   name = {};

	seep_style_percent(&share, holder->retained_bytes, page->report->heap.reachable_bytes);
	seep_style_bytes(&retained, holder->retained_bytes);
	seep_style_bytes(&own, holder->bytes);
	seep_style_count(&count, holder->count);
	// Of types and variables the import path gives way first.
	if (strcmp(holder->kind, "goroutine") == 0)
		seep_style_text(&name, holder->name, seep_page_room(page, NAME));
	else
		seep_style_function(&name, holder->name, seep_page_room(page, NAME));
	add_right(page, &share, SHARE);
	add_right(page, &retained, BYTES);
	add_right(page, &own, BYTES);
	add_right(page, &count, OBJECTS);
	seep_page_add(page, "  ");
	seep_page_ink(page, SEEP_INK_BOLD, seep_str_text(&name));
	seep_page_add(page, "\n");
	page->str.failed |= name.failed;
}

static void add_table(struct seep_page *page, const char *title, const struct seep_holder *holders,
		      size_t len)
{
	if (len == 0)
		return;
	seep_page_ink(page, SEEP_INK_DIM, "         retained       own     objects  ");
	seep_page_ink(page, SEEP_INK_BOLD, title);
	seep_page_add(page, "\n");
	for (size_t i = 0; i < len; i++)
		add_holder(page, &holders[i]);
	seep_page_add(page, "\n");
}

void seep_text_top(struct seep_page *page)
{
	const struct seep_report *report = page->report;

	add_table(page, "by type", report->top.types.data, report->top.types.len);
	add_table(page, "by package variable", report->top.variables.data,
		  report->top.variables.len);
	add_table(page, "by goroutine, stacks included", report->top.goroutines.data,
		  report->top.goroutines.len);
	seep_page_prose(
		page,
		"Retained is what becomes free when nothing leads to it any more, of a type to none of its objects. What several "
		"hold together counts for none of them.",
		0, 0);
	seep_page_add(page, "\n");
}

static void add_path(struct seep_page *page, const struct seep_object_path *path)
{
	_cleanup_(seep_str_deinit) struct seep_str type = {};

	seep_str_addf(&page->str, "%#" PRIx64, path->object.address);
	if (path->object.type) {
		seep_style_text(&type, path->object.type, seep_page_room(page, 40));
		seep_page_add(page, "  ");
		seep_page_ink(page, SEEP_INK_BOLD, seep_str_text(&type));
	}
	seep_page_add(page, "  ");
	seep_style_bytes(&page->str, path->object.size);
	if (path->retained_bytes > path->object.size) {
		seep_page_add(page, ", holding ");
		seep_style_bytes(&page->str, path->retained_bytes);
	}
	seep_page_add(page, "\n   ");
	seep_page_path(page, path->object.path, path->object.path_len, 3, 5);
	seep_page_add(page, "\n");
	page->str.failed |= type.failed;
}

void seep_text_paths(struct seep_page *page)
{
	seep_vec_foreach(path, &page->report->paths) {
		if (path != page->report->paths.data)
			seep_page_add(page, "\n");
		add_path(page, path);
	}
}
