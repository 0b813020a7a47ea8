/**
 * What `seep capture --when` waits for: a quantity above a value.
 *
 *	QUANTITY>VALUE		blanks around > are allowed
 *	rss, heap		bytes (2GB, 1.5GiB, 300M: K, M, G, T and KiB.. are powers of 1024, KB.. of 1000, B), or % of the memory limit
 *	goroutines, threads	a number
 *	fds			a number, or % of RLIMIT_NOFILE
 */
#ifndef SEEP_CLI_CONDITION_H
#define SEEP_CLI_CONDITION_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

enum seep_quantity {
	SEEP_QUANTITY_RSS,
	SEEP_QUANTITY_HEAP,
	SEEP_QUANTITY_GOROUTINES,
	SEEP_QUANTITY_THREADS,
	SEEP_QUANTITY_FDS,
};

struct seep_condition {
	enum seep_quantity quantity;
	double percent; /** of what the quantity may become; 0 = value counts */
	uint64_t value; /** bytes, or a number */
};

/** USAGE errors leave *ret alone. */
struct seep_error *seep_condition_parse(const char *text, struct seep_condition *ret) _must_check_;
/** What the quantity has to be above, if it may become `limit`. */
uint64_t seep_condition_threshold(const struct seep_condition *condition, uint64_t limit);
const char *seep_quantity_name(enum seep_quantity quantity);
/** An amount of the quantity: "1.2 GiB", "10,000". */
void seep_quantity_add(struct seep_str *str, enum seep_quantity quantity, uint64_t amount);

#endif
