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

/**
 * Of types and variables the import path gives way first. A variable without a name is told by where it lies, of which the title
 * need not be repeated, and by what it leads to: "bss+0x1f40 â []main.page".
 */
static void add_name(const struct seep_page *page, const struct seep_holder *holder,
		     struct seep_str *name)
{
	static const char stripped[] = " (package variable, name stripped)";
	size_t left = seep_page_room(page, NAME), cut = strlen(stripped),
	       len = strlen(holder->name);

	if (strcmp(holder->kind, "goroutine") == 0) {
		seep_style_text(name, holder->name, left);
	} else if (strcmp(holder->kind, "variable") == 0 && len > cut &&
		   strcmp(holder->name + len - cut, stripped) == 0) {
		_cleanup_free_ char *place = strndup(holder->name, len - cut);

		seep_style_text(name, place ? place : "?", left);
		size_t width = seep_style_width(seep_str_text(name));
		if (holder->point && width + 12 < left) {
			seep_str_add(name, " \xe2\x86\x92 ");
			seep_style_function(name, holder->point, left - width - 3);
		}
		name->failed |= !place;
	} else {
		seep_style_function(name, holder->name, left);
	}
}

static void add_holder(struct seep_page *page, const struct seep_holder *holder)
{
	_cleanup_(seep_str_deinit) struct seep_str share = {}, retained = {}, own = {}, count = {},
						   name = {};

	seep_style_percent(&share, holder->retained_bytes, page->report->heap.reachable_bytes);
	seep_style_bytes(&retained, holder->retained_bytes);
	seep_style_bytes(&own, holder->bytes);
	seep_style_count(&count, holder->count);
	add_name(page, holder, &name);
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

static const char *or_nothing(const char *text)
{
	return text ? text : "";
}

/** Whether two steps are one but for the number of an element: "[46].buf" and "[47].buf". */
static bool same_step(const char *a, const char *b)
{
	while (*a && *a == *b) {
		bool index = *a == '[';
		a++;
		b++;
		if (!index || a[strspn(a, "0123456789")] != ']' ||
		    b[strspn(b, "0123456789")] != ']')
			continue;
		a += strspn(a, "0123456789");
		b += strspn(b, "0123456789");
	}
	return *a == *b;
}

/** Whether the paths differ in numbers of elements alone, and the objects in their addresses. */
static bool same_way(const struct seep_object_path *a, const struct seep_object_path *b)
{
	if (a->object.size != b->object.size || a->retained_bytes != b->retained_bytes ||
	    a->object.path_len != b->object.path_len ||
	    strcmp(or_nothing(a->object.type), or_nothing(b->object.type)) != 0)
		return false;
	for (size_t i = 0; i < a->object.path_len; i++)
		if (!same_step(or_nothing(a->object.path[i]), or_nothing(b->object.path[i])))
			return false;
	return true;
}

/** "   and in the same way, but for indices: 0xc000124000, 0xc000126000". */
static void add_same(struct seep_page *page, const struct seep_object_path *paths, size_t len)
{
	_cleanup_(seep_str_deinit) struct seep_str line = {};

	seep_str_add(&line, "and in the same way, but for indices: ");
	for (size_t i = 0; i < len; i++)
		seep_str_addf(&line, "%s%#" PRIx64, i ? ", " : "", paths[i].object.address);
	seep_style_spaces(&page->str, 3);
	seep_page_wrap(page, &line, 3, 5);
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
	const struct seep_object_path *paths = page->report->paths.data;

	for (size_t i = 0, same; i < page->report->paths.len; i += same) {
		if (i)
			seep_page_add(page, "\n");
		add_path(page, &paths[i]);
		same = 1;
		while (i + same < page->report->paths.len && same_way(&paths[i], &paths[i + same]))
			same++;
		if (same > 1)
			add_same(page, &paths[i + 1], same - 1);
	}
}
