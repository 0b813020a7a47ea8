/**
 * Rules that say which findings are known: what a person writes by hand for --suppress, and the list that comes with seep.
 *
 *	# The importer goes with the rewrite.
 *	function  main.(*importer).*
 *	cause     send-blocked
 *	reason    goes with the rewrite, OPS-1423
 *	expires   2027-01-31
 *
 * A rule is a block of lines, ended by an empty one; a line is a key and its value. docs/suppressions.md has the keys.
 */
#ifndef SEEP_SIFT_RULES_H
#define SEEP_SIFT_RULES_H

#include "base/error.h"
#include "base/vec.h"
#include "detect/findings.h"

/** A rule. All of what it asks for must be so. Strings are unescaped, NULL where the rule does not say. */
struct seep_rule {
	const char *file;
	unsigned line; /** the first of the rule */
	const char *reason, *source;
	const char *cause;
	const char *function,
		*type; /** patterns: a star stands for any text, everything else for itself */
	bool has_signature, has_verdict;
	uint64_t signature;
	enum seep_verdict verdict;
	uint64_t at_most; /** of all that it matches together; UINT64_MAX = any number */
	uint32_t expires; /** the last day on which it holds, as 20270131; 0 = never */
};

/** Zero-initialised is empty. */
struct seep_rules {
	struct seep_vec(struct seep_rule) rules; /** in the order in which they stand */
	struct seep_vec(char *) strings; /** private */
};

/** Whether a cause is called that. */
typedef bool seep_is_cause(const char *name, size_t len);

enum {
	SEEP_RULES_BYTES_MAX = 1 << 20, /** of a file */
	SEEP_RULES_LINE_MAX = 1000, /** bytes of a line */
	SEEP_RULES_MAX = 10000, /** rules of all files together */
};

/**
 * Adds the rules of a text; name is what messages and rules call it. Errors: USAGE, "NAME:LINE: ..." with what would have been right, and
 * the rules then hold those ahead of it.
 */
struct seep_error *seep_rules_parse(struct seep_rules *rules, const char *name, const char *text,
				    size_t len, seep_is_cause *is_cause) _must_check_;
/** Adds those of a file. Errors as above, and USAGE if it cannot be read. */
struct seep_error *seep_rules_read(struct seep_rules *rules, const char *path,
				   seep_is_cause *is_cause) _must_check_;
void seep_rules_deinit(struct seep_rules *rules);

/** Whether the finding is one that the rule speaks of. Neither its end nor at_most are looked at. */
bool seep_rule_matches(const struct seep_rule *rule, const struct seep_finding *finding);
/** Whether the whole text fits the pattern. */
bool seep_pattern_matches(const char *pattern, const char *text);

/** The shipped list, data/known.supp, in that format. */
extern const char seep_known_text[];
extern const size_t seep_known_len;

#endif
