#!/usr/bin/env python3
"""Suppressions and baselines on a program that leaks: the service of examples/leaky-service.

Whatever is suppressed, by whatever rule, is one of the findings without rules, and none gets lost: those listed and those
suppressed are together what there is without rules. Then the service gets more requests that leak, and the baseline of before must
tell by how much they have grown and leave alone what has not.

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import base64
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree

import run_programs as programs

SOURCES = programs.ROOT / "examples" / "leaky-service"
MORE_SEARCHES = 40


def check(condition, *lines):
    if not condition:
        raise programs.Failure(*map(str, lines))


def identity(finding):
    return finding["cause"], finding["verdict"], finding["signature"]


class Subject:
    """seep, a process, and what is found in it without rules."""

    def __init__(self, seep, pid, address, folder):
        self.seep, self.pid, self.address, self.folder = seep, pid, address, folder
        self.plain = self.report()
        self.all = sorted(map(identity, self.plain["findings"]))
        check(len(set(self.all)) == len(self.all) >= 10, "too few findings:", *self.all)

    def run(self, *options):
        """(exit status, stdout, stderr)"""
        result = subprocess.run(
            [self.seep, *map(str, options), str(self.pid)], stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=programs.SEEP_SECONDS,
        )
        if result.returncode == programs.EXIT_NOT_PERMITTED and not programs.may_trace():
            raise programs.Skip("no right to attach to a process here")
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    def report(self, *options, status=0):
        got, out, err = self.run("--json", *options)
        check(got == status, f"exit status {got}, not {status}, with {options}: {err}")
        return json.loads(out)

    def file(self, name, text):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def suppress(self, text, *options, status=0):
        """The report with those rules; nothing may get lost by them."""
        report = self.report("--suppress", self.file("a.supp", text), *options, status=status)
        both = report["findings"] + report.get("suppressed", [])
        check(sorted(map(identity, both)) == self.all, "findings differ from those without rules:", *map(identity, both))
        return report

    def has_html(self):
        """Whether it was built with npm: else it says so before it looks for a process."""
        said = subprocess.run([self.seep, "inspect", "--format=html", "999999999"], stdin=subprocess.DEVNULL, capture_output=True,
                              check=False, text=True).stderr
        return "without npm" not in said

    def finding(self, cause):
        found = [f for f in self.plain["findings"] if f["cause"] == cause]
        check(len(found) == 1, f"{len(found)} findings are {cause}")
        return found[0]


def check_taken(report, *findings):
    """That the suppressed ones are those, in their amounts."""
    keys = ("cause", "verdict", "signature", "count", "noun", "retained_bytes", "wasted_bytes", "where", "holder")
    taken = [[f.get(key) for key in keys] for f in report.get("suppressed", [])]
    wanted = [[f.get(key) for key in keys] for f in findings]
    check(sorted(map(str, taken)) == sorted(map(str, wanted)), "suppressed are", *taken, "instead of", *wanted)


def by_each_way(subject):
    senders, pictures = subject.finding("send-blocked"), subject.finding("subslice")
    check(senders["where"]["function"].startswith("main.search"), f"where is {senders['where']}")
    for rule in (
        f"signature {senders['signature']}",
        "cause send-blocked",
        "function main.search*",
        "function main.search*\ncause send-blocked\nverdict proven",
        f"cause send-blocked\nat-most {senders['count']}",
    ):
        report = subject.suppress(f"# one of them\n\nreason it is known\n{rule}\n")
        check_taken(report, senders)
        taken = report["suppressed"][0]
        check(taken["reason"] == "it is known", taken)
        check(taken["rule"].endswith("/a.supp:3"), taken)
    check_taken(subject.suppress("type *picture*\ncause subslice\nreason x\n"), pictures)
    both = subject.suppress("cause subslice\nreason x\n\ncause send-blocked\nreason y\n")
    check_taken(both, senders, pictures)
    for rule in (
        "cause send-blocked\nverdict suspect",
        "function main.searc",
        f"cause send-blocked\nat-most {senders['count'] - 1}",
        "signature 0000000000000000",
    ):
        check_taken(subject.suppress(f"reason x\n{rule}\n"))


def several_files(subject):
    other = subject.file("b.supp", "cause subslice\nreason y\n")
    report = subject.suppress("cause send-blocked\nreason x\n", "--suppress", other)
    check_taken(report, subject.finding("send-blocked"), subject.finding("subslice"))
    check(sorted(f["rule"].rsplit("/", 1)[1] for f in report["suppressed"]) == ["a.supp:1", "b.supp:1"], report["suppressed"])


def an_end(subject):
    rule = "cause send-blocked\nreason x\nexpires "
    check_taken(subject.suppress(rule + "9999-12-31\n"), subject.finding("send-blocked"))
    report = subject.suppress(rule + "2020-02-29\n")
    check_taken(report)
    told = [c for c in report["caveats"] if "expired" in c]
    check(len(told) == 1 and "a.supp:1 (2020-02-29)" in told[0], report["caveats"])
    check("a.supp:1 (2020-02-29)" in subject.run("--suppress", subject.folder / "a.supp")[1], "the text does not tell")


def not_counted(subject):
    proven = [f for f in subject.plain["findings"] if f["verdict"] == "proven"]
    rules = "".join(f"signature {f['signature']}\nreason {f['cause']}\n\n" for f in proven)
    check_taken(subject.suppress(rules, "--fail-on", "proven"), *proven)
    subject.suppress(rules, "--fail-on", "suspect", status=1)
    everything = "".join(f"cause {cause}\nreason x\n\n" for cause in {f["cause"] for f in subject.plain["findings"]})
    check_taken(subject.suppress(everything, "--fail-on", "suspect"), *subject.plain["findings"])


def told_in_the_text(subject):
    path = subject.file("a.supp", "cause send-blocked\nreason it \u202eis k\u0153wn\n\ncause nil-channel\nreason none\n")
    _, out, _ = subject.run("--suppress", path)
    check("Known already, and not counted: 1 finding, " in out, out)
    check("it \\xe2\\x80\\xaeis k\u0153wn (" in out and "a.supp:1)" in out, out)
    check("a.supp:4 matches no finding" not in out, out)
    _, out, _ = subject.run("-v", "--suppress", path)
    check("a.supp:4 matches no finding" in out, out)
    check(f"signature   {subject.finding('subslice')['signature']}" in out, out)


def told_in_other_formats(subject):
    """What is suppressed is in each format in its own way, and fails nothing."""
    senders, pictures = subject.finding("send-blocked"), subject.finding("subslice")
    path = subject.file("a.supp", "cause send-blocked\nreason <known> & done\n\ncause subslice\nreason y\n")
    taken = {senders["signature"]: f"<known> & done ({path}:1)", pictures["signature"]: f"y ({path}:4)"}
    left = sorted(f["signature"] for f in subject.plain["findings"] if f["signature"] not in taken)

    def written(form):
        output = subject.folder / "report"
        options = ("--only", "send-blocked,subslice") if form == "only" else ()
        status, _, err = subject.run("--format", "junit" if form == "only" else form, "-o", output, "--fail-on", "suspect",
                                     "--suppress", path, *options)
        check(status == (0 if form == "only" else 1), f"exit status {status}, {form}: {err}")
        return output.read_bytes()

    results = json.loads(written("sarif"))["runs"][0]["results"]
    check(all("suppressions" in r for r in results), "some results have suppressions, and some do not")
    told = {r["partialFingerprints"]["seep/v1"]: r["suppressions"] for r in results}
    why = {signature: s[0]["justification"] for signature, s in told.items() if s}
    check(why == taken and sorted(s for s in told if not told[s]) == left, f"suppressions in SARIF: {told}")

    cases = {c.get("name").split(":")[0]: c for c in xml.etree.ElementTree.fromstring(written("junit")).iter("testcase")}
    for finding in (senders, pictures):
        case = cases[finding["cause"]]
        check(case.find("skipped").get("message") == "known already: " + taken[finding["signature"]], "skipped in JUnit")
        check(finding["signature"] in case.find("system-out").text and case.find("failure") is None, "case in JUnit")
    check("growth" not in cases, "one look cannot tell of growth")
    only = xml.etree.ElementTree.fromstring(written("only"))
    check([only.get(key) for key in ("tests", "failures")] == ["2", "0"], f"counts in JUnit: {only.attrib}")

    series = dict(line.rsplit(" ", 1) for line in written("prom").decode().splitlines() if not line.startswith("#"))
    for finding in (senders, pictures):
        name = f'cause="{finding["cause"]}",verdict="{finding["verdict"]}"'
        check(series.get(f"seep_suppressed_findings{{{name}}}") == "1", "not counted in OpenMetrics")
        check(f"seep_findings{{{name}}}" not in series, "counted twice in OpenMetrics")
        check(not any(finding["signature"] in key for key in series), "a series of what is suppressed")
    profile = gzip.decompress(written("pprof"))
    check(b"2 findings were left out: they are known already" in profile, "no comment in the profile")
    check([s for s in (*taken, *left) if s.encode() in profile] == left, "samples in the profile")
    page = re.search(rb'id="report">([A-Za-z0-9+/=]+)<', written("html")) if subject.has_html() else None
    if page:
        report = json.loads(gzip.decompress(base64.b64decode(page[1])))
        check({f["signature"] for f in report["suppressed"]} == set(taken), "suppressed in HTML")


def mistakes(subject):
    for text, said in (
        ("cause send-blocked\n", "a.supp:1: the rule that begins here has no reason"),
        ("reason x\ncause leak\n", "a.supp:2: no cause is called 'leak'"),
        ("\nreason x\nfunktion \u202emain.f\n", "a.supp:3: 'funktion' is not known here"),
        ("reason \x1b[2Jx\n", "a.supp:1: has a control character, 0x1b"),
        ("\u202e\x1b[2J x\n", "a.supp:1: has a control character"),
        (b"\xff\xfe\x00\x00", "a.supp:1: has a control character, 0x00"),
    ):
        status, out, err = subject.run("--suppress", subject.file("a.supp", text))
        check(status == 2 and not out and said in err, f"exit status {status}: {err}", text)
        check("\x1b" not in err and "\u202e" not in err, f"not escaped: {err!r}")
    for name, text, said in (
        ("old.json", "{}", "it has no schema"),
        ("old.json", '{"schema": "seep/2"}', "has the schema 'seep/2'"),
        ("old.json", "\x1b[2J", "is no report of seep"),
        ("old.json", json.dumps({**subject.plain, "target": {"main_path": "\x1b[2J"}}), "is of another program"),
    ):
        status, out, err = subject.run("--baseline", subject.file(name, text))
        check(status == 2 and not out and said in err, f"exit status {status}: {err}", text)
        check("\x1b" not in err, f"not escaped: {err!r}")


def labels(subject):
    def known(*options):
        return [f["known"] for f in subject.report("--all", *options)["findings"] if "known" in f]

    check(any("http.Transport" in label for label in known()), "no label on the loops of net/http")
    check(not known("--no-known"), "--no-known leaves labels")


def baseline(subject):
    old = subject.file("old.json", json.dumps(subject.plain))
    report = subject.report("--baseline", old, "--fail-on", "suspect")
    check(not report["findings"], "new against itself:", *map(identity, report["findings"]))
    check_taken(report, *subject.plain["findings"])
    check(not any("rule" in f or "reason" in f for f in report["suppressed"]), report["suppressed"][0])
    again = subject.report("--baseline", subject.file("again.json", json.dumps(report)), "--fail-on", "suspect")
    check(not again["findings"], "new against a report with a baseline:", *map(identity, again["findings"]))

    for _ in range(MORE_SEARCHES):
        try:
            urllib.request.urlopen(f"http://{subject.address}/search?q=more", timeout=10).close()
        except urllib.error.HTTPError as error:  # too late, as most of them
            check(error.code == 504, f"the service answers {error.code}")
    time.sleep(0.5)  # until those that asked the backend wait for ever
    before = subject.finding("send-blocked")["count"]
    report = subject.report("--baseline", old, "--fail-on", "proven", status=1)
    check([identity(f) for f in report["findings"]] == [identity(subject.finding("send-blocked"))],
          "not only the searches are new:", *map(identity, report["findings"]))
    now, why = report["findings"][0]["count"], report["findings"][0]["why"][0]
    check(before + MORE_SEARCHES // 2 <= now <= before + MORE_SEARCHES, f"from {before} to {now}")
    check(why.startswith(f"grown since the baseline: from {before} to {now} in number"), why)
    check(len(report["suppressed"]) == len(subject.all) - 1, report["suppressed"])


def run_checks(subject):
    """How many passed and failed."""
    failed = 0
    checks = [by_each_way, several_files, an_end, not_counted, told_in_the_text, told_in_other_formats, mistakes, labels, baseline]
    for one in checks:
        try:
            one(subject)
        except programs.Failure as failure:
            print(f"FAIL {one.__name__}", *failure.args, sep="\n  ")
            failed += 1
    return len(checks) - failed, failed


def judge(seep, release):
    binary = programs.build_program(release, source_folder=SOURCES)
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(
        [binary], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            ready = process.stdout.readline().split()
            check(ready[:1] == ["ready"], f"the program does not start: {ready}")
            return run_checks(Subject(seep, process.pid, ready[1], pathlib.Path(folder)))
        finally:
            process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seep", default=programs.ROOT / "build/seep", metavar="PATH")
    parser.add_argument("--release", default="1.27", metavar="R")
    options = parser.parse_args()
    return programs.run_whole(lambda: judge(options.seep, options.release))


if __name__ == "__main__":
    sys.exit(main())
