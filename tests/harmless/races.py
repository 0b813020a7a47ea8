#!/usr/bin/env python3
"""Looks at processes that make it hard: that end, exec or fork meanwhile, that are somebody else's,
stopped, traced, no Go programs or no processes at all.

Each case says which exit codes are right. A refusal must be one line on stderr that names what
to do. Whatever the outcome, the process must be left as it was.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import procs
from procs import (EXIT_DENIED, EXIT_GONE, EXIT_OK, EXIT_PARTIAL, EXIT_UNSUPPORTED, EXIT_USAGE)
from cases import HERE, REMEDY, Cases, Fail, Skip, check_run, check_runs_on, insist, run


class Races(Cases):
    """Every method called case_* is one."""

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
                pair = [subprocess.Popen(self.command(child.pid),
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
                run = subprocess.Popen(self.command(child.pid),
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
                run = subprocess.Popen(self.command(child.pid),
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
            # ptrace, process_vm_readv, process_vm_writev with EPERM: container runtimes on kernels before 4.8
            run = self.look(child.pid, (sys.executable, str(HERE / "tracer.py"), "--deny", "1",
                                        "101,310,311"))
            check_run(run, (EXIT_DENIED,), REMEDY + "|seccomp|SYS_PTRACE")
            check_runs_on(child)
            return run.err.strip()

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


if __name__ == "__main__":
    sys.exit(run(Races, __doc__))
