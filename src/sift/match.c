// Which findings a rule speaks of.
//
// A finding lists at most ten of its goroutines and objects, and a rule hides all of it. So a pattern must fit what they have in common,
// which is where they block, who started them, who holds the memory; or each of them, and all must be listed.
#include "sift/rules.h"

#include <string.h>

bool seep_pattern_matches(const char *pattern, const char *text)
{
	const char *star = NULL,
		   *tried = NULL; // the last star, and what it was last taken to end before

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			tried = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++tried;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool fits(const char *pattern, const char *text)
{
	return text && seep_pattern_matches(pattern, text);
}

static bool all_listed(size_t listed, size_t limit, uint64_t count)
{
	return listed && (listed < limit || listed >= count);
}

static bool runs_function(const struct seep_finding_goroutine *goroutine, const char *pattern)
{
	for (size_t i = 0; i < goroutine->frame_count; i++)
		if (fits(pattern, goroutine->frames[i].function))
			return true;
	return false;
}

static bool matches_function(const struct seep_finding *finding, const char *pattern)
{
	if (fits(pattern, finding->where.function) || fits(pattern, finding->created.function))
		return true;
	seep_vec_foreach(goroutine, &finding->goroutines)
		if (!runs_function(goroutine, pattern))
			return false;
	return all_listed(finding->goroutines.len, SEEP_FINDING_GOROUTINES_MAX, finding->count);
}

static bool matches_type(const struct seep_finding *finding, const char *pattern)
{
	if (fits(pattern, finding->holder))
		return true;
	seep_vec_foreach(object, &finding->objects)
		if (!fits(pattern, object->type))
			return false;
	return all_listed(finding->objects.len, SEEP_FINDING_OBJECTS_MAX, finding->count);
}

bool seep_rule_matches(const struct seep_rule *rule, const struct seep_finding *finding)
{
	return (!rule->has_signature || rule->signature == finding->signature) &&
	       (!rule->has_verdict || rule->verdict == finding->verdict) &&
	       (!rule->cause || (finding->cause && strcmp(rule->cause, finding->cause) == 0)) &&
	       (!rule->function || matches_function(finding, rule->function)) &&
	       (!rule->type || matches_type(finding, rule->type));
}
