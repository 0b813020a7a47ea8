// Copying a process that writes, and sets of pages.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "support/subject.h"
#include "target/internal.h"

enum { PAGE = 4096 };

static void sets_of_pages_are_as_with_single_bits(void **state)
{
	enum { PAGES = 300, ROUNDS = 20000 };
	bool naive[PAGES] = {};
	uint64_t bits[PAGES / 64 + 1] = {};

	(void)state;
	srandom(1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t first = random() % (PAGES + 1), end = first + random() % (PAGES + 1 - first);
		bool value = random() % 2;
		size_t next = first;
		while (next < end && naive[next] != value)
			next++;
		assert_int_equal(seep_pages_next(bits, first, end, value), next);
		if (random() % 4)
			continue;
		seep_pages_put(bits, first, end, value);
		for (size_t i = first; i < end; i++)
			naive[i] = value;
	}
}

/** What an obeying process has in its pages, and what it had when it was last stopped. */
struct model {
	struct subject subject;
	struct seep_target *target;
	uint64_t now[SUBJECT_PAGES], then[SUBJECT_PAGES];
	bool asked[SUBJECT_PAGES]; /** for a copy of it */
	uint64_t value;
};

/** Fails if the kernel or its settings cannot, as skipped. */
static void start(struct model *model)
{
	*model = (struct model){ .value = 1 };
	subject_start(&model->subject, "obeying");
	model->target = subject_open(&model->subject);
	struct seep_error *err = seep_target_watch(model->target);
	if (!err)
		return;
	print_message("no writes can be watched here: %s\n", err->message);
	seep_error_destroy(err);
	seep_target_close(model->target);
	subject_end(&model->subject);
	skip();
}

static void end(struct model *model)
{
	seep_target_close(model->target);
	subject_tell(SUBJECT_WRITE, 0, SUBJECT_PAGES, 0); // it still obeys
	subject_end(&model->subject);
}

static void tell(struct model *model, enum subject_deed deed, size_t first, size_t count)
{
	uint64_t value = deed == SUBJECT_WRITE ? model->value += SUBJECT_PAGES : 0;

	subject_tell(deed, first, count, value);
	for (size_t i = first; i < first + count; i++)
		model->now[i] = value ? value + i : 0;
}

static void tell_anything(struct model *model)
{
	size_t most = random() % 4 ? 20 : SUBJECT_PAGES, first = random() % SUBJECT_PAGES,
	       left = SUBJECT_PAGES - first, count = 1 + random() % (left < most ? left : most);
	long dice = random() % 8;

	tell(model,
	     dice == 0 ? SUBJECT_DISCARD :
	     dice == 1 ? SUBJECT_REMAP :
			 SUBJECT_WRITE,
	     first, count);
}

static struct seep_error *copy(struct model *model, size_t first, size_t count)
{
	struct seep_error *err =
		subject_copy(model->target, model->subject.said[0] + first * PAGE, count * PAGE);

	for (size_t i = first; !err && i < first + count; i++)
		model->asked[i] = true;
	return err;
}

static struct seep_error *copy_anything(struct model *model)
{
	size_t first = random() % SUBJECT_PAGES, left = SUBJECT_PAGES - first;

	return copy(model, first, 1 + random() % left);
}

static void complete(struct model *model)
{
	assert_no_error(seep_target_complete(model->target, UINT64_MAX));
	memcpy(model->then, model->now, sizeof(model->then));
}

/** What was asked for is in the mirror as it was in the stop. */
static void assert_moment(const struct model *model)
{
	const unsigned char *bytes = seep_memory_at(seep_target_memory(model->target),
						    model->subject.said[0], SUBJECT_PAGES * PAGE);

	assert_non_null(bytes);
	for (size_t i = 0; i < SUBJECT_PAGES; i++) {
		uint64_t first = seep_le64(bytes + i * PAGE),
			 last = seep_le64(bytes + (i + 1) * PAGE - 8);
		if (model->asked[i] && (first != model->then[i] || last != model->then[i]))
			fail_msg("page %zu: %lx and %lx, not %lx", i, first, last, model->then[i]);
	}
}

/** Anything may happen before the stop, nothing after it: then every copy succeeds. */
static void a_copy_is_of_the_stop(void **state)
{
	struct model model;

	(void)state;
	start(&model);
	srandom(2);
	for (unsigned round = 0; round < 100; round++) {
		memset(model.asked, 0, sizeof(model.asked));
		assert_no_error(seep_target_refresh(model.target, SEEP_REFRESH_COPIED));
		for (unsigned steps = random() % 12; steps > 0; steps--) {
			long dice = random() % 4;
			if (dice == 0)
				assert_no_error(seep_target_refresh(
					model.target,
					random() % 2 ? SEEP_REFRESH_ALL : SEEP_REFRESH_COPIED));
			else if (dice == 1)
				assert_no_error(copy_anything(&model));
			else
				tell_anything(&model);
		}
		// What is copied before the stop counts as of the stop.
		complete(&model);
		assert_moment(&model);
		assert_no_error(copy_anything(&model));
		assert_no_error(copy_anything(&model));
		assert_moment(&model);
	}
	end(&model);
}

/** The process goes on after the stop: a copy is still of the stop, or fails. */
static void a_late_copy_is_of_the_stop_or_fails(void **state)
{
	struct model model;
	unsigned copied = 0, refused = 0;

	(void)state;
	srandom(3);
	for (unsigned round = 0; round < 100; round++) {
		start(&model);
		tell(&model, SUBJECT_WRITE, 0, SUBJECT_PAGES);
		assert_no_error(seep_target_refresh(model.target, SEEP_REFRESH_COPIED));
		assert_no_error(copy_anything(&model));
		tell_anything(&model);
		complete(&model);
		tell_anything(&model);
		size_t first = random() % (SUBJECT_PAGES - 50);
		struct seep_error *err = copy(&model, first, 1 + random() % 50);
		copied += !err;
		refused += err != NULL;
		if (err)
			assert_error(err, SEEP_ERROR_CHANGED, "memory");
		assert_moment(&model);
		end(&model);
	}
	if (copied < 20 || refused < 5)
		fail_msg("%u copied, %u refused", copied, refused);
}

/** A late copy may read what comes and goes between two looks, the second of which then finds nothing at all. */
static void what_has_gone_since_the_stop_has_changed(void **state)
{
	static const enum subject_deed deeds[] = { SUBJECT_WRITE, SUBJECT_DISCARD, SUBJECT_REMAP,
						   SUBJECT_UNMAP };
	static const size_t places[] = { 100, 150,
					 199 }; // of [100, 200): its front, middle and end

	(void)state;
	for (size_t i = 0; i < 12; i++) {
		struct model model;
		start(&model);
		tell(&model, SUBJECT_WRITE, 0, SUBJECT_PAGES);
		assert_no_error(seep_target_refresh(model.target, SEEP_REFRESH_COPIED));
		complete(&model);
		seep_addr start = model.subject.said[0] + 100 * PAGE;
		struct seep_range late[] = { { start, start + 100 * PAGE } };
		const struct seep_ranges ranges = { .data = late, .len = 1 };
		assert_no_error(seep_watch_check(model.target, &ranges));
		tell(&model, deeds[i % 4], places[i / 4], 1);
		assert_error(seep_watch_check(model.target, &ranges), SEEP_ERROR_CHANGED, "memory");
		if (deeds[i % 4] == SUBJECT_UNMAP)
			tell(&model, SUBJECT_REMAP, places[i / 4], 1); // end() writes to all
		end(&model);
	}
}

static void nothing_is_copied_twice(void **state)
{
	struct model model;

	(void)state;
	start(&model);
	tell(&model, SUBJECT_WRITE, 0, SUBJECT_PAGES);
	assert_no_error(seep_target_refresh(model.target, SEEP_REFRESH_COPIED));
	assert_no_error(copy(&model, 0, 1000));
	uint64_t before = seep_target_stats(model.target).precopy_bytes;
	assert_true(before >= 1000 * PAGE);
	assert_no_error(copy(&model, 0, 1000));
	assert_no_error(seep_target_refresh(model.target, SEEP_REFRESH_COPIED));
	assert_int_equal(seep_target_stats(model.target).precopy_bytes, before);
	tell(&model, SUBJECT_WRITE, 500, 10);
	tell(&model, SUBJECT_WRITE, 1200, 10); // nobody wants them yet
	assert_no_error(seep_target_refresh(model.target, SEEP_REFRESH_COPIED));
	uint64_t again = seep_target_stats(model.target).precopy_bytes - before;
	assert_true(again >= 10 * PAGE && again < 20 * PAGE);
	tell(&model, SUBJECT_WRITE, 1400, 10);
	assert_no_error(seep_target_refresh(model.target, SEEP_REFRESH_ALL));
	again = seep_target_stats(model.target).precopy_bytes - before - again;
	assert_true(again >= 10 * PAGE && again < 20 * PAGE);
	complete(&model);
	assert_true(seep_target_stats(model.target).read_bytes < 20 * PAGE);
	assert_moment(&model);
	assert_no_error(copy(&model, 1200, 210)); // of 1400 on nothing is left to copy
	assert_moment(&model);
	end(&model);
}

static void too_much_to_copy_is_left_alone(void **state)
{
	struct model model;

	(void)state;
	start(&model);
	assert_no_error(seep_target_refresh(model.target, SEEP_REFRESH_COPIED));
	tell(&model, SUBJECT_WRITE, 0, 1000);
	assert_error(seep_target_complete(model.target, 100 * PAGE), SEEP_ERROR_BUDGET, "too fast");
	assert_int_equal(seep_target_stats(model.target).read_bytes, 0);
	assert_no_error(seep_target_refresh(model.target, SEEP_REFRESH_COPIED));
	assert_no_error(copy(&model, 0, 1000));
	complete(&model);
	assert_moment(&model);
	end(&model);
}

static void assert_not_watched(const char *role, const char *why)
{
	struct subject subject;

	subject_start(&subject, role);
	struct seep_target *target = subject_open(&subject);
	assert_error(seep_target_watch(target), SEEP_ERROR_UNSUPPORTED, why);
	assert_error(seep_target_refresh(target, SEEP_REFRESH_ALL), SEEP_ERROR_USAGE,
		     "not watched");
	assert_error(seep_target_complete(target, 0), SEEP_ERROR_USAGE, "not watched");
	seep_target_close(target);
	subject_end(&subject);
}

static void who_must_not_be_asked_is_not(void **state)
{
	struct model model;

	(void)state;
	start(&model); // skips where no process can be watched
	end(&model);
	assert_not_watched("filtered", "seccomp");
	assert_not_watched("faulting", "itself");
	assert_not_watched("spinning", "asleep");
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_of_pages_are_as_with_single_bits),
		cmocka_unit_test(a_copy_is_of_the_stop),
		cmocka_unit_test(a_late_copy_is_of_the_stop_or_fails),
		cmocka_unit_test(what_has_gone_since_the_stop_has_changed),
		cmocka_unit_test(nothing_is_copied_twice),
		cmocka_unit_test(too_much_to_copy_is_left_alone),
		cmocka_unit_test(who_must_not_be_asked_is_not),
	};

	if (subject_is_wanted(argc, argv))
		return subject_run(argv[1]);
	return cmocka_run_group_tests(tests, subject_set_up, NULL);
}
