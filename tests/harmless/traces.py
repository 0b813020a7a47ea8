"""What an attach could leave behind in a process, and the processes that tests attach to."""

import json
import os
import re
import struct
import time

import procs
from httpload import Load

# In VmFlags: registered with a userfaultfd, for missing pages, write protection or minor faults.
REGISTERED = {"um", "uw", "ui"}
PAGE = 4096
WRITE_PROTECTED = 1 << 57  # in /proc/PID/pagemap
# What a busy Go program makes on its own; an attach that leaves something each time is over it by far.
NOISE = {"mappings": 24, "threads": 8}

# Of blocked signals: the real-time ones come and go in a thread that calls sigtimedwait() for them.
USUAL = (1 << 31) - 1
INTERNAL = 3 << 31  # signals 32 and 33, which sigfillset() leaves out, but not whoever makes a thread

OF_PROCESS = ("Umask", "Uid", "Gid", "Groups", "SigIgn", "SigCgt", "CapEff", "NoNewPrivs", "Seccomp",
              "Seccomp_filters", "THP_enabled", "untag_mask")
OF_THREAD = ("Name", "CapEff", "Seccomp", "Seccomp_filters", "NoNewPrivs", "Cpus_allowed")
FILES = ("oom_score_adj", "coredump_filter", "limits", "personality", "cgroup", "timerslack_ns")


def read(path):
    """The text of a file of /proc, or why there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as error:
        return f"errno {error.errno}"


def _mappings(pid):
    """[(start, end, permissions, name, flags)]"""
    found = []
    for line in read(f"/proc/{pid}/smaps").splitlines():
        header = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)", line)
        if header:
            start, end, permissions, name = header.groups()
            found.append((int(start, 16), int(end, 16), permissions, name, frozenset()))
        elif line.startswith("VmFlags:") and found:
            found[-1] = (*found[-1][:4], frozenset(line.split()[1:]))
    return found


def _threads(pid):
    threads = {}
    for tid, _, _ in procs.threads_of(pid):
        status = procs.status_of(pid, tid)
        try:
            if status and status["State"][0] not in "ZX":
                blocked = int(status["SigBlk"], 16)
                threads[tid] = ({key: status.get(key) for key in OF_THREAD},
                                f"SigBlk {blocked & USUAL:x}", blocked & INTERNAL == INTERNAL,
                                os.sched_getscheduler(tid), os.getpriority(os.PRIO_PROCESS, tid))
        except ProcessLookupError:
            pass
    return threads


def _files(pid):
    files = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            files[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            pass
    return files


def write_protected(pid, mappings):
    """How many pages still carry the mark of a userfaultfd's write protection."""
    count = 0
    with open(f"/proc/{pid}/pagemap", "rb", buffering=0) as file:
        for start, end, permissions, _, _ in mappings:
            if permissions[1] != "w" or permissions[3] != "p" or start >= 1 << 47:
                continue
            # A large reservation of a runtime holds next to nothing; its beginning will do.
            pages = min((end - start) // PAGE, 1 << 16)
            file.seek(start // PAGE * 8)
            data = file.read(pages * 8)
            count += sum(1 for (word,) in struct.iter_unpack("=Q", data[:len(data) // 8 * 8])
                         if word & WRITE_PROTECTED)
    return count


class State:
    def __init__(self, pid):
        status = procs.status_of(pid)
        self.process = {key: status.get(key) for key in OF_PROCESS}
        self.process.update({name: read(f"/proc/{pid}/{name}") for name in FILES})
        self.files, self.threads = _files(pid), _threads(pid)
        self.mappings = _mappings(pid)
        self.registered = [m for m in self.mappings if m[4] & REGISTERED]
        self.protected = write_protected(pid, self.mappings)
        self.memory = {key: int(status[key].split()[0]) for key in ("VmRSS", "VmPTE", "VmData")}

    def changes(self, before):
        """One line for each thing that is not as it was before."""
        found = [f"{key} was {before.process[key]!r} and is {value!r}"
                 for key, value in self.process.items() if value != before.process[key]]
        for fd in sorted(self.files.keys() | before.files.keys()):
            was, now = before.files.get(fd), self.files.get(fd)
            if was != now:
                found.append(f"descriptor {fd} was {was} and is {now}")
        for tid in self.threads.keys() & before.threads.keys():
            if self.threads[tid] != before.threads[tid]:
                found.append(f"thread {tid} was {before.threads[tid]} and is {self.threads[tid]}")
        for what, was, now in (("threads", len(before.threads), len(self.threads)),
                               ("mappings", len(before.mappings), len(self.mappings))):
            if not -NOISE[what] <= now - was <= NOISE[what]:
                found.append(f"{was} {what} became {now}")
        flags = {m[:4]: m[4] for m in before.mappings}
        for mapping in self.mappings:
            was = flags.get(mapping[:4], mapping[4])
            if was != mapping[4]:
                found.append(f"flags of {mapping[0]:#x}-{mapping[1]:#x} {mapping[3]} changed:"
                             f" {' '.join(sorted(was ^ mapping[4]))}")
        # A process may have registered memory itself; what it does there all the time is not compared.
        own = {m[:2] for m in before.registered}
        for start, end, _, name, flags in self.registered:
            if (start, end) in own:
                continue
            found.append(f"{start:#x}-{end:#x} {name} is registered with a userfaultfd:"
                         f" {' '.join(sorted(flags & REGISTERED))}")
        if self.protected and not own:
            found.append(f"{self.protected} pages are write-protected for a userfaultfd")
        return found


def settled(pid, seconds=10):
    """The state of a process once it does not change by itself and no thread is just beginning: that has all signals blocked."""
    deadline = time.monotonic() + seconds
    state = State(pid)
    while time.monotonic() < deadline:
        time.sleep(0.2)
        earlier, state = state, State(pid)
        newborn = any(internal for _, _, internal, _, _ in state.threads.values())
        if not newborn and not state.changes(earlier):
            break
    return state


def changes_since(before, pid, seconds=0.5):
    """changes(), once what is only under way has had so much time to end."""
    deadline = time.monotonic() + seconds
    while True:
        found = State(pid).changes(before)
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


class Server:
    """tests/harmless/httpserver under load: it must not lose a request."""

    def __init__(self, scratch, options):
        self.error = procs.go_build(f"{procs.REPO}/tests/harmless/httpserver",
                                    f"{scratch}/httpserver", options.go)
        self.path, self.clients = f"{scratch}/httpserver", options.clients

    def __enter__(self):
        self.child = procs.Child([self.path, "-leaks", "20"])
        host, port = self.child.expect("listening").rsplit(":", 1)
        self.load = Load(host, int(port), self.clients).__enter__()
        self.pid = self.child.pid
        return self

    def __exit__(self, *_):
        self.load.stop()
        self.child.close()

    def warm(self):
        return self.load.wait_served(50 * self.clients)

    def runs_on(self):
        """None, or what is wrong with it."""
        if not self.child.alive():
            return "it died"
        return None if self.load.wait_served(1) else "it stopped serving"

    def end(self):
        """Problems, and a summary."""
        self.load.stop()
        failures = self.load.failures
        return ([f"{len(failures)} requests failed: {failures[:3]}"] if failures else [],
                self.load.summary())


class SelfCheck:
    """tests/harmless/selfcheck, which looks at what its system calls return."""

    def __init__(self, scratch, options):
        self.path, self.flags, self.prefix = f"{scratch}/selfcheck", ("-forks",), ()
        self.error = procs.go_build(f"{procs.REPO}/tests/harmless/selfcheck", self.path, options.go,
                                    {"CGO_ENABLED": "1"})

    def __enter__(self):
        self.child = procs.Child([*self.prefix, self.path, *self.flags])
        try:
            self.child.expect("ready")
        except (TimeoutError, RuntimeError):
            self.child.close()
            raise
        self.pid, self.begun = self._inner(self.child.pid), time.monotonic()
        self.last = self.ask()
        return self

    def __exit__(self, *_):
        self.child.close()

    @staticmethod
    def _inner(pid):
        """What a prefix such as unshare has started."""
        while read(f"/proc/{pid}/comm").strip() != "selfcheck":
            pid = int(read(f"/proc/{pid}/task/{pid}/children").split()[0])
        return pid

    def ask(self):
        self.child.send("?")
        return json.loads(self.child.line())

    def warm(self):
        time.sleep(0.5)
        return self.runs_on() is None

    def runs_on(self, seconds=5):
        """None once all have moved since this call, or what is wrong with it."""
        deadline, before = time.monotonic() + seconds, None
        while self.child.alive():
            try:
                now = self.ask()
            except (TimeoutError, TypeError, BrokenPipeError) as error:
                return f"it does not answer: {error}"
            if now["error"]:
                return now["error"]
            before = before or now["rounds"]
            # The long sleepers take 300 ms: they need not move between two looks.
            standing = [name for name, rounds in now["rounds"].items()
                        if rounds <= before.get(name, 0) and "long" not in name]
            if not standing:
                self.last = now
                return None
            if time.monotonic() > deadline:
                return f"stands still: {', '.join(standing)}"
            time.sleep(0.005)
        return f"it died: exit {self.child.popen.returncode}"

    def end(self):
        last = self.last
        text = f"{sum(last['rounds'].values())} calls in {time.monotonic() - self.begun:.0f} s"
        if last["interrupted"]:
            text += ", EINTR as after any stop: " + ", ".join(
                f"{name} {count}" for name, count in sorted(last["interrupted"].items()))
        return [], text


SUBJECTS = {"server": Server, "selfcheck": SelfCheck}


def add_subject_options(parser, otherwise):
    parser.add_argument("--subject", choices=SUBJECTS, default=otherwise,
                        help=f"what is looked at (default: {otherwise})")
    parser.add_argument("--clients", type=int, default=4,
                        help="of the server, with keep-alive (default: 4)")
    parser.add_argument("--method", help="how seep is to pause it, its --pause (default: its own choice)")
    parser.add_argument("--go", metavar="GO1.N.M", help="Go release to build it with")
    procs.add_seep_option(parser)


def pause_option(options):
    return (f"--pause={options.method}",) if options.method else ()
