// The formats that other tools read: pprof, prom, junit, sarif. tests/formats.py has these tools read them.
#include "report/report.h"

#include "base/str.h"
#include "support/fake_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <zlib.h>

static char *write_with(const char *format, const struct seep_report *report,
			struct seep_report_options options, size_t *len)
{
	char *text = NULL;
	FILE *file = open_memstream(&text, len);

	assert_non_null(file);
	assert_null(seep_report_format_find(format, options.view)->write(report, &options, file));
	assert_int_equal(fclose(file), 0);
	return text;
}

static char *write_as(const char *format, void (*make)(struct seep_report *),
		      struct seep_report_options options)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	size_t len;

	make(&report);
	return write_with(format, &report, options, &len);
}

static void reports_as_before(void **state)
{
	static const struct {
		const char *format, *file;
		void (*make)(struct seep_report *);
	} golden[] = {
		{ "prom", "report.prom", fake_report_memory },
		{ "junit", "report.junit.xml", fake_report_memory },
		{ "prom", "report-known.prom", fake_report_known },
		{ "junit", "report-known.junit.xml", fake_report_known },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(*golden); i++) {
		_cleanup_free_ char *text =
			write_as(golden[i].format, golden[i].make, (struct seep_report_options){});
		golden_check(golden[i].file, text);
	}
}

/** Nothing that a terminal or a line-based reader would act on. */
static void check_inert(const char *text)
{
	_cleanup_(seep_str_deinit) struct seep_str escaped = {};
	size_t lines = 0, len = strlen(text);

	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	seep_str_add_escaped(&escaped, text, len);
	assert_false(escaped.failed);
	// Each new line became "\x0a", and nothing else was changed.
	assert_int_equal(escaped.len, len + 3 * lines);
}

static void hostile_names_are_inert(void **state)
{
	static const char *const formats[] = { "prom", "junit", "sarif" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		_cleanup_free_ char *text = write_as(formats[i], fake_report_hostile,
						     (struct seep_report_options){ .all = true });
		check_inert(text);
		assert_null(strstr(text, "](http"));
		if (i < 2) {
			assert_null(strstr(text, "]]>"));
			assert_null(strstr(text, "<script>"));
		}
	}
}

static void metrics_have_no_other_lines(void **state)
{
	_cleanup_free_ char *text =
		write_as("prom", fake_report_hostile, (struct seep_report_options){});
	char *rest = text;

	(void)state;
	for (char *line; (line = strsep(&rest, "\n")) && *line;)
		assert_true(seep_has_prefix(line, "seep_") || strcmp(line, "# EOF") == 0 ||
			    seep_has_prefix(line, "# TYPE seep_") ||
			    seep_has_prefix(line, "# UNIT seep_") ||
			    seep_has_prefix(line, "# HELP seep_"));
	// Nothing behind the end.
	assert_null(rest && *rest ? rest : NULL);
}

static void equal_labels_are_one_series(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	size_t len;

	(void)state;
	seep_report_init(&report);
	for (size_t i = 1; i <= 2; i++)
		assert_true(seep_vec_push(&report.findings,
					  ((struct seep_finding){ .cause = "once",
								  .signature = 5,
								  .count = i,
								  .retained_bytes = UINT64_MAX })));
	_cleanup_free_ char *text =
		write_with("prom", &report, (struct seep_report_options){}, &len);
	assert_non_null(strstr(text, "seep_findings{cause=\"once\",verdict=\"proven\"} 2\n"));
	const char *line = strstr(
		text,
		"seep_leaked_goroutines{cause=\"once\",verdict=\"proven\",signature=\"0000000000000005\"} 3\n");
	assert_non_null(line);
	assert_null(strstr(line + 1, "seep_leaked_goroutines{"));
	assert_non_null(strstr(text, "\"0000000000000005\"} 18446744073709551615\n"));
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void what_was_not_looked_for_is_no_success(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	size_t len;

	(void)state;
	fake_report_clean(&report);
	assert_true(seep_vec_push(&report.left_out, "map-bloat"));
	struct seep_report_options options = { .only = "map-bloat,once" };
	_cleanup_free_ char *xml = write_with("junit", &report, options, &len);
	assert_int_equal(count(xml, "<testcase "), 2);
	assert_int_equal(count(xml, "<skipped "), 1);
	assert_non_null(strstr(xml, "tests=\"2\" failures=\"0\" errors=\"0\" skipped=\"1\""));
	_cleanup_free_ char *sarif = write_with("sarif", &report, options, &len);
	assert_non_null(strstr(sarif, "\"executionSuccessful\": false"));
	assert_int_equal(count(sarif, "\"markdown\""), 2);
}

static void what_waits_is_no_failure(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	size_t len;

	(void)state;
	fake_report_clean(&report);
	assert_true(seep_vec_push(&report.findings,
				  ((struct seep_finding){ .cause = "once",
							  .verdict = SEEP_VERDICT_WAITING,
							  .count = 4,
							  .summary = "Blocked." })));
	struct seep_report_options options = { .all = true };
	_cleanup_free_ char *xml = write_with("junit", &report, options, &len);
	assert_int_equal(count(xml, "<failure"), 0);
	assert_int_equal(count(xml, "waiting: Blocked."), 1);
	_cleanup_free_ char *sarif = write_with("sarif", &report, options, &len);
	assert_non_null(strstr(sarif, "\"level\": \"note\""));
}

/** The location of result i. */
static json_t *location(json_t *root, size_t i)
{
	json_t *run = json_array_get(json_object_get(root, "runs"), 0);
	json_t *result = json_array_get(json_object_get(run, "results"), i);
	json_t *first = json_array_get(json_object_get(result, "locations"), 0);

	return json_object_get(json_object_get(first, "physicalLocation"), "artifactLocation");
}

static void check_uri(const char *module, const char *function, const char *file, const char *uri,
		      const char *base)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	size_t len;

	fake_report_clean(&report);
	report.target.module = module;
	// The first tells where the module is.
	assert_true(seep_vec_push(
		&report.findings,
		((struct seep_finding){
			.where = { "main.main", "/src/orders/cmd/orders/main.go", 1 } })));
	assert_true(seep_vec_push(&report.findings,
				  ((struct seep_finding){ .where = { function, file, 1 } })));
	_cleanup_free_ char *text =
		write_with("sarif", &report, (struct seep_report_options){}, &len);
	json_auto_t *root = json_loads(text, 0, NULL);
	assert_non_null(root);
	json_t *got = location(root, 1);
	if (!uri) {
		assert_null(got);
		return;
	}
	assert_string_equal(json_string_value(json_object_get(got, "uri")), uri);
	const char *got_base = json_string_value(json_object_get(got, "uriBaseId"));
	assert_string_equal(got_base ? got_base : "", base);
}

static void files_are_found_in_a_checkout(void **state)
{
	const char *module = "example.com/orders";

	(void)state;
	check_uri(module, "main.main", "/src/orders/cmd/orders/a b.go", "cmd/orders/a%20b.go",
		  "SRCROOT");
	check_uri(module, "x.F", "/usr/local/go/src/x.go", "file:///usr/local/go/src/x.go", "");
	check_uri(module, "x.F", "/src/orders/../x.go", NULL, NULL);
	check_uri(module, "x.F", "example.com/orders/a/x.go", "a/x.go", "SRCROOT");
	check_uri(module, "x.F", "runtime/proc.go", "runtime/proc.go", "TRIMPATH");
	check_uri(module, "x.F", "https://evil/x.go", "https%3A//evil/x.go", "TRIMPATH");
	check_uri(module, "x.F", "<autogenerated>", NULL, NULL);
	check_uri(module, "x.F", "/src/orders\xff\n\".go", "file:///src/orders%FF%0A%22.go", "");
	check_uri(NULL, "x.F", "/src/orders/x.go", "file:///src/orders/x.go", "");
	check_uri("example.com/ord", "x.F", "/src/orders/x.go", "file:///src/orders/x.go", "");
	check_uri("example.com/orders/cmd", "x.F", "/src/orders/cmd/x.go", "x.go", "SRCROOT");
}

// --- pprof ---

struct message {
	const unsigned char *at, *end;
	uint64_t field, number; /** of the last field read; a text's length */
};

static uint64_t varint(struct message *m)
{
	uint64_t n = 0;

	for (unsigned shift = 0;; shift += 7) {
		assert_true(m->at < m->end && shift < 64);
		n |= (uint64_t)(*m->at & 0x7f) << shift;
		if (!(*m->at++ & 0x80))
			return n;
	}
}

/** The next field; of a text, its bytes. False at the end. */
static bool next_field(struct message *m, struct message *inner)
{
	if (m->at == m->end)
		return false;
	uint64_t key = varint(m);
	m->field = key >> 3;
	m->number = varint(m);
	if ((key & 7) == 2) {
		assert_true(m->number <= (uint64_t)(m->end - m->at));
		*inner = (struct message){ .at = m->at, .end = m->at + m->number };
		m->at += m->number;
	} else {
		assert_int_equal(key & 7, 0);
	}
	return true;
}

static unsigned char *unpack(const char *text, size_t len, size_t *len_ret)
{
	enum { ROOM = 16 << 20 };
	unsigned char *bytes = malloc(ROOM);
	z_stream z = { .next_in = (unsigned char *)text,
		       .avail_in = (unsigned)len,
		       .next_out = bytes,
		       .avail_out = ROOM };

	assert_non_null(bytes);
	assert_int_equal(inflateInit2(&z, MAX_WBITS + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	*len_ret = z.total_out;
	inflateEnd(&z);
	return bytes;
}

/** Adds up the columns of all samples, and checks that all texts are inert. */
static size_t read_profile(const struct seep_report *report, struct seep_report_options options,
			   uint64_t sums[5])
{
	size_t len, samples = 0;
	_cleanup_free_ char *text = write_with("pprof", report, options, &len);

	memset(sums, 0, 5 * sizeof(*sums));
	_cleanup_free_ unsigned char *bytes = unpack(text, len, &len);
	struct message profile = { .at = bytes, .end = bytes + len }, inner, packed;
	while (next_field(&profile, &inner)) {
		if (profile.field == 6) {
			_cleanup_free_ char *one =
				strndup((const char *)inner.at, (size_t)(inner.end - inner.at));
			check_inert(one);
			assert_null(strchr(one, '\n'));
		}
		samples += profile.field == 2;
		while (profile.field == 2 && next_field(&inner, &packed))
			for (size_t i = 0; inner.field == 2 && packed.at < packed.end; i++) {
				assert_true(i < 5);
				sums[i] += varint(&packed);
			}
	}
	return samples;
}

static void profiles_add_up(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	uint64_t sums[5], retained = 0, wasted = 0, goroutines = 0, objects = 0;

	(void)state;
	fake_report_memory(&report);
	seep_vec_foreach(finding, &report.findings) {
		retained += finding->retained_bytes;
		wasted += finding->wasted_bytes;
		if (finding->noun)
			objects += finding->count;
		else if (finding->verdict < SEEP_VERDICT_SUSPECT)
			goroutines += finding->count;
	}
	read_profile(&report, (struct seep_report_options){}, sums);
	assert_int_equal(sums[0], goroutines);
	assert_int_equal(sums[1], objects);
	assert_int_equal(sums[2], retained);
	assert_int_equal(sums[3], wasted);
	assert_int_equal(sums[4], 0);
	seep_vec_foreach(finding, &report.findings)
		finding->verdict = SEEP_VERDICT_WAITING;
	read_profile(&report, (struct seep_report_options){ .all = true }, sums);
	assert_int_equal(sums[0], 0);
	assert_true(sums[4] > goroutines); // suspects, too
}

static void profiles_are_deterministic(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	size_t len, again;

	(void)state;
	fake_report_memory(&report);
	_cleanup_free_ char *a = write_with("pprof", &report, (struct seep_report_options){}, &len),
			    *b = write_with("pprof", &report, (struct seep_report_options){},
					    &again);
	assert_int_equal(len, again);
	assert_memory_equal(a, b, len);
	// No time in the header of gzip.
	assert_memory_equal(a + 4, "\0\0\0\0", 4);
}

static void hostile_names_in_profiles(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	uint64_t sums[5];

	(void)state;
	fake_report_hostile(&report);
	assert_true(read_profile(&report, (struct seep_report_options){ .all = true }, sums) > 5);
	// Those that are listed, and the others.
	assert_int_equal(read_profile(&report, (struct seep_report_options){ .top = 1 }, sums), 13);
	// A stack that claims more goroutines than there are gets what is left: 7 in all.
	struct seep_finding *last = &report.findings.data[report.findings.len - 1];
	seep_vec_foreach(finding, &report.findings)
		if (finding != last)
			finding->verdict = SEEP_VERDICT_SUSPECT;
	read_profile(&report, (struct seep_report_options){}, sums);
	assert_int_equal(sums[0], 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_as_before),
		cmocka_unit_test(hostile_names_are_inert),
		cmocka_unit_test(metrics_have_no_other_lines),
		cmocka_unit_test(equal_labels_are_one_series),
		cmocka_unit_test(what_was_not_looked_for_is_no_success),
		cmocka_unit_test(what_waits_is_no_failure),
		cmocka_unit_test(files_are_found_in_a_checkout),
		cmocka_unit_test(profiles_add_up),
		cmocka_unit_test(profiles_are_deterministic),
		cmocka_unit_test(hostile_names_in_profiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
