// Files of rules, and what they match.
#include "sift/rules.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_cause(const char *name, size_t len)
{
	return len == 6 && memcmp(name, "ticker", len) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(seep_rules_deinit) struct seep_rules rules = {};
	struct seep_finding finding = { .cause = "ticker",
					.where = { .function = "main.(*hub[...]).run.func1" },
					.holder = "map[int]main.record[...].name" };

	seep_error_destroy(seep_rules_parse(&rules, "input", (const char *)data, size, is_cause));
	seep_vec_foreach(rule, &rules.rules)
		seep_rule_matches(rule, &finding);
	return 0;
}
