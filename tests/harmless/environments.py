#!/usr/bin/env python3
"""Looks at processes in surroundings that forbid something, to them or to seep: filters, limits, control groups, namespaces,
others that trace them or watch their memory.

In each case there is a report, or an error of one line with a documented exit code; and the process is as it was: it works, and
nothing is left in it (traces.py). And `seep doctor`, asked before, has foretold what comes: the exit code, and how it is copied.
"""

import contextlib
import json
import pathlib
import signal
import sys
import time

import procs
import traces
from cases import HERE, REMEDY, Cases, Fail, Skip, check_run, check_runs_on, insist, run
from groups import Group, Unavailable
from procs import EXIT_DENIED, EXIT_GONE, EXIT_OK, EXIT_PARTIAL, EXIT_UNSUPPORTED

EXIT_INTERNAL = 70
REPORT = (EXIT_OK, EXIT_PARTIAL)
SYS_USERFAULTFD, SYS_PROCESS_VM_READV, SYS_PIDFD_GETFD, SYS_IOCTL = 323, 310, 438, 16
SYS_PTRACE = 101
EPERM, ENOSYS = 1, 38


class Environments(Cases):
    """Every method called case_* is one."""

    def __init__(self, options, scratch):
        super().__init__(options, scratch)
        self.made = traces.SelfCheck(scratch, options)
        if self.made.error:
            raise Skip(f"selfcheck does not build: {self.made.error}")

    @contextlib.contextmanager
    def unharmed(self, *flags, prefix=(), prepare=None):
        """A process that checks itself, and must be as it was."""
        self.made.flags, self.made.prefix = flags, prefix
        with contextlib.ExitStack() as stack:
            try:
                subject = stack.enter_context(self.made)
            except (TimeoutError, RuntimeError) as error:
                raise Skip(f"the target does not run: {error}") from None
            insist(subject.warm(), f"the process does not work by itself: {subject.end()}")
            if prepare:
                prepare(subject)
            before = traces.settled(subject.pid)
            yield subject
            broken = subject.runs_on()
            insist(not broken, broken)
            changes = traces.changes_since(before, subject.pid)
            insist(not changes, f"{len(changes)} changes: {changes[:3]}")

    def look(self, pid, prefix=(), timeout=60):
        """A look that the doctor is asked about before."""
        asked = procs.run_measured([*prefix, self.seep, "doctor", "--json", str(pid)], timeout)
        done = super().look(pid, prefix, timeout)
        self.compare(asked, done)
        return done

    @staticmethod
    def compare(asked, done):
        if not asked.out:  # seep itself could not work
            insist(asked.rc == done.rc or asked.rc < 0 and done.rc < 0,
                   f"the doctor ends with {asked.rc} ({asked.err.strip()}), an attach with {done.rc} ({done.err.strip()})")
            return
        told = json.loads(asked.out)
        insist(told["exit"] == asked.rc and told["works"] == (asked.rc == 0),
               f"the doctor says {told['exit']} and exits with {asked.rc}")
        if done.rc == -signal.SIGKILL:
            memory = [check for check in told["checks"] if check["name"] == "memory"]
            insist(memory and memory[0]["outcome"] != "ok",
                   "an attach is killed for lack of memory, and the doctor did not say so")
            return
        works = done.rc in REPORT
        insist(told["works"] == works and (works or told["exit"] == done.rc),
               f"the doctor says {told['exit']} because of {told.get('because')}, an attach ends with"
               f" {done.rc}: {done.err.strip()}")
        if works:
            method = procs.report_of(done)["capture"]["method"]
            insist(told["method"] == method,
                   f"the doctor says {told['method']} because of {told.get('because')}, an attach does {method}")

    def look_often(self, pid, codes=REPORT, message=None, prefix=()):
        """Looks a few times; the last run, checked."""
        for _ in range(max(1, self.times // 4)):
            last = self.look(pid, prefix)
            check_run(last, codes, message)
        return last

    @staticmethod
    def told(done):
        """How it was captured, or why it was not."""
        if done.rc not in REPORT:
            return f"exit {done.rc}: {done.err.strip()}"
        capture = procs.report_of(done)["capture"]
        why = f" ({capture['why_stopped']})" if "why_stopped" in capture else ""
        return f"{capture['method']}{why}, {capture['pause_ns'] / 1e6:.1f} ms"

    def watch(self, *flags, prefix=(), prepare=None, codes=REPORT, message=None, seep_prefix=()):
        with self.unharmed(*flags, prefix=prefix, prepare=prepare) as subject:
            return self.told(self.look_often(subject.pid, codes, message, seep_prefix))

    @staticmethod
    def filter(action, *numbers):
        return (sys.executable, str(HERE / "tracer.py"), "--deny", str(action),
                ",".join(map(str, numbers)))

    @staticmethod
    def group(controller):
        try:
            return Group(controller)
        except Unavailable as error:
            raise Skip(str(error)) from None

    # Nothing special

    def case_a_usual_process(self):
        return self.watch("-forks")

    # System calls that are forbidden, to the process

    def case_userfaultfd_fails_by_filter(self):
        return self.watch(prefix=self.filter(EPERM, SYS_USERFAULTFD))

    def case_userfaultfd_is_unknown(self):
        return self.watch(prefix=self.filter(ENOSYS, SYS_USERFAULTFD))

    def case_userfaultfd_kills_by_filter(self):
        return self.watch(prefix=self.filter("kill", SYS_USERFAULTFD))

    def case_one_thread_is_under_a_filter_that_kills(self):
        return self.watch("-filter")

    def case_no_descriptor_is_left_to_it(self):
        def prepare(subject):
            self.need("prlimit")
            # A call of accept() that is under way has a number that is not listed: one between those in use, or the next.
            files = traces.State(subject.pid).files
            most = max(files) + (2 if len(files) == max(files) + 1 else 1)
            procs.run_measured(["prlimit", "--pid", str(subject.pid), f"--nofile={most}:{most}"])
        return self.watch(prepare=prepare)

    # and to seep

    def case_userfaultfd_is_forbidden_to_seep(self):
        return self.watch(seep_prefix=self.filter("kill", SYS_USERFAULTFD))

    def case_descriptors_cannot_be_taken(self):
        return self.watch(seep_prefix=self.filter(EPERM, SYS_PIDFD_GETFD))

    def case_reading_memory_of_others_is_forbidden(self):
        return self.watch(seep_prefix=self.filter(EPERM, SYS_PROCESS_VM_READV))

    def case_ioctl_is_unknown_to_seep(self):
        """So there is neither PAGEMAP_SCAN nor anything to do with a userfaultfd."""
        return self.watch(seep_prefix=self.filter(ENOSYS, SYS_IOCTL))

    # Users

    def case_same_user_without_capabilities(self):
        self.need("setpriv")
        self.need_scope("0")
        note = self.watch(prefix=self.as_nobody(), seep_prefix=self.as_nobody())
        allowed = pathlib.Path("/proc/sys/vm/unprivileged_userfaultfd")
        return f"{note}; unprivileged_userfaultfd {allowed.read_text('ascii').strip()}" \
            if allowed.exists() else note

    def case_ptrace_scope(self):
        self.need("setpriv")
        scope = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")
        if not scope.exists():
            raise Skip("this kernel has no Yama")
        before = scope.read_text("ascii")
        try:
            for value in "1", "2":  # 3 would stay until the next boot
                scope.write_text(value, "ascii")
                self.watch(prefix=self.as_nobody(), seep_prefix=self.as_nobody(),
                           codes=(EXIT_DENIED,), message="ptrace_scope")
                self.watch(prefix=self.as_nobody())
        finally:
            scope.write_text(before, "ascii")

    @staticmethod
    def need_scope(value):
        scope = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")
        if scope.exists() and scope.read_text("ascii").strip() != value:
            raise Skip(f"ptrace_scope is not {value}")

    # Containers

    def container(self, *more):
        self.need("unshare")
        return ("unshare", "--user", "--map-root-user", "--pid", "--mount", "--uts", "--ipc",
                "--fork", "--mount-proc", "--kill-child", *more)

    def case_container_from_outside(self):
        return self.watch("-forks", prefix=self.container())

    def case_container_with_a_network_of_its_own(self):
        self.need("ip")
        return self.watch(prefix=self.container("--net", "sh", "-c",
                                                'ip link set lo up && exec "$0" "$@"'))

    def case_container_from_inside(self):
        self.need("nsenter")
        with self.unharmed(prefix=self.container()) as subject:
            done = self.look_often(1, prefix=("nsenter", "--target", str(subject.pid), "--user",
                                              "--pid", "--mount", "--preserve-credentials"))
            return self.told(done)

    def case_seep_in_a_container_without_rights(self):
        self.need("unshare")
        return self.watch(codes=(EXIT_DENIED,), message=REMEDY,
                          seep_prefix=("unshare", "--user", "--map-root-user"))

    # Limits of seep's own

    def limited(self, values, name, codes=(*REPORT, EXIT_INTERNAL), prefix=(), who=()):
        self.need("prlimit")
        notes = {}
        with self.unharmed(prefix=who) as subject:
            for value in values:
                done = self.look(subject.pid, (*who, *prefix, "prlimit", f"--{name}={value}"))
                try:
                    check_run(done, codes)
                except Fail as error:
                    raise Fail(f"{name} {value}: {error}") from None
                notes[value] = done.rc
            # And now a good one: nothing is stuck.
            check_run(self.look(subject.pid, who), REPORT)
        return f"exits {notes}"

    def case_little_address_space(self):
        return self.limited([n << 20 for n in (16, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 4096)],
                            "as")

    def case_few_descriptors(self):
        return self.limited(range(3, 21), "nofile")

    def case_no_more_threads_or_processes(self):
        """A limit that root is not bound by."""
        self.need("setpriv")
        self.need_scope("0")
        return self.limited((1, 2, 41, 42, 43), "nproc", who=self.as_nobody())

    def case_nothing_may_be_locked(self):
        return self.limited((0,), "memlock")

    def case_little_stack(self):
        return self.limited((64 << 10, 256 << 10), "stack")

    # Control groups

    def tight_memory(self, mode, spare):
        """The process may have next to no memory more than it has."""
        with self.group("memory") as group:
            with self.target(mode, prefix=group.prefix()) as child:
                time.sleep(0.3)
                group.limit_memory(spare)
                try:
                    before = traces.State(child.pid)
                    done = self.look_often(child.pid)
                    check_runs_on(child)
                    after = traces.State(child.pid)
                    insist(group.oom_kills() == 0, "something was killed for lack of memory")
                    changes = after.changes(before)
                    insist(not changes, f"{len(changes)} changes: {changes[:3]}")
                finally:
                    group.limit_memory(1 << 30)
                grown = after.memory["VmPTE"] - before.memory["VmPTE"]
                insist(grown < 1024, f"its page tables grew by {grown} kB")
                return f"{self.told(done)}; page tables {before.memory['VmPTE']} kB, {grown:+} kB"

    def case_tight_memory(self):
        return self.tight_memory("large", 1 << 20)

    def case_tight_memory_and_large_mappings(self):
        return self.tight_memory("sparse", 1 << 20)

    def case_tight_memory_that_seep_shares(self):
        """As with `docker exec`: if one of them must be killed for lack of memory, then seep. (Not yet in its first 2 MB, before main.)"""
        notes = {}
        with self.group("memory") as group:
            with self.target("large", prefix=group.prefix()) as child:
                time.sleep(0.3)
                for spare in (4, 8, 16, 64, 256):
                    group.limit_memory(spare << 20)
                    done = self.look(child.pid, prefix=group.prefix())
                    group.limit_memory(1 << 30)
                    check_runs_on(child)
                    if done.rc != -signal.SIGKILL:
                        check_run(done, (*REPORT, EXIT_INTERNAL))
                    notes[f"{spare} MiB"] = "killed" if done.rc < 0 else f"exit {done.rc}"
        return ", ".join(f"{spare}: {what}" for spare, what in notes.items())

    def case_little_processor_time(self):
        with self.group("cpu") as group:
            def prepare(subject):
                group.limit_processor(0.02)
                group.add(subject.pid)
                time.sleep(0.3)
            # Its cgroup is one of the things that are compared, so it gets there before.
            note = self.watch(prepare=prepare)
        return note

    def case_frozen(self):
        """As with `docker pause`: nothing can be done, and that is said soon."""
        with self.group("freezer") as group:
            with self.target("idle", prefix=group.prefix()) as child:
                group.freeze(True)
                try:
                    started = time.monotonic()
                    done = self.look(child.pid)
                    took = time.monotonic() - started
                finally:
                    group.freeze(False)
                check_run(done, (*REPORT, EXIT_GONE))
                insist(took < 10, f"took {took:.1f} s")
                check_runs_on(child)
                return f"{self.told(done)} after {took * 1e3:.0f} ms"

    # What cannot be looked at, and the machine in general: for the doctor

    def case_not_a_go_program(self):
        with procs.Child(["sleep", "60"]) as child:
            check_run(self.look(child.pid), (EXIT_UNSUPPORTED,))

    def case_no_such_process(self):
        with procs.Child(["true"]) as child:
            child.popen.wait()
            check_run(self.look(child.pid), (EXIT_GONE,))

    def case_traced_all_the_time(self):
        with self.unharmed() as subject:
            with procs.Child([sys.executable, HERE / "tracer.py", str(subject.pid)]) as tracer:
                tracer.expect("tracing")
                check_run(self.look(subject.pid), (EXIT_DENIED,), "traces it already")
                tracer.popen.stdin.close()
                tracer.popen.stdin = None
                tracer.popen.wait(10)

    def case_the_machine_in_general(self):
        notes = []
        for what, prefix, exit_code, method, failing in (
                ("all is permitted", (), EXIT_OK, "pre-copy", set()),
                ("no ptrace", self.filter(EPERM, SYS_PTRACE), EXIT_DENIED, None, {"ptrace"}),
                ("no pidfd_getfd", self.filter(EPERM, SYS_PIDFD_GETFD), EXIT_OK, "stop-and-copy",
                 {"pidfd_getfd"}),
                ("no process_vm_readv", self.filter(EPERM, SYS_PROCESS_VM_READV), EXIT_OK,
                 "pre-copy", {"process_vm_readv"}),
                ("no userfaultfd", self.filter("kill", SYS_USERFAULTFD), EXIT_OK, "pre-copy", set())):
            done = procs.run_measured([*prefix, self.seep, "doctor", "--json"])
            told = json.loads(done.out)
            amiss = {check["name"] for check in told["checks"] if check["outcome"] != "ok"}
            insist((done.rc, told.get("method"), amiss) == (exit_code, method, failing),
                   f"{what}: exit {done.rc}, {told.get('method')}, {amiss}")
            insist(all(check.get("remedy") for check in told["checks"] if check["outcome"] != "ok"),
                   f"{what}: no remedy")
            notes.append(f"{what}: {told.get('method', done.rc)}")
        return ", ".join(notes)

    # Memory of other kinds

    def unchanged(self, mode):
        with self.target(mode) as child:
            before = traces.State(child.pid)
            done = self.look_often(child.pid)
            check_runs_on(child)
            changes = traces.changes_since(before, child.pid)
            insist(not changes, f"{len(changes)} changes: {changes[:3]}")
            return self.told(done)

    def case_has_nearly_all_mappings_it_may_have(self):
        return self.unchanged("mappings")

    def case_has_locked_its_memory(self):
        self.need()
        return self.unchanged("locked")

    def case_uses_userfaultfd_itself(self):
        return self.watch("-userfaultfd")

    # Others that trace

    def case_traced_on_and_off(self):
        """Whoever comes second is refused; both go away."""
        codes = {}
        with self.unharmed() as subject:
            for _ in range(self.times):
                with procs.Child([sys.executable, HERE / "tracer.py", str(subject.pid)]) as tracer:
                    time.sleep(self.rng.uniform(0, 0.08))
                    done = super().look(subject.pid)
                    check_run(done, (*REPORT, EXIT_DENIED))
                    codes[done.rc] = codes.get(done.rc, 0) + 1
                    tracer.popen.stdin.close()
                    tracer.popen.stdin = None
                    tracer.popen.wait(10)
        return f"exits {codes}"


if __name__ == "__main__":
    sys.exit(run(Environments, __doc__))
