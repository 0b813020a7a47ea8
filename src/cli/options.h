/** Values of options: strict, with messages that say what would have been right. */
#ifndef SEEP_CLI_OPTIONS_H
#define SEEP_CLI_OPTIONS_H

#include "base/error.h"
#include "detect/findings.h"
#include "runtime/runtime.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** All return USAGE errors and leave *ret alone on failure. */
struct seep_error *seep_option_pid(const char *text, pid_t *ret) _must_check_;
/** "50ms", "1.5s", "200us", "2m": above zero, at most an hour, in nanoseconds. */
struct seep_error *seep_option_duration(const char *text, uint64_t *ns_ret) _must_check_;
/** The same up to 1000 hours: "24h". */
struct seep_error *seep_option_long_duration(const char *text, uint64_t *ns_ret) _must_check_;
/** auto, precopy or stop. */
struct seep_error *seep_option_pause(const char *text, enum seep_snapshot_method *ret) _must_check_;
/** "fail": false, "report": true. */
struct seep_error *seep_option_if_longer(const char *text, bool *ret) _must_check_;
/** "512M", "2G": 1 MiB to 1 PiB, in bytes; K, M, G and T are powers of 1024. */
struct seep_error *seep_option_size(const char *text, uint64_t *ret) _must_check_;
/** 1 to 1,000,000. */
struct seep_error *seep_option_count(const char *text, size_t *ret) _must_check_;
/** Causes separated by commas, each one that has a page and can be found by one look. */
struct seep_error *seep_option_causes(const char *text) _must_check_;

/** Whether a cause with a page is called that. */
bool seep_option_is_cause(const char *name, size_t len);

/** When --fail-on makes the exit status 1. */
struct seep_fail_on {
	bool enabled;
	enum seep_verdict weakest; /** this one and all stronger */
};
struct seep_error *seep_option_fail_on(const char *text, struct seep_fail_on *ret) _must_check_;
bool seep_fail_on_finding(const struct seep_fail_on *fail_on, const struct seep_finding *finding);
/** Whether one of the report's findings, those that are suppressed not counted, is one of --fail-on. */
bool seep_fail_on_report(const struct seep_fail_on *fail_on, const struct seep_report *report);

enum seep_color_when { SEEP_COLOR_AUTO, SEEP_COLOR_ALWAYS, SEEP_COLOR_NEVER };

struct seep_error *seep_option_color(const char *text, enum seep_color_when *ret) _must_check_;
/**
 * Whether to colour what goes to fd: on a terminal, unless NO_COLOR is set or TERM is dumb, or as
 * told.
 */
bool seep_color_wanted(enum seep_color_when when, int fd);
/** Columns of the terminal that fd is, 0 if it is none or does not tell. */
int seep_terminal_columns(int fd);

#endif
