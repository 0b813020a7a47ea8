// The report as one page that needs nothing else: the bundle of page/, and in its middle the data, each part compressed by gzip and
// written in base64, so that nothing of the target can end the element that it stands in.
//
//   report  the report as JSON, schema seep/1
//   names   of the tree: a JSON array of strings
//   tree    columns of the tree's n nodes, little-endian: n times count (8 bytes), n times bytes (8), n times name (4),
//           n times depth (1). What a node retains, and which one is above it, follow from the depths.
#include "base/str.h"
#include "report/html_page.h"
#include "report/internal.h"
#include "report/json.h"

#include <jansson.h>
#include <string.h>

/** Growing bytes, and what becomes of them. */
struct part {
	char *bytes;
	size_t len;
};

static void part_deinit(struct part *part)
{
	free(part->bytes);
}

static struct seep_error *compress_part(const struct part *part, struct part *ret)
{
	FILE *memory = open_memstream(&ret->bytes, &ret->len);
	struct seep_error *err;

	if (!memory)
		return &seep_enomem;
	err = seep_report_put_gzip(part->bytes, part->len, memory);
	if (fclose(memory) != 0 && !err)
		err = &seep_enomem;
	return err;
}

/** Text for len bytes in base64, its end included. */
static size_t base64_size(size_t len)
{
	return (len + 2) / 3 * 4 + 1;
}

static size_t base64(const unsigned char *bytes, size_t len, char *ret)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = ret;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = bytes[i] << 16 | (n > 1 ? bytes[i + 1] : 0) << 8 |
			     (n > 2 ? bytes[i + 2] : 0);
		for (size_t k = 0; k < 4; k++)
			*out++ = k <= n ? digits[v >> (18 - 6 * k) & 63] : '=';
	}
	*out = '\0';
	return out - ret;
}

/** <script type="text/plain" id="ID">, whose content no browser looks at but the page. */
static struct seep_error *write_part(const struct part *part, const char *id, FILE *file)
{
	_cleanup_(part_deinit) struct part packed = {};
	_cleanup_(seep_str_deinit) struct seep_str head = {};
	struct seep_error *err = compress_part(part, &packed);

	if (err)
		return err;
	_cleanup_free_ char *text = malloc(base64_size(packed.len));
	seep_str_addf(&head, "<script type=\"text/plain\" id=\"%s\">", id);
	if (!text || head.failed)
		return &seep_enomem;
	size_t len = base64((const unsigned char *)packed.bytes, packed.len, text);
	err = seep_report_put(file, head.text, head.len);
	if (!err)
		err = seep_report_put(file, text, len);
	return err ? err : seep_report_put(file, "</script>\n", strlen("</script>\n"));
}

static struct seep_error *write_json(const struct seep_report *report,
				     const struct seep_report_options *options, FILE *file)
{
	_cleanup_(part_deinit) struct part part = {};
	FILE *memory = open_memstream(&part.bytes, &part.len);
	struct seep_error *err;

	if (!memory)
		return &seep_enomem;
	err = seep_report_write_json(report, options, memory);
	if (fclose(memory) != 0 && !err)
		err = &seep_enomem;
	return err ? err : write_part(&part, "report", file);
}

static struct seep_error *write_names(const struct seep_report *report, FILE *file)
{
	_cleanup_(part_deinit) struct part part = {};
	struct seep_json w = {};
	json_auto_t *names = seep_json_strings(&w, report->tree.names.data, report->tree.names.len);

	if (!w.failed)
		part.bytes = json_dumps(names, JSON_COMPACT);
	if (!part.bytes)
		return &seep_enomem;
	part.len = strlen(part.bytes);
	return write_part(&part, "names", file);
}

static void put_number(char *at, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[i] = value >> 8 * i;
}

static struct seep_error *write_tree(const struct seep_report *report, FILE *file)
{
	enum { COUNT = 8, BYTES = 8, NAME = 4, DEPTH = 1, ROW = COUNT + BYTES + NAME + DEPTH };
	size_t n = report->tree.nodes.len;
	_cleanup_(part_deinit) struct part part = { malloc(n * ROW + 1), n * ROW };
	char *count = part.bytes, *bytes = count + n * COUNT, *name = bytes + n * BYTES,
	     *depth = name + n * NAME;

	if (!part.bytes)
		return &seep_enomem;
	for (size_t i = 0; i < n; i++) {
		const struct seep_tree_node *node = &report->tree.nodes.data[i];
		put_number(count + i * COUNT, node->count, COUNT);
		put_number(bytes + i * BYTES, node->bytes, BYTES);
		put_number(name + i * NAME, node->name, NAME);
		put_number(depth + i * DEPTH, node->depth, DEPTH);
	}
	return write_part(&part, "tree", file);
}

struct seep_error *seep_report_write_html(const struct seep_report *report,
					  const struct seep_report_options *options, FILE *file)
{
	struct seep_error *err;

	err = seep_report_put(file, (const char *)seep_html_before, seep_html_before_len);
	if (!err)
		err = write_json(report, options, file);
	if (!err)
		err = write_names(report, file);
	if (!err)
		err = write_tree(report, file);
	return err ? err :
		     seep_report_put(file, (const char *)seep_html_after, seep_html_after_len);
}
