#!/usr/bin/env python3
"""Has the tools that seep writes reports for read them, and compares what they read with the JSON report.

`go tool pprof` reads profiles, Prometheus' linter and OpenMetrics parser metrics, a reader of JUnit reports and Python's XML
parser test results, the standard's schema SARIF, and docs/schema/ JSON: of programs of the catalogue that leak, and of reports made by
hand with names that mean something in one of the formats. Each look at a program is a stop of its own; the programs are at rest, so the
findings are the same.

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import pty
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import xml.etree.ElementTree

import run_programs as programs

READER = pathlib.Path(__file__).resolve().parent / "formats"
SCHEMAS = programs.ROOT / "docs" / "schema"
CAUSES = {path.stem for path in (programs.ROOT / "docs" / "causes").glob("*.md")} - {"growth"}  # which takes two looks
RELEASE = "1.27"
CASES = [
    "send-blocked/leak", "lock-cycle/leak-dependents", "receive-blocked/leak-chain", "finalizer-stuck/leak",
    "substring/leak", "lost-elements/leak-trees", "ticker/leak", "array-by-value/leak", "defer-pileup/leak",
    "map-bloat/leak", "idioms/ok-slog",
]
FAKES = ["leaky", "memory", "suspect", "clean", "hostile", "known"]
LEVELS = {"suspect": "warning"}
LEAKED = ("proven", "deadlocked", "abandoned")
# What pprof hides of a stack, below the frame that is of interest.
PARKING = re.compile(r"runtime\.|internal/sync\.runtime_|sync\.runtime_|internal/poll\.runtime_")
LARGE = 64 << 10
NO_NETWORK = re.compile(rb"dial tcp|no such host|module lookup disabled|timeout")
EXIT_FINDINGS, EXIT_USAGE, EXIT_PARTIAL = 1, 2, 6


class Tools:
    """The commands that are asked."""

    def __init__(self, seep, folder):
        self.seep, self.folder = seep, pathlib.Path(folder)
        self.fakes = seep.parent / "tests" / "fake_reports"
        self.go, self.release = programs.go_command(RELEASE)
        self.env = programs.go_environment(False) | {"SEEP_GO": self.go}
        self.reader = self.folder / "reader"
        built = self.run([self.go, "build", "-buildvcs=false", "-o", self.reader, "."])
        if built.returncode != 0 and NO_NETWORK.search(built.stderr):
            raise programs.Skip("the readers' modules cannot be fetched: " + built.stderr.decode().splitlines()[-1])
        if built.returncode != 0:
            raise programs.Failure("the readers cannot be built", *built.stderr.decode("utf-8", "replace").splitlines()[-20:])
        # `go tool pprof` itself, without the second that go takes to find it each time.
        self.profiler = self.must([self.go, "tool", "-n", "pprof"]).strip()
        self.strict, self.strict_diff = (self.strict_schema(f"{name}.schema.json") for name in ("seep-1", "seep-diff-1"))
        self.stacks = self.folder / "stacks"
        self.must([self.go, "build", "-buildvcs=false", "-trimpath", "-o", self.stacks, "./stacks"])
        self.binary = programs.build(self.go, self.release, "plain", programs.source_hash())

    def strict_schema(self, name):
        """A copy that takes no keys but those that it names."""
        path = self.folder / name
        path.write_text(json.dumps(closed(json.loads((SCHEMAS / name).read_text(encoding="utf-8")))))
        return path

    def run(self, command):
        """Its result, text."""
        return subprocess.run(
            command, cwd=READER, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=programs.SEEP_SECONDS,
        )

    def must(self, command):
        """Its output as text; Failure unless it succeeds."""
        result = self.run(command)
        if result.returncode != 0:
            raise programs.Failure(
                f"{' '.join(map(str, command))}: {result.returncode}",
                *result.stderr.decode("utf-8", "replace").splitlines()[-20:],
            )
        return result.stdout.decode("utf-8")

    def read(self, how, path):
        """What the reader has read."""
        return json.loads(self.must([self.reader, how, path]))

    def pprof(self, *arguments):
        """What pprof prints."""
        return self.must([self.profiler, *arguments])


def closed(schema):
    """The schema that takes no keys but those that it names."""
    if isinstance(schema, list):
        return [closed(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(inner) for key, inner in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        schema.setdefault("additionalProperties", False)
    return schema


def expect(what, got, wanted):
    """Fails unless they are equal."""
    if got != wanted:
        raise programs.Failure(f"{what}: {got}", f"wanted: {wanted}")


# --- what each format says, in the form it is compared in ---


def read_raw(text):
    """(names of the columns, samples) of `pprof -raw`; a sample is (values, labels, stack)."""
    lines = iter(text.splitlines())
    for line in lines:
        if line == "Samples:":
            break
    types = [word.removesuffix("[dflt]") for word in next(lines).split()]
    samples = []
    for line in lines:
        if line == "Locations":
            break
        if match := re.fullmatch(r"\s*([\d ]+): ([\d ]*)", line):
            samples.append(([int(n) for n in match[1].split()], {}, match[2].split()))
        else:
            samples[-1][1].update(re.findall(r"(\w+):\[(.*?)\]", line))
    frames = {}
    for line in lines:
        if line == "Mappings":
            break
        if match := re.fullmatch(r"\s*(\d+): 0x0 (?:M=1 )?(.*) (\S*):(\d+):\d+ s=\d+", line):
            frames[match[1]] = (match[2], match[3], int(match[4]))
    return types, [(values, labels, [frames[i] for i in stack]) for values, labels, stack in samples]


def amounts(finding):
    """What the columns of its samples must add up to."""
    leaked = finding["verdict"] in LEAKED
    about_goroutines = finding["noun"] == "goroutine"
    return [
        (finding["count"] if about_goroutines else len(finding["goroutines"])) if leaked else 0,
        0 if about_goroutines else finding["count"],
        finding["retained_bytes"],
        finding.get("wasted_bytes", 0),
    ]


def key(holder):
    """What tells findings apart."""
    return holder["cause"], holder["verdict"], holder["signature"]


def check_stack(finding, stack):
    """That it is that of one of the goroutines that are listed, but for the runtime's own innermost frames."""
    for goroutine in finding["goroutines"]:
        whole = [(f.get("function", "?"), f.get("file", ""), f.get("line", 0)) for f in goroutine["stack"]]
        hidden = whole[: len(whole) - len(stack)]
        if stack and whole[-len(stack):] == stack and all(PARKING.match(frame[0]) for frame in hidden):
            return
    raise programs.Failure(f"no goroutine of {finding['cause']} has this stack: {stack}")


def check_pprof(tools, path, report):
    """Against the findings of the JSON report."""
    types, samples = read_raw(tools.pprof("-raw", path))
    expect("sample types", types, ["goroutines/count", "objects/count", "retained/bytes", "wasted/bytes"])
    sums = collections.defaultdict(lambda: [0] * 4)
    for values, labels, stack in samples:
        expect("labels", sorted(labels), ["cause", "signature", "verdict"])
        sums[key(labels)] = [a + b for a, b in zip(sums[key(labels)], values)]
        finding = next(f for f in report["findings"] if key(f) == key(labels))
        if finding["noun"] == "goroutine":
            check_stack(finding, stack)
        elif finding["noun"] != "goroutine" and "where" in finding and not finding["goroutines"]:
            expect("innermost frame", stack[0][0], finding["where"]["function"])
    expect("profile", dict(sums), {key(f): amounts(f) for f in report["findings"]})
    total = sum(f["retained_bytes"] for f in report["findings"])
    top = tools.pprof("-top", "-unit=B", "-sample_index=retained", path)
    match = re.search(r"accounting for \d+B?, .* of (\d+)B? total", top)
    expect("bytes in pprof -top", int(match[1]) if match else 0, total)


def check_prom(tools, path, report):
    """Against the findings and the counts of the JSON report."""
    found = collections.defaultdict(dict)
    for sample in tools.read("prom", path):
        labels = sample["Labels"]
        name = labels.pop("__name__")
        if set(labels) - {"cause", "verdict", "signature"}:
            raise programs.Failure(f"labels of {name}: {labels}")
        found[name][tuple(labels.get(l, "") for l in ("cause", "verdict", "signature"))] = sample["Value"]
    wanted = {
        "seep_occurrences": lambda f: f["count"],
        "seep_leaked_goroutines": lambda f: amounts(f)[0],
        "seep_retained_bytes": lambda f: f["retained_bytes"],
        "seep_wasted_bytes": lambda f: f.get("wasted_bytes", 0),
    }
    for name, value in wanted.items():
        expect(name, found[name], {key(f): value(f) for f in report["findings"] if value(f)})
    numbers = collections.Counter((f["cause"], f["verdict"], "") for f in report["findings"])
    expect("seep_findings", found["seep_findings"], dict(numbers))
    expect("seep_goroutines", found["seep_goroutines"], {("", "", ""): report["goroutines"]["user"]})


def check_xml(path):
    """The rules of JUnit's reports as Jenkins states them: which elements and attributes, in which order, and that counts agree."""
    attributes = {
        "testsuites": {"name", "tests", "failures", "errors"},
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
        "testcase": {"classname", "name"},
        "failure": {"type", "message"},
        "skipped": {"message"},
        "system-out": set(),
    }
    inner = {
        "testsuites": "(testsuite )*",
        "testsuite": "(testcase )*(system-out )?",
        "testcase": "(skipped )?(failure )*(system-out )?",
    }
    root = xml.etree.ElementTree.parse(path).getroot()
    expect("root of the XML", root.tag, "testsuites")
    for element in root.iter():
        expect(f"attributes of {element.tag}", set(element.attrib), attributes[element.tag])
        tags = "".join(child.tag + " " for child in element)
        if not re.fullmatch(inner.get(element.tag, ""), tags):
            raise programs.Failure(f"{element.tag} has {tags}")
    suite = root.find("testsuite")
    cases = suite.findall("testcase")
    for element in (root, suite):
        expect("tests", int(element.get("tests")), len(cases))
        expect("failures", int(element.get("failures")), sum(c.find("failure") is not None for c in cases))
    expect("skipped", int(suite.get("skipped")), sum(c.find("skipped") is not None for c in cases))
    return {c.get("name").split(":")[0]: [f.get("type") for f in c.findall("failure")] for c in cases}


def check_junit(tools, path, report):
    """Against the causes that the JSON report has findings of."""
    failures = check_xml(path)
    wanted = {cause: [] for cause in CAUSES}
    for finding in report["findings"]:
        wanted[finding["cause"]].append(finding["verdict"])
    expect("test cases", failures, wanted)
    (suite,) = tools.read("junit", path)
    states = {test["name"].split(":")[0]: test["status"] for test in suite["tests"]}
    expect("states", states, {cause: "failed" if wanted[cause] else "passed" for cause in CAUSES})


def resolve(run, location):
    """The (file, line) of a location."""
    physical = location["physicalLocation"]
    artifact, base = physical["artifactLocation"], ""
    if "uriBaseId" in artifact:
        base = run["originalUriBaseIds"][artifact["uriBaseId"]].get("uri", "")
    path = urllib.request.url2pathname((base + artifact["uri"]).removeprefix("file://"))
    return path, physical.get("region", {}).get("startLine", 0)


def check_sarif(tools, path, report):
    """By the schema, and against the findings of the JSON report."""
    tools.read("sarif", path)
    (run,) = json.loads(path.read_text(encoding="utf-8"))["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    expect("rules", set(rules), CAUSES)
    results = [
        (r["ruleId"], rules[r["ruleIndex"]], r["level"], r["partialFingerprints"]["seep/v1"]) for r in run["results"]
    ]
    expect(
        "results", results,
        [(f["cause"], f["cause"], LEVELS.get(f["verdict"], "error"), f["signature"]) for f in report["findings"]],
    )
    for result, finding in zip(run["results"], report["findings"]):
        if "where" not in finding:
            continue
        where = (finding["where"]["file"], finding["where"]["line"])
        expect("place", resolve(run, result["locations"][0]), where)
        artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
        in_checkout = "/".join(pathlib.Path(where[0]).parts[-2:])
        expect("file in a checkout", artifact, {"uri": in_checkout, "uriBaseId": "SRCROOT"})
    # JSON has the notes among them.
    caveats = {n["message"]["text"] for n in run["invocations"][0]["toolExecutionNotifications"]}
    expect("caveats that JSON does not have", caveats - set(report["caveats"]), set())


CHECKS = {"pprof": check_pprof, "prom": check_prom, "junit": check_junit, "sarif": check_sarif}


# --- programs of the catalogue ---


def ask(tools, process, name, *arguments, status=0):
    """seep's report, in a file."""
    path = tools.folder / name
    result = tools.run([tools.seep, *arguments, "-o", path, str(process.pid)])
    if result.returncode == programs.EXIT_NOT_PERMITTED and not programs.may_trace():
        raise programs.Skip("no right to attach to a process here")
    expect(f"exit status of {' '.join(arguments)}", (result.returncode, result.stderr), (status, b""))
    return path


def with_program(tools, case, look):
    """Has look see the running case."""
    with_command([tools.binary, *case.split("/")], look)


def with_command(command, look):
    """Has look see a program that says when it is ready."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if not k.startswith("GO")},
    )
    try:
        programs.await_ready(process, time.monotonic() + programs.READY_SECONDS)
        look(process)
        programs.check_unharmed(process)
    finally:
        process.stdin.close()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def check_program(tools, case):
    """Every format of one program."""
    name = case.replace("/", "-")

    def look(process):
        path = ask(tools, process, f"{name}.json", "--json")
        tools.read(tools.strict, path)
        report = json.loads(path.read_text(encoding="utf-8"))
        status = EXIT_FINDINGS if any(f["verdict"] != "waiting" for f in report["findings"]) else 0
        expect("leaks", bool(status), "/leak" in case)
        for form, check in CHECKS.items():
            path = ask(tools, process, f"{name}.{form}", f"--format={form}", "--fail-on=suspect", status=status)
            check(tools, path, report)
        again = ask(tools, process, f"{name}.again", "--format=pprof")
        looks = [re.sub(r"^Time: .*", "", tools.pprof("-raw", path), flags=re.M) for path in (again, tools.folder / f"{name}.pprof")]
        expect("profile of the second look", looks[0], looks[1])

    with_program(tools, case, look)


def check_stacks(tools):
    """Of more goroutines than are listed, each stands at its stack; and where -trimpath leaves the files."""

    def look(process):
        _, samples = read_raw(tools.pprof("-raw", ask(tools, process, "stacks.pprof", "--format=pprof")))
        told = sorted((values[0], [frame[0] for frame in stack[:-1]]) for values, _, stack in samples)
        expect("stacks", told, [(12, ["main.block", "main.detour", "main.run", "main.main.gowrap1"]),
                                (30, ["main.block", "main.run", "main.main.gowrap1"])])
        path = ask(tools, process, "stacks.sarif", "--format=sarif")
        tools.read("sarif", path)
        (result,) = json.loads(path.read_text(encoding="utf-8"))["runs"][0]["results"]
        expect("stacks in SARIF", sorted(s["message"]["text"] for s in result["stacks"]), ["12 goroutines", "30 goroutines"])
        artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
        expect("file in a checkout", artifact, {"uri": "stacks/main.go", "uriBaseId": "SRCROOT"})

    with_command([tools.stacks], look)


def check_top(tools):
    """seep top and seep why, and what they refuse."""

    def look(process):
        path = ask(tools, process, "top.json", "top", "--json")
        tools.read(tools.strict, path)
        report = json.loads(path.read_text(encoding="utf-8"))["top"]
        types, samples = read_raw(tools.pprof("-raw", ask(tools, process, "top.pprof", "top", "--format=pprof")))
        expect("sample types", types, ["variables/bytes", "types/bytes", "goroutines/bytes"])
        # What the runtime has for itself is not at rest.
        for column, kind in enumerate(("variables", "types", "goroutines")):
            told = sorted((stack[-1][0], values[column]) for values, _, stack in samples if values[column] >= LARGE)
            wanted = [(h["name"], h["retained_bytes"]) for h in report[kind] if h["retained_bytes"] >= LARGE]
            # Goroutines lose their numbers.
            wanted = [(re.sub(r"^goroutine \d+", "goroutine", name), size) for name, size in wanted]
            expect(kind, told, sorted(wanted))
        result = tools.run([tools.seep, "why", "--json", str(process.pid), "string"])
        (tools.folder / "why.json").write_bytes(result.stdout)
        tools.read(tools.strict, tools.folder / "why.json")
        for command in ("top", "why"):
            result = tools.run([tools.seep, command, "--format=junit", str(process.pid)])
            expect(f"{command} --format=junit", result.returncode, EXIT_USAGE)
            if b"text" not in result.stderr:
                raise programs.Failure(f"not told what it knows: {result.stderr}")

    with_program(tools, "substring/leak", look)


def check_diff(tools):
    """seep diff of two processes that have nothing in common, each way, and what it refuses."""
    rules = tools.folder / "diff.supp"
    rules.write_text("cause map-bloat\nreason x\n\ncause send-blocked\nreason x\n")

    def with_both(first, second):
        for before, after, leaks in ((first, second, {("send-blocked", False), ("map-bloat", True)}),
                                     (second, first, {("send-blocked", True), ("map-bloat", False)})):
            for options in ([], ["--suppress", rules]):
                path = tools.folder / "diff.json"
                result = tools.run([tools.seep, "diff", "--json", "--fail-on=proven", *options, "-o", path,
                                    str(before.pid), str(after.pid)])
                failed = ("send-blocked", True) in leaks and not options
                expect("exit status of seep diff", result.returncode, EXIT_FINDINGS if failed else 0)
                tools.read(tools.strict_diff, path)
                report = json.loads(path.read_text(encoding="utf-8"))
                found = {(f["cause"], f["count"][1] > f["count"][0]) for f in report["findings"] if f["cause"] != "growth"}
                taken = {f["cause"] for f in report.get("suppressed", [])}
                expect("findings", found, set() if options else leaks)
                expect("suppressed", taken, {"map-bloat", "send-blocked"} if options else set())
        for form in ("html", "pprof", "prom", "junit", "sarif"):
            result = tools.run([tools.seep, "diff", f"--format={form}", str(first.pid), str(second.pid)])
            expect(f"diff --format={form}", result.returncode, EXIT_USAGE)
            if b"text and json" not in result.stderr:
                raise programs.Failure(f"not told what it knows: {result.stderr}")

    with_program(tools, "send-blocked/leak", lambda a: with_program(tools, "map-bloat/leak", lambda b: with_both(a, b)))


def check_web(tools):
    """pprof's own pages show the profile."""

    def look(process):
        path = ask(tools, process, "web.pprof", "--format=pprof")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        server = subprocess.Popen(
            [tools.profiler, f"-http={address}", "-no_browser", path], env=tools.env, cwd=READER,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )
        try:
            pages = fetch(server, address)
        finally:
            os.killpg(server.pid, 15)
            server.wait()
        for page, text in pages.items():
            if "main.entry" not in text and "substring" not in text:
                raise programs.Failure(f"{page} does not show it")

    with_program(tools, "substring/leak", look)


def fetch(server, address):
    """The pages, as soon as the server answers."""
    deadline = time.monotonic() + programs.READY_SECONDS
    while True:
        try:
            return {
                page: urllib.request.urlopen(f"http://{address}/{page}", timeout=10).read().decode("utf-8")
                for page in ("ui/flamegraph?si=wasted", "ui/top?si=wasted")
            }
        except OSError as error:
            if time.monotonic() > deadline or server.poll() is not None:
                raise programs.Failure(f"pprof -http does not answer: {error}") from error
            time.sleep(0.1)


def check_little_memory(tools):
    """What memory did not suffice for is skipped, and no success."""

    def look(process):
        for limit in range(8, 400, 2):
            path = tools.folder / "little.xml"
            result = tools.run(
                [tools.seep, "--format=junit", f"--max-mem={limit}M", "-o", path, str(process.pid)]
            )
            if path.exists():
                break
        expect("exit status", result.returncode, EXIT_PARTIAL)
        check_xml(path)
        (suite,) = tools.read("junit", path)
        skipped = {t["name"].split(":")[0] for t in suite["tests"] if t["status"] == "skipped"}
        details = {"ticker", "map-bloat", "pool-bloat"}
        if skipped not in (details, details | {"substring", "subslice", "lost-elements"}):
            raise programs.Failure(f"skipped: {skipped}")

    with_program(tools, "lost-elements/leak-many", look)


def check_terminal(tools):
    """A profile is not written to a terminal, and the message says what to do."""

    def look(process):
        ours, theirs = pty.openpty()
        try:
            result = subprocess.run(
                [tools.seep, "--format=pprof", str(process.pid)], stdin=subprocess.DEVNULL, stdout=theirs,
                stderr=subprocess.PIPE, check=False, timeout=programs.SEEP_SECONDS,
            )
        finally:
            os.close(ours)
            os.close(theirs)
        expect("exit status", result.returncode, EXIT_USAGE)
        if b"-o FILE" not in result.stderr:
            raise programs.Failure(f"no remedy in {result.stderr}")

    with_program(tools, "send-blocked/leak", look)


# --- reports made by hand ---


def check_fake(tools, kind):
    """Every format of a report made by hand can be read, whatever the names in it."""
    for form in ("json", *CHECKS):
        path = tools.folder / f"fake-{kind}.{form}"
        path.write_bytes(tools.run([tools.fakes, kind, form]).stdout)
        if form == "pprof":
            texts = [tools.pprof(f"-{what}", path) for what in (("raw", "top", "traces", "tags") if kind == "hostile" else ("raw",))]
            if any("\x1b" in text for text in texts):
                raise programs.Failure("a control character has arrived")
            continue
        if form == "json" and kind == "hostile":
            continue  # no cause, and a verdict that does not exist
        tools.read(tools.strict if form == "json" else form, path)
        if form == "junit":
            check_xml(path)


def check_readers(tools):
    """The readers find faults."""
    faults = {
        "prom": (rb"# EOF\n", b""),
        "junit": (rb"</failure>", b""),
        "sarif": (rb'"level": "error"', b'"level": "fatal"'),
        "json": (rb'"count": \d+', b'"count": -1'),
    }
    for form, (pattern, instead) in faults.items():
        good = tools.run([tools.fakes, "leaky", form]).stdout
        path = tools.folder / f"faulty.{form}"
        path.write_bytes(re.sub(pattern, instead, good, count=1))
        if path.read_bytes() == good:
            raise programs.Failure(f"nothing to spoil in {form}")
        if tools.run([tools.reader, tools.strict if form == "json" else form, path]).returncode != 1:
            raise programs.Failure(f"a faulty {form} passes")


def main():
    parser = argparse.ArgumentParser(description="Have other tools read seep's reports.")
    parser.add_argument("--seep", default=programs.ROOT / "build" / "seep", type=pathlib.Path, metavar="PATH")
    parser.add_argument("-v", action="store_true", help="print what passed, too")
    options = parser.parse_args()
    tally = programs.Tally(options.v)
    with tempfile.TemporaryDirectory() as folder:
        try:
            tools = Tools(options.seep.resolve(), folder)
        except programs.Skip as reason:
            tally.add("skipped", "all", [str(reason)])
            sys.exit(tally.close())
        except programs.Failure as failure:
            tally.add("failed", "preparation", failure.lines)
            sys.exit(tally.close())
        jobs = [(f"catalogue {case}", check_program, (tools, case)) for case in CASES]
        jobs += [(f"report made by hand, {kind}", check_fake, (tools, kind)) for kind in FAKES]
        others = (check_stacks, check_top, check_diff, check_web, check_little_memory, check_terminal, check_readers)
        jobs += [(check.__name__, check, (tools,)) for check in others]

        def one(job):
            name, check, arguments = job
            try:
                check(*arguments)
                tally.add("passed", name)
            except programs.Skip as reason:
                tally.add("skipped", name, [str(reason)])
            except programs.Failure as failure:
                tally.add("failed", name, failure.lines)
            except Exception as error:  # a report that is not as expected, or this script's own bug
                tally.add("failed", name, [repr(error)])

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(one, jobs))
    sys.exit(tally.close())


if __name__ == "__main__":
    main()
