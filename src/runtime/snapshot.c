// The program's memory at one moment: how it comes about that the program stands still for so short a time.
//
// Pre-copy: writes are watched (target/watch.c), and everything is copied while the program runs, again and again what it
// wrote to meanwhile, until that has become little. Then it is stopped, the rest is copied, and it runs on. What analysis needs is
// worked out before, from copies that may be torn, and once more afterwards, from the one that counts: if the first left something out
// that cannot be made up for, or if more was written than the pause allows, there are more rounds and another stop.
//
// Stop-and-copy: everything is copied in the stop. It is what remains where writes cannot be watched, and shorter than the
// preparations for the other where there is little to copy.
#include "runtime/snapshot.h"

#include "runtime/internal.h"
#include "target/capture.h"

#include <stdio.h>
#include <string.h>

/** Less than that is copied in about two milliseconds. */
static const uint64_t WORTH_WATCHING = 16 << 20;
/** What a stop is to last at most if nobody says (it is cut off then, and tried again); and what is copied in a nanosecond of it, pages here and there. */
static const uint64_t AIM_NS = 10000000, BYTES_PER_NS = 1;
/** What it takes to look through the page tables, three times over. */
static const uint64_t SCAN_NS_PER_MB = 7500;
/** What may be written between two rounds: before what is needed is worked out anew, and before the stop. */
static const uint64_t CALM_BYTES = 32 << 20, STILL_BYTES = 1 << 20;
/** So much is copied before the program can have begun to use much more. */
static const uint64_t QUICK_BYTES = 256 << 20;
enum { REFRESHES_MAX = 10, STOPS_MAX = 8 };

/** Refreshes until at most enough bytes were written since the one before, or until it gets no better. */
static struct seep_error *settle(struct seep_target *target, enum seep_refresh what,
				 uint64_t enough)
{
	struct seep_error *err;
	uint64_t last = UINT64_MAX;

	for (unsigned round = 0; round < REFRESHES_MAX; round++) {
		uint64_t before = seep_target_stats(target).precopy_bytes;
		err = seep_target_refresh(target, what);
		if (err)
			return err;
		uint64_t written = seep_target_stats(target).precopy_bytes - before;
		if (written <= enough || written > last - last / 4)
			break;
		last = written;
	}
	return NULL;
}

/** Copies what seems to be needed. What the running program was about to change may look like nonsense, and is not taken ill. */
static struct seep_error *copy_running(struct seep_target *target, const struct seep_binary *binary,
				       bool values)
{
	struct seep_error *err = seep_runtime_capture(target, binary, values);

	if (!err || (err->code != SEEP_ERROR_BAD_DATA && err->code != SEEP_ERROR_FAULT &&
		     err->code != SEEP_ERROR_MISSING_INFO && err->code != SEEP_ERROR_UNSUPPORTED))
		return err;
	seep_error_destroy(err);
	return NULL;
}

/** One stop with all that comes before and after. */
static struct seep_error *try_watched(struct seep_target *target, const struct seep_binary *binary,
				      bool values, uint64_t max_bytes)
{
	struct seep_error *err;

	err = seep_target_refresh(target, SEEP_REFRESH_COPIED);
	uint64_t before = seep_target_stats(target).precopy_bytes;
	if (!err)
		err = copy_running(target, binary, values);
	if (!err && seep_target_stats(target).precopy_bytes - before > QUICK_BYTES) {
		err = settle(target, SEEP_REFRESH_COPIED, CALM_BYTES);
		if (!err)
			err = copy_running(target, binary, values);
	}
	// From here on also what the program begins to use.
	if (!err)
		err = settle(target, SEEP_REFRESH_ALL, STILL_BYTES);
	if (!err)
		err = seep_target_complete(target, max_bytes);
	return err ? err : seep_runtime_capture(target, binary, values);
}

/** Stops until one succeeds; CHANGED or BUDGET if none does. */
static struct seep_error *by_precopy(struct seep_target *target, const struct seep_binary *binary,
				     const struct seep_snapshot_options *options,
				     uint64_t prepared_bytes)
{
	struct seep_error *err = NULL;
	uint64_t aim_ns = options->max_pause_ns ? options->max_pause_ns :
						  AIM_NS + (prepared_bytes >> 20) * SCAN_NS_PER_MB;
	bool must_keep = options->max_pause_ns && !options->may_exceed;

	for (unsigned stop = 1; stop <= STOPS_MAX; stop++) {
		bool last = stop == STOPS_MAX && !must_keep;
		seep_error_destroy(err);
		seep_target_limit_pause(target, last ? 0 : aim_ns);
		err = try_watched(target, binary, options->values,
				  last ? UINT64_MAX : aim_ns * BYTES_PER_NS);
		if (!err || (err->code != SEEP_ERROR_CHANGED && err->code != SEEP_ERROR_BUDGET))
			break;
	}
	return err;
}

static struct seep_error *by_stopping(struct seep_target *target, const struct seep_binary *binary,
				      bool values)
{
	struct seep_error *err;

	err = seep_target_stop(target);
	if (err)
		return err;
	err = seep_runtime_capture(target, binary, values);
	seep_target_resume(target);
	return err;
}

/** Why it is not pre-copy; takes the error over. */
static void note_reason(struct seep_snapshot *ret, struct seep_error *err)
{
	snprintf(ret->why_stopped, sizeof(ret->why_stopped), "%s", err->message);
	seep_error_destroy(err);
}

uint64_t seep_snapshot_bytes(struct seep_target *target, const struct seep_binary *binary,
			     bool *worth_watching_ret)
{
	seep_target_limit_copy(target, 1); // so that no memory is taken
	seep_runtime_prepare(target, binary, false);
	seep_target_limit_copy(target, 0);
	uint64_t bytes = seep_target_stats(target).prepared_bytes;
	*worth_watching_ret = bytes >= WORTH_WATCHING;
	return bytes;
}

struct seep_error *seep_runtime_snapshot(struct seep_target *target,
					 const struct seep_binary *binary,
					 const struct seep_snapshot_options *options,
					 struct seep_snapshot *ret)
{
	struct seep_error *err = NULL;
	bool watch = options->method != SEEP_SNAPSHOT_STOP;

	*ret = (struct seep_snapshot){ .method = SEEP_SNAPSHOT_STOP, .values = options->values };
	const struct seep_origin *origin = seep_capture_origin(target);
	if (origin) {
		ret->method = origin->precopy ? SEEP_SNAPSHOT_PRECOPY : SEEP_SNAPSHOT_STOP;
		memcpy(ret->why_stopped, origin->why_stopped, sizeof(ret->why_stopped));
	}
	if (seep_target_kind(target) != SEEP_TARGET_LIVE)
		return seep_runtime_capture(target, binary, false);
	seep_target_limit_copy(target, options->max_bytes);
	seep_runtime_prepare(target, binary, options->values);
	uint64_t bytes = seep_target_stats(target).prepared_bytes;
	if (options->max_bytes && bytes > options->max_bytes)
		return seep_error_format(SEEP_ERROR_BUDGET, "no room for a copy of %.1f MB",
					 bytes / 1e6);
	if (options->method == SEEP_SNAPSHOT_AUTO &&
	    seep_target_stats(target).prepared_bytes < WORTH_WATCHING)
		watch = false;
	if (watch) {
		err = seep_target_watch(target);
		if (!err) {
			ret->method = SEEP_SNAPSHOT_PRECOPY;
			err = by_precopy(target, binary, options, bytes);
			seep_target_unwatch(target);
		}
		bool impossible = err && (err->code == SEEP_ERROR_UNSUPPORTED ||
					  err->code == SEEP_ERROR_CHANGED);
		if (impossible && options->method == SEEP_SNAPSHOT_PRECOPY)
			return seep_error_prefix(
				err,
				"pre-copy is not to be had (--pause=auto takes a longer pause)");
		if (!impossible)
			return err;
		note_reason(ret, err);
		if (ret->method == SEEP_SNAPSHOT_PRECOPY) // the room was used
			seep_runtime_prepare(target, binary, options->values);
		ret->method = SEEP_SNAPSHOT_STOP;
	}
	seep_target_limit_pause(target, options->may_exceed ? 0 : options->max_pause_ns);
	return by_stopping(target, binary, options->values);
}
