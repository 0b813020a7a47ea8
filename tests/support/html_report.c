// Usage: html_report NODES
//
// Writes a page of a report that nobody would get from a program: with a dominator tree of so many nodes, made up, and with texts everywhere
// that a page must not take for anything but text.
#include "report/report.h"

#include <stdio.h>
#include <stdlib.h>

#define HOSTILE \
	"</script><img src=x onerror=\"window.broken=1\"><!--{{data}}'\"&amp;\xe2\x80\xa8\x1b[31m\x01\xff${window.broken=2}"

enum { NAMES = 3000, SMALL = 512 };

static uint64_t state = 1;

static uint64_t number_below(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static bool add_names(struct seep_report *report)
{
	static const char *const fixed[] = { "the whole heap and all stacks",
					     "(the rest)",
					     "package variables",
					     "goroutines",
					     "timers",
					     "the runtime",
					     "held from several places",
					     HOSTILE };
	size_t count = sizeof(fixed) / sizeof(*fixed);
	bool ok = true;

	for (size_t i = 0; ok && i < NAMES; i++) {
		const char *name =
			i < count ? fixed[i] :
				    seep_report_format(report, "map[string]*shop.Item%zu", i);
		ok = name && seep_vec_push(&report->tree.names, name);
	}
	return ok;
}

/** The whole, then a walk up and down below the first kind of holder; one node in 50 is large. */
static bool add_nodes(struct seep_report *report, size_t count)
{
	uint32_t depth = 0;
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++) {
		uint32_t name = i < 2 ? 2 * i : 7 + number_below(NAMES - 7);
		if (i < 3)
			depth = i;
		else
			depth = 2 + number_below(depth < 40 ? depth : 40);
		uint64_t bytes = i < 2 ? 0 :
					 SMALL + number_below(number_below(50) ? SMALL : 1 << 20);
		ok = seep_vec_push(&report->tree.nodes,
				   (struct seep_tree_node){ depth, name, 1 + bytes / SMALL,
							    bytes });
	}
	return ok;
}

static bool add_finding(struct seep_report *report)
{
	static const char *const path[] = { HOSTILE, ".next", HOSTILE };
	static struct seep_frame_text frame = { HOSTILE, HOSTILE, 7 };
	struct seep_finding finding = {
		.cause = "send-blocked",
		.verdict = SEEP_VERDICT_PROVEN,
		.signature = 1,
		.count = 1,
		.retained_bytes = 1 << 20,
		.summary = HOSTILE,
		.fix = HOSTILE,
		.where = frame,
		.created = frame,
		.holder = HOSTILE,
		.allocated = &frame,
		.allocated_count = 1,
	};
	struct seep_finding_goroutine g = { .id = 9,
					    .state = HOSTILE,
					    .wait_kind = HOSTILE,
					    .wait_type = HOSTILE,
					    .frames = &frame,
					    .frame_count = 1 };
	struct seep_finding_object object = {
		.address = 0xc000010000, .type = HOSTILE, .size = SMALL, .path = path, .path_len = 3
	};

	if (!seep_vec_push(&report->findings, finding))
		return false;
	struct seep_finding *f = &report->findings.data[0];
	return seep_vec_push(&f->why, HOSTILE) && seep_vec_push(&f->goroutines, g) &&
	       seep_vec_push(&f->objects, object);
}

static bool fill(struct seep_report *report, size_t nodes)
{
	struct seep_holder holder = {
		.kind = HOSTILE, .name = HOSTILE, .retained_bytes = SMALL, .point = HOSTILE
	};

	report->target.exe = "/srv/" HOSTILE;
	report->target.go = HOSTILE;
	report->target.arch = "amd64";
	report->goroutines.total = 1;
	report->memory.gogc = 100;
	report->memory.rss = SMALL;
	return seep_vec_push(&report->memory.parts, (struct seep_ledger_part){ HOSTILE, SMALL }) &&
	       seep_vec_push(&report->holders, holder) &&
	       seep_vec_push(&report->caveats, HOSTILE) && add_finding(report) &&
	       add_names(report) && add_nodes(report, nodes);
}

int main(int argc, char **argv)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	struct seep_report_options options = {};
	size_t nodes = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

	seep_report_init(&report);
	if (argc != 2 || nodes > SEEP_TREE_NODES_MAX || !fill(&report, nodes)) {
		fprintf(stderr, "usage: html_report NODES\n");
		return 2;
	}
	struct seep_error *err =
		seep_report_format_find("html", SEEP_REPORT_ALL)->write(&report, &options, stdout);
	if (err)
		fprintf(stderr, "%s\n", err->message);
	seep_error_destroy(err);
	return err != NULL;
}
