// Findings against what is known. A wrong answer here hides a leak, so each doubt leaves the finding where it is:
//
//	a rule that has ended, or that matches more than it allows, suppresses nothing, and the report says so;
//	an entry of the baseline answers for one finding. One of the same verdict comes first, then a stronger one, since evidence
//	may get lost; a finding that has a weaker one only is new: what was suspected is now proven;
//	what has grown considerably since the baseline is new.
#include "sift/sift.h"

#include "base/str.h"

#include <inttypes.h>
#include <string.h>

// What a finding may grow by since the baseline: a tenth, and besides what any two looks differ by.
enum { GROWTH_PART = 10, GROWTH_COUNT = 5, GROWTH_BYTES = 64 << 10 };

enum { RULES_NAMED = 5 }; // rules that have ended, in the caveat

/** What a rule came to. */
struct use {
	uint64_t count; // of all that it matches
	bool matched;
};

struct sifting {
	const struct seep_sift *sift;
	struct seep_report *report;
	struct use *uses; // by rule
	const struct seep_baseline_entry **before; // by finding; NULL = not in the baseline
	bool *taken; // by entry of the baseline
	bool failed; // memory ran out
};

struct seep_error *seep_sift_read_known(struct seep_sift *sift, seep_is_cause *is_cause)
{
	return seep_rules_parse(&sift->known, "known.supp", seep_known_text, seep_known_len,
				is_cause);
}

void seep_sift_deinit(struct seep_sift *sift)
{
	seep_rules_deinit(&sift->rules);
	seep_rules_deinit(&sift->known);
	seep_baseline_deinit(&sift->baseline);
}

static bool has_ended(const struct sifting *s, const struct seep_rule *rule)
{
	return rule->expires && rule->expires < s->sift->today;
}

static void count_uses(struct sifting *s)
{
	for (size_t i = 0; i < s->sift->rules.rules.len; i++) {
		seep_vec_foreach(finding, &s->report->findings) {
			if (!seep_rule_matches(&s->sift->rules.rules.data[i], finding))
				continue;
			uint64_t left = UINT64_MAX - s->uses[i].count;
			s->uses[i].count += finding->count < left ? finding->count : left;
			s->uses[i].matched = true;
		}
	}
}

/** Puts a line of evidence ahead of all others. */
static void add_first_why(struct sifting *s, struct seep_finding *finding, const char *text)
{
	if (!text || !seep_vec_push(&finding->why, text)) {
		s->failed = true;
		return;
	}
	memmove(finding->why.data + 1, finding->why.data,
		(finding->why.len - 1) * sizeof(*finding->why.data));
	finding->why.data[0] = text;
}

/** The first rule that suppresses the finding, or NULL. */
static const struct seep_rule *find_rule(struct sifting *s, struct seep_finding *finding)
{
	for (size_t i = 0; i < s->sift->rules.rules.len; i++) {
		const struct seep_rule *rule = &s->sift->rules.rules.data[i];

		if (has_ended(s, rule) || !seep_rule_matches(rule, finding))
			continue;
		if (s->uses[i].count <= rule->at_most)
			return rule;
		add_first_why(s, finding,
			      seep_report_format(
				      s->report,
				      "%s:%u allows at most %" PRIu64 ", and it matches %" PRIu64,
				      rule->file, rule->line, rule->at_most, s->uses[i].count));
	}
	return NULL;
}

static bool is_same(const struct seep_baseline_entry *entry, const struct seep_finding *finding)
{
	return entry->signature == finding->signature && finding->cause &&
	       strcmp(entry->cause, finding->cause) == 0;
}

static bool is_stronger(enum seep_verdict a, enum seep_verdict b)
{
	return a < b;
}

/** Gives each finding without an entry one that is free: of its own verdict, or the weakest of the stronger ones. */
static void compare_with_baseline(struct sifting *s, bool same_verdict)
{
	const struct seep_baseline *baseline = &s->sift->baseline;

	for (size_t i = 0; i < s->report->findings.len; i++) {
		const struct seep_finding *finding = &s->report->findings.data[i];
		const struct seep_baseline_entry *best = NULL;

		for (size_t k = 0; k < baseline->entries.len && !s->before[i]; k++) {
			const struct seep_baseline_entry *entry = &baseline->entries.data[k];
			if (s->taken[k] || !is_same(entry, finding) ||
			    (same_verdict ? entry->verdict != finding->verdict :
					    !is_stronger(entry->verdict, finding->verdict)))
				continue;
			if (!best || is_stronger(best->verdict, entry->verdict))
				best = entry;
		}
		if (!best)
			continue;
		s->before[i] = best;
		s->taken[best - baseline->entries.data] = true;
	}
}

static bool has_grown(uint64_t before, uint64_t now, uint64_t least)
{
	return now > before && now - before > least && now - before > before / GROWTH_PART;
}

/** What the baseline had of this finding, if that was weaker. */
static const struct seep_baseline_entry *find_weaker(const struct sifting *s,
						     const struct seep_finding *finding)
{
	seep_vec_foreach(entry, &s->sift->baseline.entries)
		if (!s->taken[entry - s->sift->baseline.entries.data] && is_same(entry, finding))
			return entry;
	return NULL;
}

/** Whether finding i is what the baseline had; one that it had otherwise is told how it was. */
static bool is_in_baseline(struct sifting *s, size_t i)
{
	struct seep_finding *finding = &s->report->findings.data[i];
	const struct seep_baseline_entry *before = s->before[i];
	uint64_t bytes = seep_finding_bytes(finding);

	if (!before) {
		before = find_weaker(s, finding);
		if (before)
			add_first_why(s, finding,
				      seep_report_format(s->report,
							 "the baseline has it as %s only",
							 seep_verdict_name(before->verdict)));
		return false;
	}
	if (!has_grown(before->count, finding->count, GROWTH_COUNT) &&
	    !has_grown(before->bytes, bytes, GROWTH_BYTES))
		return true;
	add_first_why(s, finding,
		      seep_report_format(s->report,
					 "grown since the baseline: from %" PRIu64 " to %" PRIu64
					 " in number, from %.1f to %.1f KiB",
					 before->count, finding->count,
					 (double)before->bytes / 1024, (double)bytes / 1024));
	return false;
}

/** Makes finding i a suppressed one if it is known. There is room for it. */
static bool suppress(struct sifting *s, size_t i)
{
	struct seep_finding *finding = &s->report->findings.data[i];
	struct seep_suppressed *place = &s->report->suppressed.data[s->report->suppressed.len];
	const struct seep_rule *rule = find_rule(s, finding);

	if (!rule && !is_in_baseline(s, i))
		return false;
	*place = (struct seep_suppressed){ .finding = *finding };
	s->report->suppressed.len++;
	if (rule) {
		place->reason = seep_report_format(s->report, "%s", rule->reason);
		place->rule = seep_report_format(s->report, "%s:%u", rule->file, rule->line);
		s->failed |= !place->reason || !place->rule;
	}
	return true;
}

static void label(struct sifting *s, struct seep_finding *finding)
{
	seep_vec_foreach(rule, &s->sift->known.rules) {
		if (!seep_rule_matches(rule, finding))
			continue;
		finding->known = seep_report_format(s->report, "%s", rule->reason);
		s->failed |= !finding->known;
		if (rule->source) {
			finding->known_source = seep_report_format(s->report, "%s", rule->source);
			s->failed |= !finding->known_source;
		}
		return;
	}
}

static void sift_findings(struct sifting *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->report->findings.len; i++) {
		label(s, &s->report->findings.data[i]);
		if (!suppress(s, i))
			s->report->findings.data[kept++] = s->report->findings.data[i];
	}
	s->report->findings.len = kept;
}

static void tell_ended_rules(const struct sifting *s)
{
	_cleanup_(seep_str_deinit) struct seep_str names = {};
	size_t ended = 0;

	seep_vec_foreach(rule, &s->sift->rules.rules) {
		if (!has_ended(s, rule))
			continue;
		if (ended++ < RULES_NAMED)
			seep_str_addf(&names, "%s%s:%u (%04u-%02u-%02u)", ended > 1 ? ", " : "",
				      rule->file, rule->line, rule->expires / 10000,
				      rule->expires / 100 % 100, rule->expires % 100);
	}
	if (ended > RULES_NAMED)
		seep_str_addf(&names, " and %zu more", ended - RULES_NAMED);
	if (ended)
		seep_report_caveat(s->report,
				   ended == 1 ? "a rule has expired and suppresses nothing: %s" :
						"rules have expired and suppress nothing: %s",
				   seep_str_text(&names));
}

static void tell_idle_rules(struct sifting *s)
{
	for (size_t i = 0; i < s->sift->rules.rules.len; i++) {
		const struct seep_rule *rule = &s->sift->rules.rules.data[i];
		if (s->uses[i].matched)
			continue;
		const char *note = seep_report_format(s->report, "%s:%u matches no finding",
						      rule->file, rule->line);
		s->failed |= !note;
		if (note)
			seep_report_note(s->report, note);
	}
}

/** Whether a text of the report and one of the baseline, which JSON escaped, differ. Unknown texts do not. */
static bool differs(struct sifting *s, const char *now, const char *before)
{
	_cleanup_(seep_str_deinit) struct seep_str escaped = {};

	if (!now || !before)
		return false;
	seep_str_add_escaped(&escaped, now, strlen(now));
	s->failed |= escaped.failed;
	return strcmp(seep_str_text(&escaped), before) != 0;
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

/** Other code may have the same libraries in it, so what a baseline of another program hides is a matter of luck. */
static struct seep_error *check_baseline(struct sifting *s)
{
	const struct seep_baseline *baseline = &s->sift->baseline;
	const char *main_path = s->report->target.main_path, *exe = s->report->target.exe;

	if (!baseline->path)
		return NULL;
	if (differs(s, main_path, baseline->main_path))
		return seep_error_format(
			SEEP_ERROR_USAGE,
			"the baseline %s is of another program: of %.200s, and this is %.200s",
			baseline->path, baseline->main_path, main_path);
	if ((!main_path || !baseline->main_path) &&
	    differs(s, base_name(exe), base_name(baseline->exe)))
		seep_report_caveat(
			s->report,
			"the baseline %s may be of another program: its executable was %.200s",
			baseline->path, baseline->exe);
	if (baseline->left_out)
		seep_report_caveat(s->report,
				   "the baseline %s was written with --top, which left out %" PRIu64
				   " findings: they count as new",
				   baseline->path, baseline->left_out);
	return NULL;
}

static struct seep_error *sift_report(struct sifting *s)
{
	struct seep_error *err = check_baseline(s);

	if (err)
		return err;
	compare_with_baseline(s, true);
	compare_with_baseline(s, false);
	count_uses(s);
	sift_findings(s);
	tell_ended_rules(s);
	tell_idle_rules(s);
	return s->failed ? &seep_enomem : NULL;
}

struct seep_error *seep_sift_apply(const struct seep_sift *sift, struct seep_report *report)
{
	size_t findings = report->findings.len;
	_cleanup_free_ struct use *uses = calloc(sift->rules.rules.len + 1, sizeof(*uses));
	_cleanup_free_ const struct seep_baseline_entry **before =
		calloc(findings + 1, sizeof(*before));
	_cleanup_free_ bool *taken = calloc(sift->baseline.entries.len + 1, sizeof(*taken));
	struct sifting s = {
		.sift = sift, .report = report, .uses = uses, .before = before, .taken = taken
	};

	if (!uses || !before || !taken ||
	    (findings && !seep_vec_reserve(&report->suppressed, findings)))
		return &seep_enomem;
	return sift_report(&s);
}
