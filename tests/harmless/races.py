#!/usr/bin/env python3
"""Looks at processes that make it hard: that end, exec or fork meanwhile, that are somebody else's,
stopped, traced, no Go programs or no processes at all.

Each case says which exit codes are right. A refusal must be one line on stderr that names what
to do. Whatever the outcome, the process must be left as it was.
"""

import argparse
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import procs
from procs import (EXIT_DENIED, EXIT_GONE, EXIT_OK, EXIT_PARTIAL, EXIT_UNSUPPORTED, EXIT_USAGE)

HERE = pathlib.Path(__file__).resolve().parent
NOBODY = 65534
REMEDY = r"sudo|root|CAP_SYS_PTRACE|cap_sys_ptrace|ptrace_scope|privileged|setcap"


class Skip(Exception):
    """The case cannot be made here; says why."""


class Fail(Exception):
    """seep did something else than it should."""


def insist(condition, message):
    if not condition:
        raise Fail(message)


def check_run(run, codes, message=None):
    """The exit code is one of codes; a refusal is one line, and matches message if given."""
    text = run.err.strip()
    insist(run.rc in codes, f"exit {run.rc}, expected {' or '.join(map(str, codes))}:"
                            f" {text[:300] or '(nothing on stderr)'}")
    if run.rc in (EXIT_OK, EXIT_PARTIAL):
        try:
            procs.report_of(run)
        except ValueError as error:
            raise Fail(str(error)) from None
        return
    insist(not run.out.strip(), f"exit {run.rc}, but stdout has {run.out[:100]!r}")
    lines = text.splitlines()
    insist(len(lines) == 1, f"exit {run.rc} with {len(lines)} lines on stderr: {text[:300]!r}")
    if message:
        insist(re.search(message, text), f"exit {run.rc}, the message lacks /{message}/: {text!r}")


def check_runs_on(child, beats=3):
    """The process is not held, and prints on."""
    held = procs.held_after(child.pid, 0.1)
    insist(not held, f"left stopped or traced: {held[:3]}")
    child.drain()
    for _ in range(beats):
        insist(child.line(5) is not None, "the process ended")


class Cases:
    """Every method called case_* is one."""

    def __init__(self, options, scratch):
        self.options, self.scratch = options, scratch
        self.times = options.times
        self.rng = random.Random(options.seed)
        # Other users must get at both.
        os.chmod(scratch, 0o755)
        self.seep = f"{scratch}/seep"
        shutil.copy(procs.seep_path(options.seep), self.seep)
        os.chmod(self.seep, 0o755)
        self.binary = self.build("targets", options.go)

    def build(self, name, go=None, env=None):
        path = f"{self.scratch}/{name}"
        error = procs.go_build(HERE / "targets", path, go, env)
        if error:
            raise Skip(f"does not build: {error[-200:]}")
        return path

    def target(self, *arguments, prefix=(), binary=None, **options):
        child = procs.Child([*prefix, binary or self.binary, *arguments], **options)
        try:
            child.expect("ready")
        except (TimeoutError, RuntimeError) as error:
            child.close()
            raise Skip(f"the target does not run: {error}") from None
        return child

    def look(self, pid, prefix=(), timeout=60):
        return procs.run_seep(self.seep, pid, prefix=prefix, timeout=timeout)

    @staticmethod
    def need(*tools):
        for tool in tools:
            if not shutil.which(tool):
                raise Skip(f"no {tool}")
        if os.geteuid() != 0:
            raise Skip("needs root")

    def typical(self):
        with self.target("idle") as child:
            return sorted(self.look(child.pid).wall for _ in range(3))[1]

    # Targets that do not hold still

    def case_exits_meanwhile(self):
        span = self.typical() * 1.2
        codes = {}
        for _ in range(self.times):
            with self.target("exit", str(int(self.rng.uniform(0, span) * 1e6))) as child:
                run = self.look(child.pid)
                check_run(run, (EXIT_OK, EXIT_GONE, EXIT_PARTIAL))
                codes[run.rc] = codes.get(run.rc, 0) + 1
                try:
                    child.popen.wait(5)
                except subprocess.TimeoutExpired:
                    raise Fail("the process does not come to its end") from None
        return f"exits {codes}"

    def case_killed_meanwhile(self):
        span = self.typical() * 1.2
        codes = {}
        for _ in range(self.times):
            with self.target("idle") as child:
                moment = self.rng.uniform(0, span)
                killer = subprocess.Popen([sys.executable, "-c", "import os,sys,time\n"
                                           "time.sleep(float(sys.argv[2]))\n"
                                           "os.kill(int(sys.argv[1]), 9)",
                                           str(child.pid), str(moment)],
                                          preexec_fn=procs.die_with_parent)
                try:
                    # The interpreter of the killer takes about so long to start.
                    time.sleep(0.02)
                    run = self.look(child.pid)
                finally:
                    killer.wait(20)
                check_run(run, (EXIT_OK, EXIT_GONE, EXIT_PARTIAL))
                codes[run.rc] = codes.get(run.rc, 0) + 1
        return f"exits {codes}"

    def case_execs_meanwhile(self):
        codes = {}
        with self.target("exec") as child:
            for _ in range(self.times):
                run = self.look(child.pid)
                check_run(run, (EXIT_OK, EXIT_GONE, EXIT_PARTIAL))
                codes[run.rc] = codes.get(run.rc, 0) + 1
                insist(child.alive(), "the process died")
            check_runs_on(child)
        return f"exits {codes}"

    def busy(self, mode, times):
        with self.target(mode) as child:
            for _ in range(times):
                run = self.look(child.pid)
                check_run(run, (EXIT_OK, EXIT_PARTIAL))
                insist(child.alive(), "the process died")
            check_runs_on(child)

    def case_forks_meanwhile(self):
        self.busy("fork", self.times)

    def case_starts_and_ends_threads_meanwhile(self):
        self.busy("threads", self.times)

    def case_computes_on_every_processor(self):
        """Such code yields to Go's SIGURG only: one that a tracer swallows hangs it for good."""
        self.busy("spin", 3 * self.times)

    def case_first_thread_has_ended(self):
        with self.target("leader") as child:
            time.sleep(0.05)
            if procs.status_of(child.pid)["State"][0] != "Z":
                raise Skip("the first thread is not a zombie")
            check_run(self.look(child.pid), (EXIT_OK, EXIT_PARTIAL, EXIT_GONE))
            check_runs_on(child)

    def case_two_look_at_once(self):
        with self.target("idle") as child:
            for _ in range(self.times):
                pair = [subprocess.Popen([self.seep, "--json", str(child.pid)],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                         text=True, preexec_fn=procs.die_with_parent)
                        for _ in range(2)]
                for one in pair:
                    err = one.communicate(timeout=60)[1]
                    insist(one.returncode in (EXIT_OK, EXIT_DENIED, EXIT_PARTIAL),
                           f"exit {one.returncode}: {err.strip()[:200]}")
            check_runs_on(child)

    # Targets that somebody else holds

    def case_traced_by_another(self):
        with self.target("idle") as child:
            with procs.Child([sys.executable, HERE / "tracer.py", str(child.pid)],
                             stderr=subprocess.STDOUT) as tracer:
                line = tracer.line()
                if line != "tracing":
                    raise Skip(line)
                run = self.look(child.pid)
                check_run(run, (EXIT_DENIED,), rf"{tracer.pid}|trac|debugg")
                tracers = {thread[2] for thread in procs.threads_of(child.pid)}
                insist(tracer.pid in tracers, "the other tracer lost the process")
            check_runs_on(child)
            return run.err.strip()

    def case_stopped(self):
        with self.target("idle") as child:
            os.kill(child.pid, signal.SIGSTOP)
            time.sleep(0.1)
            for _ in range(5):
                run = self.look(child.pid)
                check_run(run, (EXIT_OK, EXIT_PARTIAL))
                time.sleep(0.05)
                threads = procs.threads_of(child.pid)
                insist(all(state == "T" for _, state, _ in threads),
                       f"it was stopped and is no more: {threads[:5]}")
                insist(not any(tracer for _, _, tracer in threads), f"still traced: {threads[:5]}")
            os.kill(child.pid, signal.SIGCONT)
            check_runs_on(child)
            caveats = procs.report_of(run).get("caveats", [])
            return "; ".join(map(str, caveats)) or "no caveat says so"

    def case_continued_meanwhile(self):
        with self.target("idle") as child:
            for _ in range(self.times):
                os.kill(child.pid, signal.SIGSTOP)
                run = subprocess.Popen([self.seep, "--json", str(child.pid)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       preexec_fn=procs.die_with_parent)
                time.sleep(self.rng.uniform(0, 0.02))
                os.kill(child.pid, signal.SIGCONT)
                insist(run.wait(60) in (EXIT_OK, EXIT_PARTIAL), f"exit {run.returncode}")
            check_runs_on(child)

    def case_signals_meanwhile(self):
        """Signals that arrive during the pause are delivered after it, none is lost or doubled."""
        with self.target("idle") as child:
            for _ in range(self.times):
                run = subprocess.Popen([self.seep, "--json", str(child.pid)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       preexec_fn=procs.die_with_parent)
                while run.poll() is None:
                    os.kill(child.pid, signal.SIGURG)
                    time.sleep(0.0005)
                insist(run.returncode in (EXIT_OK, EXIT_PARTIAL), f"exit {run.returncode}")
                insist(child.alive(), "the process died")
            check_runs_on(child)

    # Not permitted

    def case_other_users_process(self):
        self.need("setpriv")
        with self.target("idle") as child:
            run = self.look(child.pid, self.as_nobody())
            check_run(run, (EXIT_DENIED,), REMEDY)
            check_runs_on(child)
            return run.err.strip()

    def case_no_capability(self):
        self.need("setpriv")
        with self.target("idle") as child:
            run = self.look(child.pid, ("setpriv", "--bounding-set", "-sys_ptrace",
                                        "--inh-caps", "-sys_ptrace"))
            check_run(run, (EXIT_DENIED,), REMEDY)
            check_runs_on(child)
            return run.err.strip()

    def case_not_dumpable(self):
        self.need("setpriv")
        with self.target("undumpable", prefix=self.as_nobody()) as child:
            run = self.look(child.pid, self.as_nobody())
            check_run(run, (EXIT_DENIED,), REMEDY)
            check_run(self.look(child.pid), (EXIT_OK,))
            check_runs_on(child)
            return run.err.strip()

    def case_ptrace_refused_by_seccomp(self):
        with self.target("idle") as child:
            run = self.look(child.pid, (sys.executable, str(HERE / "tracer.py"), "--deny"))
            check_run(run, (EXIT_DENIED,), REMEDY + "|seccomp|SYS_PTRACE")
            check_runs_on(child)
            return run.err.strip()

    @staticmethod
    def as_nobody():
        return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")

    # Permitted, though it may not look so

    def case_same_unprivileged_user(self):
        self.need("setpriv")
        scope = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")
        if scope.exists() and scope.read_text(encoding="ascii").strip() != "0":
            raise Skip("ptrace_scope is not 0")
        with self.target("idle", prefix=self.as_nobody()) as child:
            check_run(self.look(child.pid, self.as_nobody()), (EXIT_OK,))
            check_runs_on(child)

    def case_root_looks_at_a_user(self):
        self.need("setpriv")
        with self.target("idle", prefix=self.as_nobody()) as child:
            check_run(self.look(child.pid), (EXIT_OK,))
            check_runs_on(child)

    def case_deleted_binary(self):
        path = f"{self.scratch}/deleted"
        shutil.copy(self.binary, path)
        with self.target("idle", binary=path) as child:
            os.unlink(path)
            check_run(self.look(child.pid), (EXIT_OK,))
            check_runs_on(child)

    def case_other_namespaces(self):
        """Own pid and mount namespace, the binary on a mount that only the target sees."""
        self.need("unshare", "mount")
        inside = f"{self.scratch}/private"
        os.makedirs(inside, exist_ok=True)
        script = (f"mount -t tmpfs none {inside} && cp {self.binary} {inside}/t"
                  f" && exec {inside}/t idle")
        with self.target("-c", script, binary="sh",
                         prefix=("unshare", "--pid", "--mount", "--fork", "--mount-proc",
                                 "--kill-child")) as child:
            pid = int(pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children")
                      .read_text(encoding="ascii").split()[0])
            insist(not os.path.exists(f"{inside}/t"), "the mount is not private")
            check_run(self.look(pid), (EXIT_OK,))
            insist(not procs.held_after(pid, 0.1), "left stopped or traced")

    # Nothing to look at

    def case_no_such_process(self):
        with self.target("idle") as child:
            pid = child.pid
        run = self.look(pid)
        check_run(run, (EXIT_GONE,))
        return run.err.strip()

    def case_zombie(self):
        child = procs.Child(["true"])
        try:
            while procs.status_of(child.pid)["State"][0] != "Z":
                time.sleep(0.005)
            run = self.look(child.pid)
            check_run(run, (EXIT_GONE,))
            return run.err.strip()
        finally:
            child.close()

    def case_kernel_thread(self):
        for name in os.listdir("/proc"):
            if name.isdigit() and (procs.status_of(name) or {}).get("PPid") == "2":
                run = self.look(int(name))
                check_run(run, (EXIT_UNSUPPORTED,), "kernel|not a Go")
                return run.err.strip()
        raise Skip("no kernel threads to be seen")

    def case_not_go(self):
        with procs.Child(["sleep", "60"]) as child:
            run = self.look(child.pid)
            check_run(run, (EXIT_UNSUPPORTED,), "Go")
            return run.err.strip()

    def case_32_bit_go(self):
        with self.target("idle", binary=self.build("targets386", env={"GOARCH": "386"})) as child:
            run = self.look(child.pid)
            check_run(run, (EXIT_UNSUPPORTED,), "32|386")
            check_runs_on(child)
            return run.err.strip()

    def case_go_too_old(self):
        # The last release before the oldest one that is supported.
        binary = self.build("targets117", "go1.17.13", {"GOFLAGS": "-mod=mod"})
        with self.target("idle", binary=binary) as child:
            run = self.look(child.pid)
            check_run(run, (EXIT_UNSUPPORTED,), r"1\.17")
            check_runs_on(child)
            return run.err.strip()

    def case_go_binary_damaged_on_disk(self):
        """The file was replaced by rubbish of the same name: the process still runs the old one."""
        path = f"{self.scratch}/replaced"
        shutil.copy(self.binary, path)
        with self.target("idle", binary=path) as child:
            os.unlink(path)
            pathlib.Path(path).write_bytes(b"\x7fELF" + bytes(range(256)) * 40)
            check_run(self.look(child.pid), (EXIT_OK,))
            check_runs_on(child)

    def case_bad_arguments(self):
        for words in ((), ("abc",), ("-1",), ("0",), ("99999999999999999999",), ("1", "2", "x"),
                      ("--no-such-option", "1")):
            run = procs.run_measured([self.seep, "--json", *words], 20)
            insist(run.rc in (EXIT_USAGE, EXIT_GONE), f"{words}: exit {run.rc}, expected 2")
            insist(run.err.strip(), f"{words}: nothing on stderr")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20,
                        help="repetitions of each race (default: 20)")
    parser.add_argument("--only", metavar="WORD", help="cases whose name contains it")
    parser.add_argument("--go", metavar="GO1.N.M", help="Go release to build the targets with")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    procs.add_seep_option(parser)
    options = parser.parse_args()
    print(f"seed {options.seed}")

    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    with tempfile.TemporaryDirectory(prefix="seep-test-") as scratch:
        try:
            cases = Cases(options, scratch)
        except Skip as reason:
            print(f"skipped: {reason}")
            return procs.SKIP
        for name in [name for name in dir(cases) if name.startswith("case_")]:
            if options.only and options.only not in name:
                continue
            try:
                note, outcome = getattr(cases, name)(), "ok"
            except Skip as reason:
                note, outcome = str(reason), "skip"
            except Fail as reason:
                note, outcome = str(reason), "FAIL"
            except (TimeoutError, subprocess.TimeoutExpired) as reason:
                note, outcome = f"hangs: {reason}", "FAIL"
            counts[outcome] += 1
            print(f"{outcome:4} {name[5:].replace('_', ' ')}{': ' + note if note else ''}",
                  flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
