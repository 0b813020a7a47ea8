// Former reports, and a report that is compared with them.
#include "sift/sift.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	_cleanup_(seep_sift_deinit) struct seep_sift sift = {};
	struct seep_finding finding = {
		.cause = "ticker", .signature = 7, .count = 9, .verdict = SEEP_VERDICT_DEADLOCKED
	};
	struct seep_error *err =
		seep_baseline_parse(&sift.baseline, "input", (const char *)data, size);

	seep_report_init(&report);
	report.target.exe = "/a/b";
	if (!err && seep_vec_push(&report.findings, finding) &&
	    seep_vec_push(&report.findings, finding))
		err = seep_sift_apply(&sift, &report);
	seep_error_destroy(err);
	return 0;
}
