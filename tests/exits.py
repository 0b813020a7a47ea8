#!/usr/bin/env python3
"""Programs under `seep run`: each ends in another way, and must end and speak as it does alone. What had leaked is found.

Standard output, standard error, exit status or signal of a run are compared with those of the program by itself; addresses, times
and goroutine numbers aside.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "harmless"))
import procs  # noqa: E402
from procs import Child  # noqa: E402

# How it ends, and how many goroutines have leaked then; None: it is no Go program any more.
ENDS = {"return": 5, "exit-3": 5, "panic": 5, "other-panics": 5, "deadlock": 5, "segv": 5, "kill": 5, "term": 5, "abort": 5,
        "goexit": 5, "exec": 5, "exec-other": None, "state": 5, "threads": 5, "signals": 5, "collect": 5, "lines": 5, "at-once": 0, "clean": 0}


class Fail(Exception):
    """seep did something else than it should."""


def insist(condition, message):
    if not condition:
        raise Fail(message)


def same(text):
    """Without what differs from run to run."""
    text = re.sub(r"0x[0-9a-f]+|\+0x[0-9a-f]+", "0x", text)
    text = re.sub(r"goroutine \d+|m=\d+|\d+\.\d+s|\d+ms|[0-9a-z]+ +0x$|, \d+ minutes", "", text, flags=re.M)
    return text


class Exits:
    """Methods called case_* are the cases."""

    def __init__(self, seep, scratch, go):
        self.seep, self.scratch, self.said = seep, scratch, ""
        self.program, self.tests = f"{scratch}/exits", f"{scratch}/exits.test"
        settings = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-buildvcs=false", GOWORK="off")
        if go:
            settings["GOTOOLCHAIN"] = go
        for command in (["go", "build", "-o", self.program, "."], ["go", "test", "-c", "-o", self.tests, "."]):
            subprocess.run(command, cwd=HERE / "exits", env=settings, check=True)

    def execute(self, argv, text="", env=None):
        return subprocess.run(argv, input=text, capture_output=True, text=True, timeout=60, check=False,
                              env=dict(os.environ, **(env or {})), preexec_fn=procs.die_with_parent)

    def report(self):
        path = pathlib.Path(self.path())
        insist(path.exists(), f"no report: {self.said[:300]}")
        return json.loads(path.read_text("utf-8"))

    def path(self):
        return f"{self.scratch}/report.json"

    def run(self, *argv, options=(), **more):
        pathlib.Path(self.path()).unlink(missing_ok=True)
        done = self.execute([self.seep, "run", "--json", "-o", self.path(), *options, "--", *argv], **more)
        self.said = done.stderr
        return done

    def compare(self, *argv, leaked=5, **more):
        alone, done = self.execute(argv, **more), self.run(*argv, **more)
        insist(done.returncode == alone.returncode,
               f"exit {done.returncode} instead of {alone.returncode}: {done.stderr[:300]}")
        insist(same(done.stdout) == same(alone.stdout), f"it says {done.stdout!r} instead of {alone.stdout!r}")
        said = done.stderr
        if leaked is None:
            said = re.sub(r"^seep: .*not a Go program.*\n", "", said, flags=re.M)
            insist(said != done.stderr, f"not said that it is no Go program: {said!r}")
        expected = alone.stderr
        if "goroutine 1 " in expected:  # which thread takes a signal may differ, and so may the order of goroutines
            separator = "\n" if expected.startswith("SIG") else "\n\n"
            said, expected = said.split(separator)[0], expected.split(separator)[0]
        insist(same(said) == same(expected), f"on stderr {said[:300]!r} instead of {expected[:300]!r}")
        if leaked is not None:
            self.check_leaked(leaked)
        return done.returncode

    def check_leaked(self, leaked):
        found = sum(f["count"] for f in self.report()["findings"] if f["cause"] == "send-blocked")
        insist(found == leaked, f"{found} goroutines have leaked according to it, not {leaked}")

    # With the processes that it starts

    def clear(self):
        for path in pathlib.Path(self.scratch).glob("child-*.json"):
            path.unlink()

    def each_leaked(self):
        """Of every process that was looked at, in the order of their numbers."""
        reports = [json.loads(path.read_text("utf-8")) for path in pathlib.Path(self.scratch).glob("child-*.json")]
        for report in reports:
            insist(pathlib.Path(f"{self.scratch}/child-{report['target']['pid']}.json").exists(), "a report under another number")
        return sorted(sum(f["count"] for f in report["findings"] if f["cause"] == "send-blocked") for report in reports)

    def family(self, *argv, options=(), **more):
        self.clear()
        return self.execute([self.seep, "run", "--children", "--json", "-o", f"{self.scratch}/child-%p.json", *options, "--", *argv],
                            **more)

    def compare_family(self, *argv, leaked, said="", **more):
        alone, done = self.execute(argv, **more), self.family(*argv, **more)
        insist(done.returncode == alone.returncode, f"exit {done.returncode} instead of {alone.returncode}: {done.stderr[:300]}")
        insist(same(done.stdout) == same(alone.stdout), f"it says {done.stdout!r} instead of {alone.stdout!r}")
        insist(same(done.stderr) == same(alone.stderr) + said, f"on stderr {done.stderr!r} instead of {alone.stderr!r}")
        found = self.each_leaked()
        insist(found == leaked, f"leaked {found} instead of {leaked}")

    def case_family_of_a_shell(self):
        """Two Go programs of which one leaks, and some that are not Go."""
        p = self.program
        self.compare_family("sh", "-c", f"/bin/true; {p} return; {p} clean | cat; exit 4", leaked=[0, 5])
        self.compare_family("sh", "-c", f"(sh -c '{p} exit-3; echo $?; {p} kill'; echo $?) >&2", leaked=[5, 5])
        for command, code in ((f"{p} return; {p} clean", 1), (f"{p} clean; {p} clean", 0), (f"{p} return; exit 9", 9)):
            done = self.family("sh", "-c", command, options=("--fail-on", "proven"))
            insist(done.returncode == code, f"{command}: exit {done.returncode} instead of {code}")
        done = self.family("sh", "-c", f"{p} return; cp {p} {self.scratch}/some.test; {self.scratch}/some.test clean",
                           options=("--children=*.test",))
        insist(self.each_leaked() == [0], f"not only what is like the pattern: {self.each_leaked()}")

    def case_family_by_exec(self):
        p = self.program
        self.compare_family("sh", "-c", f"{p} exec; echo $?; {p} exec-other; exec {p} exec", leaked=[5, 5])

    def case_family_without_go(self):
        said = "seep: nothing was looked at: no process was a Go program, tools of Go's own aside\n"
        self.compare_family("sh", "-c", "/bin/false; echo $?; exit 7", leaked=[], said=said)

    def case_family_storm(self):
        """Hundreds of short processes, by vfork and by fork, and Go programs that end at once."""
        self.compare_family(self.program, "storm", leaked=[5])
        self.compare_family("sh", "-c", "i=0; while [ $i -lt 100 ]; do (/bin/true); i=$((i+1)); done; echo $i", leaked=[],
                            said="seep: nothing was looked at: no process was a Go program, tools of Go's own aside\n")
        self.compare_family("sh", "-c", f"for i in 1 2 3 4 5 6 7 8 9 10; do {self.program} at-once & done; wait", leaked=[0] * 10)

    def case_family_that_outlives(self):
        self.clear()
        with Child([self.seep, "run", "--children", "--json", "-o", f"{self.scratch}/child-%p.json", "--", self.program, "leave"],
                   stderr=subprocess.PIPE) as child:
            left = int(child.expect("leaves"))
            insist(self.ended(child) == 0, f"exit {child.popen.returncode}")
            said = child.popen.stderr.read().decode()
            insist(said == f"seep: process {left} ({self.program} wait) outlives the program and was not looked at\n", f"stderr: {said}")
            insist(self.each_leaked() == [5], "the program itself was not looked at")
            status = procs.status_of(left)
            insist(status and status["State"][0] not in "tTZ" and status["TracerPid"] == "0", f"it is {status and status['State']}")
            child.send("")
            self.await_end(left)

    def case_family_and_signals(self):
        """To the whole group; a look when asked; one of them stopped and continued."""
        self.clear()
        script = f"trap : TERM; {self.program} catch-term & {self.program} catch-term & while ! wait; do :; done; echo all"
        with Child([self.seep, "run", "--children", "--json", "-o", f"{self.scratch}/child-%p.json", "--", "sh", "-c", script],
                   stderr=subprocess.PIPE, start_new_session=True) as child:
            try:
                self.signal_family(child)
            except BaseException:  # those that seep was to follow are to end, too
                os.killpg(child.pid, signal.SIGKILL)
                raise
        insist(self.each_leaked() == [5, 5], f"leaked {self.each_leaked()}")

    def signal_family(self, child):
        child.expect("ready")
        child.expect("ready")
        child.popen.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 20
        while self.each_leaked() != [5, 5]:
            insist(time.monotonic() < deadline, f"looked at: {self.each_leaked()}")
            time.sleep(0.01)
        one = int(next(pathlib.Path(self.scratch).glob("child-*.json")).stem[6:])
        self.clear()
        self.stop(one)
        os.killpg(child.pid, signal.SIGTERM)
        child.expect("got terminated")
        time.sleep(0.1)
        insist(child.alive() and self.stands(one), "a stopped program ran on")
        os.kill(one, signal.SIGCONT)
        child.expect("got terminated")
        child.expect("all")
        insist(self.ended(child) == 0, f"exit {child.popen.returncode}")

    def case_family_needs_a_place_for_each(self):
        done = self.execute([self.seep, "run", "--children", "-o", "x.json", "--", "/bin/true"])
        insist(done.returncode == 2 and "%p" in done.stderr, f"exit {done.returncode}: {done.stderr}")

    def case_ends(self):
        codes = {}
        for how, leaked in ENDS.items():
            try:
                codes[how] = self.compare(self.program, how, leaked=leaked, text="one\ntwo\n")
            except Fail as error:
                raise Fail(f"{how}: {error}") from None
        return codes

    def case_core_file(self):
        """Where one would be written, threads exit only after that."""
        return self.compare(self.program, "panic", env={"GOTRACEBACK": "crash"})

    def case_children_are_let_go(self):
        mark = pathlib.Path(self.scratch, "mark")
        code = self.compare(self.program, "children", str(mark))
        mark.unlink(missing_ok=True)
        self.run(self.program, "children", str(mark))
        deadline = time.monotonic() + 20
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        insist(mark.exists(), "a child that outlives the program does not run on")
        return code

    def case_often(self):
        """Short programs: nothing hangs, nothing is lost."""
        for _ in range(30):
            done = self.run(self.program, "at-once")
            insist(done.returncode == 5, f"exit {done.returncode}: {done.stderr}")
            self.check_leaked(0)
        for _ in range(10):
            done = self.run(self.program, "threads")
            insist(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")
            self.check_leaked(5)
        for _ in range(10):
            done = self.run(self.program, "exec")
            insist(done.returncode == 3, f"exit {done.returncode}: {done.stderr}")
        return "50 runs"

    def case_what_cannot_be_run(self):
        for name, code in (("/nowhere", 127), (str(HERE / "exits.py") + "/x", 126), ("/etc/passwd", 126)):
            done = self.run(name)
            insist(done.returncode == code and len(done.stderr.splitlines()) == 1,
                   f"{name}: exit {done.returncode}: {done.stderr}")

    def case_fail_on(self):
        for how, code in (("return", 1), ("exit-3", 3), ("clean", 0), ("panic", 2)):
            done = self.run(self.program, how, options=("--fail-on", "proven"))
            insist(done.returncode == code, f"{how}: exit {done.returncode} instead of {code}")

    def case_what_is_known_fails_nothing(self):
        rules, other = pathlib.Path(self.scratch) / "rules", pathlib.Path(self.scratch) / "old.json"
        rules.write_text("cause send-blocked\nreason x\n")
        insist(self.run(self.program, "return", options=("--fail-on", "proven", "--suppress", rules)).returncode == 0, self.said)
        report = self.report()
        insist(not report["findings"] and len(report["suppressed"]) == 1, "it is not suppressed")
        done = self.execute([self.seep, "run", "--suppress", rules, self.program, "return"])
        insist(done.stderr == "seep: 1 finding known already, and not counted\n", f"stderr: {done.stderr!r}")
        # What is known of another program is known of nothing here.
        self.run(self.program, "return")
        other.write_text(json.dumps({**self.report(), "target": {"main_path": "example.com/other"}}))
        done = self.run(self.program, "return", options=("--fail-on", "proven", "--baseline", other))
        insist(done.returncode == 1 and "of another program" in done.stderr, f"exit {done.returncode}: {done.stderr}")
        insist(self.run("/bin/true", options=("--suppress", rules.with_name("none"))).returncode == 2, "no such file")

    def case_findings_go_to_standard_error(self):
        for how, finds in (("return", True), ("clean", False)):
            done = self.execute([self.seep, "run", self.program, how])
            insist(done.stdout == ("begins return\n" if finds else ""), f"stdout: {done.stdout!r}")
            insist(("send-blocked" in done.stderr) == finds and (finds or not done.stderr), f"stderr: {done.stderr!r}")

    def case_tests_of_a_package(self):
        self.compare(self.tests, "-test.run", "Leaks|Passes", leaked=5)
        self.compare(self.tests, "-test.v", leaked=5)
        self.compare(self.tests, "-test.run", "Passes", leaked=0)

    # While it runs

    def started(self, how, *options):
        child = Child([self.seep, "run", "--json", "-o", self.path(), *options, "--", self.program, how],
                      stderr=subprocess.PIPE)
        child.expect("ready")
        return child

    @staticmethod
    def inner(child):
        pid, = procs.children_of(child.pid)
        return pid

    @staticmethod
    def stands(pid):
        threads = procs.threads_of(pid)
        return bool(threads) and all(state in "tT" for _, state, _ in threads)

    def stop(self, pid):
        """Until then a signal of a lower number goes before."""
        os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + 20
        while not self.stands(pid):
            insist(time.monotonic() < deadline, "it does not stop")
            time.sleep(0.005)

    @staticmethod
    def ended(child):
        return child.popen.wait(20)

    def case_signals_are_sent_on(self):
        with self.started("catch-term") as child:
            child.popen.send_signal(signal.SIGTERM)
            insist(child.line() == "got terminated" and self.ended(child) == 0, "SIGTERM was not caught")
            self.check_leaked(5)
        for sig in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
            with self.started("wait") as child:
                child.popen.send_signal(sig)
                insist(self.ended(child) == -sig, f"{sig}: exit {child.popen.returncode}")
                self.check_leaked(5)

    def case_a_signal_is_ignored(self):
        with self.started("ignore-term") as child:
            for _ in range(5):
                child.popen.send_signal(signal.SIGTERM)
                time.sleep(0.02)
            os.kill(self.inner(child), signal.SIGTERM)
            time.sleep(0.05)
            insist(child.alive(), "it ended by a signal that it ignores")
            child.send("")
            insist(self.ended(child) == 0, f"exit {child.popen.returncode}")
            self.check_leaked(5)
        with self.started("ignore-term") as child:
            os.kill(self.inner(child), signal.SIGKILL)
            insist(self.ended(child) == -signal.SIGKILL, f"exit {child.popen.returncode}")
            self.check_leaked(5)

    def wait_for_report(self):
        deadline = time.monotonic() + 20
        while not pathlib.Path(self.path()).exists():
            insist(time.monotonic() < deadline, "no report")
            time.sleep(0.01)

    def case_a_look_when_asked(self):
        pathlib.Path(self.path()).unlink(missing_ok=True)
        with self.started("wait") as child:
            for _ in range(5):
                child.popen.send_signal(signal.SIGUSR1)
                self.wait_for_report()
                self.check_leaked(5)
                pathlib.Path(self.path()).unlink()
            child.send("")
            insist(self.ended(child) == 0, f"exit {child.popen.returncode}")
            self.check_leaked(5)

    def case_a_look_from_time_to_time(self):
        pathlib.Path(self.path()).unlink(missing_ok=True)
        with self.started("wait", "--every", "50ms") as child:
            for _ in range(5):
                self.wait_for_report()
                pathlib.Path(self.path()).unlink()
            child.send("")
            insist(self.ended(child) == 0, f"exit {child.popen.returncode}")
        done = self.run(self.program, "collect", options=("--every", "20ms"))
        insist(done.returncode == 0 and done.stdout == "begins collect\n", f"exit {done.returncode}: {done.stderr}")
        done = self.run(self.program, "threads", options=("--every", "5ms"))
        insist(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")

    def case_stopped_and_continued(self):
        with self.started("wait") as child:
            pid = self.inner(child)
            self.stop(pid)
            child.send("")
            time.sleep(0.2)
            insist(child.alive(), "a stopped program ran on")
            os.kill(pid, signal.SIGCONT)
            insist(self.ended(child) == 0, f"exit {child.popen.returncode}")

    def case_seep_is_killed(self):
        """The program runs on."""
        with self.started("wait") as child:
            pid = self.inner(child)
            child.popen.kill()
            child.popen.wait()
            time.sleep(0.1)
            status = procs.status_of(pid)
            insist(status and status["State"][0] not in "tTZ" and status["TracerPid"] == "0", f"it is {status and status['State']}")
            child.send("")
            self.await_end(pid)

    @staticmethod
    def await_end(pid):
        deadline = time.monotonic() + 20
        while procs.status_of(pid) and procs.status_of(pid)["State"][0] != "Z":
            insist(time.monotonic() < deadline, "it does not end")
            time.sleep(0.02)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="WORD", default="")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="each case so often")
    parser.add_argument("--go", metavar="GO1.N.M", help="Go release to build the programs with")
    procs.add_seep_option(parser)
    options = parser.parse_args()
    procs.take_usual_signals()
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="seep-test-") as scratch:
        exits = Exits(procs.seep_path(options.seep), scratch, options.go)
        names = [name for name in dir(exits) if name.startswith("case_") and options.only in name]
        for name in names * options.times:
            begun = time.monotonic()
            try:
                note = getattr(exits, name)()
                passed += 1
                outcome = "ok  "
            except Fail as error:
                note, outcome = error, "FAIL"
                failed += 1
            except (TimeoutError, subprocess.TimeoutExpired, json.JSONDecodeError, FileNotFoundError) as error:
                note, outcome = f"{type(error).__name__}: {error}", "FAIL"
                failed += 1
            print(f"{outcome} {name[5:].replace('_', ' ')} ({time.monotonic() - begun:.1f} s){f': {note}' if note else ''}", flush=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
