/**
 * What the JSON formats are made of: keys that are left out when unknown, and the things of findings.h
 * that several of them show.
 *
 * A key whose value is unknown is left out, never null or guessed. Strings from the target go through
 * the same escaping as on a terminal, so that invalid UTF-8 and control characters arrive as visible
 * \xNN and the output is always valid JSON.
 */
#ifndef SEEP_REPORT_JSON_H
#define SEEP_REPORT_JSON_H

#include "detect/findings.h"

#include <stdio.h>

struct json_t; /** jansson's */

/** Zero-initialised is good. `failed` sticks once memory ran out. */
struct seep_json {
	bool failed;
};

/** Takes value. */
void seep_json_set(struct seep_json *w, struct json_t *object, const char *key,
		   struct json_t *value);
/** Takes value. */
void seep_json_append(struct seep_json *w, struct json_t *array, struct json_t *value);

/** Escaped; NULL when memory is out. */
struct json_t *seep_json_string(const char *text);
/** An array of those that are not NULL. */
struct json_t *seep_json_strings(struct seep_json *w, const char *const *strings, size_t len);
/** Unless NULL or empty. */
void seep_json_set_string(struct seep_json *w, struct json_t *object, const char *key,
			  const char *text);
/** Cut at what fits into a signed number. */
void seep_json_set_number(struct seep_json *w, struct json_t *object, const char *key, uint64_t n);
/** A number that is unknown when 0. */
void seep_json_set_known(struct seep_json *w, struct json_t *object, const char *key, uint64_t n);
/** "0x...", unknown when 0. */
void seep_json_set_address(struct seep_json *w, struct json_t *object, const char *key,
			   seep_addr addr);
/** Unless neither function nor file are known. */
void seep_json_set_frame(struct seep_json *w, struct json_t *object, const char *key,
			 const struct seep_frame_text *frame);

/** {function, file, line} */
struct json_t *seep_json_frame(struct seep_json *w, const struct seep_frame_text *frame);
struct json_t *seep_json_frames(struct seep_json *w, const struct seep_frame_text *frames,
				size_t len);
/** {address, type, size, visible_bytes, path} */
struct json_t *seep_json_object(struct seep_json *w, const struct seep_finding_object *held);
/** {kind, name, count, bytes, retained_bytes, path, point} */
struct json_t *seep_json_holder(struct seep_json *w, const struct seep_holder *holder);
/** [{name, bytes}] */
struct json_t *seep_json_parts(struct seep_json *w, const struct seep_ledger_part *parts,
			       size_t len);

/** "suppressed": what of each is told all the same, and why it is suppressed; left out if there is nothing. */
void seep_json_set_suppressed(struct seep_json *w, struct json_t *root,
			      const struct seep_report *report);

/** Writes root, indented, to file; root stays the caller's. */
struct seep_error *seep_json_finish(struct seep_json *w, const struct json_t *root, FILE *file)
	_must_check_;

#endif
