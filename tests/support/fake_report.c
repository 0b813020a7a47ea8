#include "support/fake_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct seep_frame_text *frames_of(struct seep_report *report,
					 const struct seep_frame_text *frames, size_t len)
{
	struct seep_frame_text *copy = seep_report_alloc(report, len * sizeof(*copy));

	assert_non_null(copy);
	memcpy(copy, frames, len * sizeof(*copy));
	return copy;
}

static void add_state(struct seep_report *report, const char *state, uint64_t count)
{
	assert_true(seep_vec_push(&report->goroutines.by_state,
				  (struct seep_state_count){ state, count }));
	report->goroutines.total += count;
}

static struct seep_finding *add_finding(struct seep_report *report, struct seep_finding finding)
{
	assert_true(seep_vec_push(&report->findings, finding));
	return &report->findings.data[report->findings.len - 1];
}

static void add_why(struct seep_finding *finding, const char *why)
{
	assert_true(seep_vec_push(&finding->why, why));
}

static void fill_target(struct seep_report *ret)
{
	seep_report_init(ret);
	ret->target.pid = 4242;
	ret->target.exe = "/usr/local/bin/orders";
	ret->target.main_path = "example.com/orders/cmd/orders";
	ret->target.module = "example.com/orders";
	ret->target.go = "go1.22.12";
	ret->target.arch = "amd64";
	ret->target.build_id = "8c5f1d2ab09e";
	ret->target.stripped = true;
	ret->capture.pause_ns = 12345678;
	ret->capture.total_ns = 480000000;
	ret->capture.read_bytes = UINT64_C(851443712);
	ret->capture.method = "stop-and-copy";
	ret->capture.threads = 31;
	ret->heap.objects = 1304331;
	ret->heap.bytes = UINT64_C(2260000000);
	ret->heap.reachable_objects = 1204331;
	ret->heap.reachable_bytes = UINT64_C(1932735283);
	ret->heap.garbage_bytes = UINT64_C(327155712);
	ret->heap.stack_bytes = 12582912;
}

/** Two stacks, of which the first is that of nearly all. */
static void add_stacks(struct seep_report *ret, struct seep_finding *finding,
		       const struct seep_frame_text *frames, size_t len)
{
	for (size_t i = 0; i < 2; i++)
		assert_true(seep_vec_push(
			&finding->stacks,
			((struct seep_finding_stack){ .frames = frames_of(ret, frames, len - i),
						      .frame_count = len - i,
						      .count = i ? 17 : finding->count - 20 })));
}

static void add_senders(struct seep_report *ret)
{
	static const struct seep_frame_text stack[] = {
		{ "runtime.gopark", "/usr/local/go/src/runtime/proc.go", 402 },
		{ "runtime.chansend", "/usr/local/go/src/runtime/chan.go", 259 },
		{ "runtime.chansend1", "/usr/local/go/src/runtime/chan.go", 145 },
		{ "example.com/orders/internal/pricing.(*Client).Quote.func1",
		  "/src/orders/internal/pricing/client.go", 118 },
		{ "golang.org/x/sync/errgroup.(*Group).Go.func1",
		  "/root/go/pkg/mod/golang.org/x/sync@v0.7.0/errgroup/errgroup.go", 78 },
		{ "runtime.goexit", "/usr/local/go/src/runtime/asm_amd64.s", 1695 },
	};
	struct seep_finding *finding = add_finding(
		ret,
		(struct seep_finding){
			.cause = "send-blocked",
			.verdict = SEEP_VERDICT_PROVEN,
			.signature = UINT64_C(0x00c0ffee12345678),
			.count = 2000,
			.retained_bytes = UINT64_C(1181116006),
			.age_ns = UINT64_C(11520000000000),
			.summary =
				"Blocked sending to a channel from which nobody is left to receive.",
			.fix = "Give the channel a buffer for every send (make(chan T, 1)), or select on ctx.Done() beside the send.",
			.where = { stack[3].function, stack[3].file, stack[3].line },
			.created = { "golang.org/x/sync/errgroup.(*Group).Go", stack[4].file, 75 },
		});

	add_why(finding,
		"Each of the 2,000 channels (chan *pricing.Quote, unbuffered) is reached only by the goroutine that sends to it.");
	add_why(finding,
		"No package variable, timer, finalizer or goroutine that can run leads to one of them.");
	for (uint64_t i = 0; i < 3; i++)
		assert_true(seep_vec_push(&finding->goroutines,
					  (struct seep_finding_goroutine){
						  .id = 7001 + i,
						  .state = "chan send",
						  .wait_ns = UINT64_C(11520000000000),
						  .wait_kind = "channel",
						  .wait_address = 0xc000123400 + i * 96,
						  .wait_type = "chan *pricing.Quote",
						  .frames = frames_of(ret, stack, 6),
						  .frame_count = 6,
					  }));
	add_stacks(ret, finding, stack, 6);
}

static void add_lockers(struct seep_report *ret)
{
	static const struct seep_frame_text stack[] = {
		{ "sync.runtime_SemacquireMutex", "/usr/local/go/src/runtime/sema.go", 77 },
		{ "sync.(*Mutex).lockSlow", "/usr/local/go/src/sync/mutex.go", 171 },
		{ "sync.(*Mutex).Lock", "/usr/local/go/src/sync/mutex.go", 90 },
		{ "main.lookup", "/src/orders/cmd/orders/registry.go", 31 },
		{ "main.(*server).handle", "/src/orders/cmd/orders/server.go", 204 },
		{ "net/http.HandlerFunc.ServeHTTP", "/usr/local/go/src/net/http/server.go", 2166 },
		{ "net/http.(*ServeMux).ServeHTTP", "/usr/local/go/src/net/http/server.go", 2683 },
		{ "net/http.serverHandler.ServeHTTP", "/usr/local/go/src/net/http/server.go",
		  3137 },
		{ "net/http.(*conn).serve", "/usr/local/go/src/net/http/server.go", 2039 },
	};
	struct seep_finding *finding = add_finding(
		ret,
		(struct seep_finding){
			.cause = "mutex-held",
			.verdict = SEEP_VERDICT_ABANDONED,
			.signature = 2,
			.count = 9,
			.retained_bytes = 151552,
			.age_ns = UINT64_C(754000000000),
			.summary =
				"Waits for a sync.Mutex that is locked and that nobody left will unlock.",
			.fix = "Unlock by defer right after Lock, so that early returns and panics release it too.",
			.where = { stack[3].function, stack[3].file, stack[3].line },
			.created = { "net/http.(*Server).Serve",
				     "/usr/local/go/src/net/http/server.go", 3285 },
		});

	add_why(finding,
		"The mutex main.registry is locked, and no goroutine has an Unlock of it ahead, in a frame or a pending defer.");
	add_why(finding,
		"main.lookup locks at registry.go:31 and returns at registry.go:34 without Unlock.");
	add_why(finding, "evidence 3");
	add_why(finding, "evidence 4");
	add_why(finding, "evidence 5");
	assert_true(seep_vec_push(&finding->goroutines, (struct seep_finding_goroutine){
								.id = 912,
								.state = "sync.Mutex.Lock",
								.wait_kind = "mutex",
								.wait_address = 0x12ab340,
								.frames = frames_of(ret, stack, 9),
								.frame_count = 9,
							}));
}

void fake_report_leaky(struct seep_report *ret)
{
	static const struct {
		const char *cause, *function;
		enum seep_verdict verdict;
		uint64_t count, bytes;
	} small[] = {
		{ "receive-blocked", "main.(*hub).subscribe.func2", SEEP_VERDICT_PROVEN, 3, 40960 },
		{ "lock-cycle", "main.transfer", SEEP_VERDICT_DEADLOCKED, 2, 16384 },
		{ "stopped-ticker",
		  "example.com/orders/internal/metrics.(*Reporter[go.shape.struct { Name string }]).loop",
		  SEEP_VERDICT_PROVEN, 1, 8192 },
		{ "waitgroup", "main.flush", SEEP_VERDICT_PROVEN, 1, 0 },
		{ "select-blocked", "main.poll", SEEP_VERDICT_SUSPECT, 12, 98304 },
	};

	fill_target(ret);
	ret->goroutines.user = 2386;
	ret->goroutines.leaked = 2016;
	ret->goroutines.waiting = 340;
	ret->goroutines.intended = 1;
	add_state(ret, "chan send", 2000);
	add_state(ret, "IO wait", 300);
	add_state(ret, "select", 52);
	add_state(ret, "sync.Mutex.Lock", 11);
	add_state(ret, "sleep", 10);
	add_state(ret, "chan receive", 8);
	add_state(ret, "running", 5);
	add_state(ret, "force gc (idle)", 5);
	add_senders(ret);
	add_lockers(ret);
	for (size_t i = 0; i < sizeof(small) / sizeof(*small); i++)
		add_finding(ret, (struct seep_finding){
					 .cause = small[i].cause,
					 .verdict = small[i].verdict,
					 .signature = i + 3,
					 .count = small[i].count,
					 .retained_bytes = small[i].bytes,
					 .summary = "Blocked.",
					 .fix = "Mend it.",
					 .where = { small[i].function,
						    "/src/orders/cmd/orders/main.go", 17 + (int)i },
				 });
	seep_report_note(ret, "where memory was allocated is not known");
	seep_report_caveat(
		ret,
		"2 of 31 threads did not stop in time; what their registers hold was not seen.");
}

static void suppress(struct seep_report *report, size_t i, const char *reason, const char *rule)
{
	struct seep_finding *findings = report->findings.data;

	assert_true(seep_vec_push(&report->suppressed,
				  ((struct seep_suppressed){ findings[i], reason, rule })));
	memmove(findings + i, findings + i + 1, (--report->findings.len - i) * sizeof(*findings));
}

void fake_report_known(struct seep_report *ret)
{
	fake_report_leaky(ret);
	suppress(ret, 1, "goes with the rewrite, OPS-1423", "leaks.supp:7");
	suppress(ret, 1, "goes with the rewrite, OPS-1423", "leaks.supp:7");
	suppress(ret, 1, NULL, NULL);
	ret->findings.data[0].known = "one for each group";
	ret->findings.data[0].known_source = "https://example.com/errgroup.go: Go";
	seep_report_caveat(ret,
			   "a rule has expired and suppresses nothing: leaks.supp:12 (2026-01-31)");
}

/** One finding of 100 strings cut from long ones. */
static void add_substrings(struct seep_report *ret)
{
	static const char *const path[] = { "main.cache", "[key]", ".session", ".buf" };
	static const struct seep_frame_text stack[] = {
		{ "runtime.mallocgc", "/usr/local/go/src/runtime/malloc.go", 1166 },
		{ "runtime.rawstring", "/usr/local/go/src/runtime/string.go", 271 },
		{ "io.ReadAll", "/usr/local/go/src/io/io.go", 712 },
		{ "main.readPage", "/src/orders/cmd/orders/page.go", 44 },
		{ "main.(*server).handle", "/src/orders/cmd/orders/server.go", 219 },
	};
	struct seep_finding *finding =
		add_finding(ret, (struct seep_finding){
					 .cause = "substring",
					 .verdict = SEEP_VERDICT_PROVEN,
					 .signature = 20,
					 .noun = "object",
					 .count = 100,
					 .retained_bytes = 104857600,
					 .wasted_bytes = 104855600,
					 .summary = "Short strings keep long ones alive.",
					 .fix = "Copy what is kept: strings.Clone(s[:20]).",
					 .holder = "map[int]main.record, .name",
					 .allocated = frames_of(ret, stack, 5),
					 .allocated_count = 5,
				 });

	add_why(finding,
		"Of each object of 1.0 MiB all that any string, slice or pointer sees is its first 20 bytes.");
	for (uint64_t i = 0; i < 3; i++)
		assert_true(seep_vec_push(&finding->objects,
					  ((struct seep_finding_object){
						  .address = 0xc000400000 + (i << 20),
						  .size = 1 << 20,
						  .has_visible = true,
						  .visible_bytes = 20,
						  .path = path,
						  .path_len = 4,
					  })));
}

/** One finding of 20 pairs that finalizers keep. */
static void add_finalizers(struct seep_report *ret)
{
	static const char *path[40];
	struct seep_finding *finding = add_finding(
		ret,
		(struct seep_finding){
			.cause = "finalizer-cycle",
			.verdict = SEEP_VERDICT_PROVEN,
			.signature = 21,
			.noun = "object",
			.count = 20,
			.retained_bytes = 41943040,
			.summary =
				"Objects with a finalizer reach themselves, so that the finalizer never runs.",
			.fix = "Break the cycle, or set the finalizer on an object that points to nothing.",
			.created = { "main.newHandle", "/src/orders/cmd/orders/handle.go", 12 },
		});

	path[0] = "finalizer of main.(*handle).close";
	for (size_t i = 1; i < 40; i++)
		path[i] = i < 30 ? ".next" : i % 2 ? ".peer" : ".owner";
	add_why(finding, "main.handle → .peer → main.handle");
	assert_true(seep_vec_push(&finding->objects, ((struct seep_finding_object){
							     .address = 0xc000800000,
							     .type = "main.handle",
							     .size = 1 << 20,
							     .path = path,
							     .path_len = 40,
						     })));
}

static void add_memory_findings(struct seep_report *ret)
{
	add_substrings(ret);
	add_finalizers(ret);
	struct seep_finding *slices = add_finding(
		ret,
		(struct seep_finding){
			.cause = "lost-elements",
			.verdict = SEEP_VERDICT_PROVEN,
			.signature = 22,
			.noun = "object",
			.count = 1,
			.wasted_bytes = 2097152,
			.summary = "A slice that moved on still holds what it no longer shows.",
			.fix = "Set elements to nil before the slice shrinks.",
			.holder =
				"map[string]struct { Head []example.com/orders/internal/pricing.Entry; Rest []uint8 }, .Head",
		});
	assert_true(seep_vec_push(&slices->objects, ((struct seep_finding_object){
							    .address = 0xc000900000,
							    .type = "[]uint8",
							    .size = 2097152,
							    .has_visible = true,
						    })));
	add_finding(ret, (struct seep_finding){
				 .cause = "ticker",
				 .verdict = SEEP_VERDICT_PROVEN,
				 .signature = 23,
				 .noun = "timer",
				 .count = 500,
				 .retained_bytes = 53248,
				 .summary = "Running tickers whose channel nobody reads.",
				 .fix = "defer t.Stop() where the ticker is made.",
				 .where = { "main.(*poller).start",
					    "/src/orders/cmd/orders/poller.go", 61 },
			 });
	add_finding(ret, (struct seep_finding){
				 .cause = "array-by-value",
				 .verdict = SEEP_VERDICT_SUSPECT,
				 .signature = 24,
				 .noun = "function",
				 .count = 1,
				 .summary = "A function takes 7.6 MiB by value.",
				 .fix = "Take a pointer.",
				 .where = { "main.sum", "/src/orders/cmd/orders/sum.go", 9 },
			 });
	struct seep_finding *bloat = add_finding(
		ret, (struct seep_finding){
			     .cause = "map-bloat",
			     .verdict = SEEP_VERDICT_SUSPECT,
			     .signature = 25,
			     .noun = "map",
			     .count = 1,
			     .retained_bytes = 39845888,
			     .wasted_bytes = 39840000,
			     .summary = "A map has room for far more entries than it holds.",
			     .fix = "Make a new map once most entries are gone; Go's never shrink.",
			     .holder = "main.index",
		     });

	add_why(bloat, "Room for 1,703,936 entries, 12 are in use.");
	add_why(bloat, "Missing for a proof: that it will not be filled again.");
	seep_report_sort(ret);
}

static void add_part(struct seep_report *ret, const char *name, uint64_t bytes)
{
	assert_true(seep_vec_push(&ret->memory.parts, ((struct seep_ledger_part){ name, bytes })));
	ret->memory.rss += bytes;
}

static void add_ledger(struct seep_report *ret)
{
	add_part(ret, "live heap", 1932735283);
	add_part(ret, "free heap, not returned", 402653184);
	add_part(ret, "garbage, not yet collected", 327155712);
	add_part(ret, "binary", 15728640);
	add_part(ret, "goroutine stacks", 12582912);
	add_part(ret, "runtime metadata", 11534336);
	add_part(ret, "shared memory and mapped files", 1048576);
	add_part(ret, "thread stacks", 262144);
	add_part(ret, "C and other anonymous memory", 0);
	ret->memory.gogc = 100;
	ret->memory.next_gc = 3650722201;
	ret->memory.memory_limit = UINT64_MAX;
	ret->memory.cgroup_limit = UINT64_C(4) << 30;
	ret->memory.cgroup_usage = 2857740885;
	ret->types.objects = 1204331;
	ret->types.typed_objects = 1168201;
	ret->types.bytes = 1932735283;
	ret->types.typed_bytes = 1896012345;
	assert_true(seep_vec_push(
		&ret->types.untyped,
		((struct seep_ledger_part){ "reached through unsafe.Pointer only", 30000000 })));
	assert_true(
		seep_vec_push(&ret->types.untyped,
			      ((struct seep_ledger_part){ "reached from stacks only", 6722938 })));
}

static void add_holders(struct seep_report *ret)
{
	static const char *const sessions[] = { ".sessions", "[key]" };
	static const struct seep_holder holders[] = {
		{ "variable", "main.cache", 1, 48, 1181116006, sessions, 2,
		  "map[string]*main.session, 20,000 entries" },
		{ "type", "*example.com/orders/internal/pricing.Quote", 400123, 38411808, 614400000,
		  NULL, 0, NULL },
		{ "goroutine", "goroutine 17 (main.worker)", 1, 8192, 300000000, NULL, 0, NULL },
		{ "object", "0xc000123000 (main.pool)", 1, 4096, 200000000, NULL, 0, NULL },
	};

	for (size_t i = 0; i < sizeof(holders) / sizeof(*holders); i++)
		assert_true(seep_vec_push(&ret->holders, holders[i]));
}

void fake_report_memory(struct seep_report *ret)
{
	fake_report_leaky(ret);
	add_memory_findings(ret);
	add_ledger(ret);
	add_holders(ret);
}

void fake_report_suspect(struct seep_report *ret)
{
	fake_report_clean(ret);
	add_finding(ret, (struct seep_finding){
				 .cause = "map-bloat",
				 .verdict = SEEP_VERDICT_SUSPECT,
				 .signature = 25,
				 .noun = "map",
				 .count = 2,
				 .retained_bytes = 39845888,
				 .summary = "Maps have room for far more entries than they hold.",
				 .holder = "main.index",
			 });
}

void fake_report_clean(struct seep_report *ret)
{
	fill_target(ret);
	ret->goroutines.user = 12;
	ret->goroutines.waiting = 11;
	ret->goroutines.intended = 1;
	add_state(ret, "IO wait", 9);
	add_state(ret, "select", 3);
}

/** Names that mean something in a format that others read. */
static void add_markup(struct seep_report *ret)
{
	static const char *const path[] = { "main.a\"b", "[key]</testcase>", ".\xef\xbf\xbe]]>",
					    ".x](http://evil.example/){0}" };
	static const struct seep_frame_text stack[] = {
		{ "main.f[go.shape.struct { X \"a\\b\" }]]>", "/src/</failure>/../a b\"'&.go", 7 },
		{ "main.\xed\xa0\x80<script>", "https://evil.example/x.go", 8 },
		{ "example.com/orders/a.F\"} 1\n# EOF\n", "/src/orders/a/%2e%2e#x?y.go", 9 },
	};
	struct seep_finding *finding =
		add_finding(ret, (struct seep_finding){
					 .cause = "lost-elements",
					 .verdict = SEEP_VERDICT_PROVEN,
					 .signature = 7,
					 .noun = "object",
					 .count = 3,
					 .retained_bytes = 1000,
					 .wasted_bytes = 900,
					 .summary = "</failure>]]><!-- [a](b) {0} -->",
					 .fix = "\" onload=\"x\"",
					 .holder = "main.<b>\"\n# TYPE x gauge\\",
					 .created = stack[1],
				 });

	assert_true(seep_vec_push(
		&finding->objects,
		((struct seep_finding_object){
			.address = 1, .type = "</a>", .path = path, .path_len = 4 })));
	finding = add_finding(ret, (struct seep_finding){
					   .cause = "mutex-held",
					   .verdict = SEEP_VERDICT_DEADLOCKED,
					   .signature = 7,
					   .count = 7,
					   .retained_bytes = 1001,
					   .where = stack[2],
				   });
	// More than there are goroutines.
	for (size_t i = 0; i < 3; i++)
		assert_true(seep_vec_push(
			&finding->stacks,
			((struct seep_finding_stack){ .frames = frames_of(ret, stack, 3),
						      .frame_count = i ? 3 : 0,
						      .count = i == 2 ? UINT64_MAX : 1 })));
}

static void add_hostile_memory(struct seep_report *ret, const char *huge)
{
	static const char *path[20000];
	struct seep_finding *finding = add_finding(ret, (struct seep_finding){
								.cause = "substring",
								.verdict = SEEP_VERDICT_PROVEN,
								.noun = "object",
								.count = UINT64_MAX,
								.retained_bytes = UINT64_MAX,
								.wasted_bytes = UINT64_MAX,
								.holder = "map[\033[2Jx]\r\n",
							});

	for (size_t i = 0; i < 20000; i++)
		path[i] = i % 4 == 0 ? (i < 12 ? huge : "x") :
			  i % 4 == 1 ? NULL :
			  i % 4 == 2 ? ".\033[31m" :
				       "";
	for (size_t i = 0; i < 12; i++)
		assert_true(seep_vec_push(&finding->objects, ((struct seep_finding_object){
								     .address = UINT64_MAX,
								     .type = i ? huge : "\033c",
								     .size = UINT64_MAX,
								     .has_visible = true,
								     .visible_bytes = UINT64_MAX,
								     .path = path,
								     .path_len = i ? 30 : 20000,
							     })));
	for (size_t i = 0; i < 2; i++)
		add_finding(ret, (struct seep_finding){ .cause = "subslice",
							.noun = "object",
							.wasted_bytes = UINT64_MAX,
							.holder = i ? huge : "" });
	assert_true(
		seep_vec_push(&ret->holders, ((struct seep_holder){ .name = "\033[31m",
								    .count = UINT64_MAX,
								    .retained_bytes = UINT64_MAX,
								    .path = path,
								    .path_len = 20000,
								    .point = huge })));
	assert_true(seep_vec_push(&ret->holders, ((struct seep_holder){})));
	ret->memory.rss = UINT64_MAX;
	ret->memory.gogc = INT64_MAX;
	ret->memory.memory_limit = ret->memory.cgroup_limit = UINT64_MAX - 1;
	ret->memory.next_gc = UINT64_MAX;
	for (size_t i = 0; i < 20; i++)
		assert_true(seep_vec_push(
			&ret->memory.parts,
			((struct seep_ledger_part){ i % 2 ? huge : "\033[2J", UINT64_MAX })));
	ret->types.objects = ret->types.bytes = ret->types.typed_objects = UINT64_MAX;
	assert_true(seep_vec_push(&ret->types.untyped,
				  ((struct seep_ledger_part){ NULL, UINT64_MAX })));
}

void fake_report_hostile(struct seep_report *ret)
{
	static char huge[100001];
	static const struct seep_frame_text stack[] = {
		{ "main.\033[2J\033[31mred\a", "/src/\r\n1. proven fake\n.go", 3 },
		{ huge, huge, 2147483647 },
		{ NULL, NULL, 0 },
		{ "main.\xff\xfe", "\xc3(", -7 },
		{ "main.\xe2\x80\xaegnp.og",
		  "/src/\xc2\x9b"
		  "31m.go",
		  1 },
	};
	struct seep_finding *finding;

	memset(huge, 'A', sizeof(huge) - 1);
	fill_target(ret);
	ret->target.exe = "/tmp/\033]0;owned\a\xff (deleted)";
	ret->target.go = "devel \033[5m";
	add_state(ret, "chan\033[0m send", UINT64_MAX / 2);
	add_state(ret, huge, 1);
	finding = add_finding(ret, (struct seep_finding){
					   .cause = "send-blocked",
					   .verdict = SEEP_VERDICT_PROVEN,
					   .signature = UINT64_MAX,
					   .count = UINT64_MAX,
					   .retained_bytes = UINT64_MAX,
					   .age_ns = UINT64_MAX,
					   .summary = huge,
					   .fix = "\033[31mrm -rf\n",
					   .where = stack[0],
					   .created = stack[1],
				   });
	add_why(finding, huge);
	add_why(finding, NULL);
	for (size_t i = 0; i < 12; i++)
		assert_true(seep_vec_push(&finding->goroutines,
					  (struct seep_finding_goroutine){
						  .id = UINT64_MAX,
						  .state = i ? huge : NULL,
						  .wait_ns = UINT64_MAX,
						  .wait_kind = "channel",
						  .wait_address = UINT64_MAX,
						  .wait_type = "chan \xf0\x9f\x92\xa3\xf0\x9f",
						  .frames = frames_of(ret, stack, 5),
						  .frame_count = 5,
					  }));
	add_finding(ret, (struct seep_finding){ .verdict = (enum seep_verdict)99 });
	add_hostile_memory(ret, huge);
	add_finding(ret, (struct seep_finding){ .known = huge, .known_source = "\033[31m" });
	add_finding(ret, (struct seep_finding){ .cause = "\033[31m" });
	suppress(ret, ret->findings.len - 1, "\033[2J", "\033]0;owned\a:1");
	add_finding(ret, (struct seep_finding){ .retained_bytes = UINT64_MAX });
	suppress(ret, ret->findings.len - 1, huge, huge);
	add_markup(ret);
	seep_report_caveat(ret, "a caveat with %s", "\033[31mred");
}

void golden_check(const char *name, const char *text)
{
	_cleanup_free_ char *path = NULL, *want = NULL;
	const char *folder = getenv("SEEP_GOLDEN"), *slash = strrchr(__FILE__, '/');
	size_t cap = 0;

	if (folder)
		assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	else
		assert_true(asprintf(&path, "%.*s/../golden/%s", (int)(slash - __FILE__), __FILE__,
				     name) > 0);
	if (getenv("SEEP_UPDATE")) {
		FILE *out = fopen(path, "w");

		assert_non_null(out);
		assert_true(fputs(text, out) >= 0);
		assert_int_equal(fclose(out), 0);
		return;
	}
	FILE *in = fopen(path, "r");
	if (!in)
		fail_msg("%s: missing; SEEP_UPDATE=1 writes it", path);
	ssize_t len = getdelim(&want, &cap, 0, in);
	fclose(in);
	if (len < 0 || strcmp(want, text) != 0)
		fail_msg("%s differs; SEEP_UPDATE=1 rewrites it. Got:\n%s", path, text);
}
