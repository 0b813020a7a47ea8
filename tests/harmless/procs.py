"""Starting, watching and ending processes.

Shared by the scripts in this folder, in ../servers, ../oracle and ../../bench. Standard library
only. Whatever is started through here dies with the script: by Child.close(), and should the
script itself be killed, by the parent-death signal.
"""

import collections
import ctypes
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
SKIP = 77

EXIT_OK, EXIT_USAGE, EXIT_DENIED, EXIT_UNSUPPORTED, EXIT_GONE, EXIT_PARTIAL = 0, 2, 3, 4, 5, 6

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def die_with_parent():
    """For preexec_fn: the child is killed when the thread that started it ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def take_usual_signals():
    """What is started from now on gets signals as from a terminal, also if we run in a background that ignores some."""
    for sig in signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM:
        if signal.getsignal(sig) == signal.SIG_IGN:
            signal.signal(sig, signal.SIG_DFL)


def cache_dir(*parts):
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    path = pathlib.Path(base, "seep-test", *parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def seep_path(argument=None):
    """The seep to test: --seep, then $SEEP, then build/seep of this checkout."""
    path = pathlib.Path(argument or os.environ.get("SEEP") or REPO / "build" / "seep").resolve()
    if not os.access(path, os.X_OK):
        print(f"skipped: no seep at {path}; build it, or name one with --seep or $SEEP")
        sys.exit(SKIP)
    return str(path)


def add_seep_option(parser):
    parser.add_argument("--seep", metavar="FILE", help="seep to test (default: $SEEP, build/seep)")


def free_port(kind=socket.SOCK_STREAM):
    """A loopback port the kernel picked; free a moment ago, so callers retry when it is not."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def go_build(module_dir, output, goversion=None, env=None, package=".", flags=()):
    """Builds a Go program; returns an error text or None."""
    settings = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-buildvcs=false", GOWORK="off")
    if goversion:
        settings["GOTOOLCHAIN"] = goversion
    settings.update(env or {})
    try:
        command = ["nice", "-n", "10", "go", "build", *flags, "-o", str(output), package]
        done = subprocess.run(command, cwd=module_dir, env=settings, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, timeout=900)
    except FileNotFoundError:
        return "no go command"
    except subprocess.TimeoutExpired:
        return "go build took more than 900 s"
    return None if done.returncode == 0 else done.stdout.strip()


class Child:
    """A process under test: its output line by line, and its end with ours."""

    def __init__(self, argv, **options):
        options.setdefault("stdin", subprocess.PIPE)
        options.setdefault("stderr", subprocess.DEVNULL)
        self.popen = subprocess.Popen(argv, stdout=subprocess.PIPE, preexec_fn=die_with_parent,
                                      **options)
        self.pid = self.popen.pid
        self._pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def line(self, timeout=20):
        """The next line of output, without its newline; None at the end; TimeoutError."""
        deadline = time.monotonic() + timeout
        stream = self.popen.stdout.fileno()
        while b"\n" not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                raise TimeoutError(f"process {self.pid} printed nothing for {timeout} s")
            data = os.read(stream, 65536)
            if not data:
                return None
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        return line.decode(errors="replace")

    def expect(self, prefix, timeout=20):
        """The rest of the first line that starts with prefix."""
        deadline = time.monotonic() + timeout
        while True:
            line = self.line(max(0.001, deadline - time.monotonic()))
            if line is None:
                raise RuntimeError(f"{self.popen.args[0]} ended before it printed {prefix!r}"
                                   f" (exit {self.popen.wait()})")
            if line.startswith(prefix):
                return line[len(prefix):].strip()

    def drain(self):
        """Drops what was printed so far."""
        self._pending = b""
        while select.select([self.popen.stdout], [], [], 0)[0]:
            if not os.read(self.popen.stdout.fileno(), 1 << 20):
                return

    def send(self, line):
        self.popen.stdin.write(line.encode() + b"\n")
        self.popen.stdin.flush()

    def alive(self):
        return self.popen.poll() is None

    def close(self):
        if self.popen.poll() is None:
            # A stopped process takes SIGKILL all the same.
            self.popen.kill()
        self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass


Run = collections.namedtuple("Run", "rc out err wall cpu rss_kb")


def run_measured(argv, timeout=120, env=None, preexec=None):
    """Runs a command to its end: exit code (negative: signal), output, seconds, peak memory.

    The peak is never below that of this interpreter, some 13 MB, which the child begins as.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        def prepare():
            die_with_parent()
            if preexec:
                preexec()

        started = time.monotonic()
        popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env,
                                 preexec_fn=prepare)
        timed_out = threading.Event()

        def expire():
            timed_out.set()
            os.kill(popen.pid, signal.SIGKILL)

        timer = threading.Timer(timeout, expire)
        timer.start()
        try:
            _, status, usage = os.wait4(popen.pid, 0)
        finally:
            timer.cancel()
        wall = time.monotonic() - started
        popen.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        text = err.read().decode(errors="replace")
        if timed_out.is_set():
            text += f"\nkilled by the test after {timeout} s"
        return Run(popen.returncode, out.read().decode(errors="replace"), text, wall,
                   usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


def run_seep(seep, pid, *options, timeout=120, prefix=(), env=None):
    return run_measured([*prefix, seep, "--json", *options, str(pid)], timeout, env=env)


def report_of(run):
    """The report of a run as a dict, or ValueError that says what is wrong with it."""
    try:
        report = json.loads(run.out)
    except json.JSONDecodeError as error:
        raise ValueError(f"exit {run.rc}, output is not JSON ({error}): {run.out[:200]!r};"
                         f" stderr: {run.err.strip()[:400]}") from None
    if not isinstance(report, dict) or report.get("schema") != "seep/1":
        raise ValueError(f"exit {run.rc}, schema is {str(report)[:100]}, expected seep/1")
    return report


def status_of(pid, tid=None):
    """/proc/PID/status (or of one thread) as a dict; None when it is gone."""
    path = f"/proc/{pid}/status" if tid is None else f"/proc/{pid}/task/{tid}/status"
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    except (FileNotFoundError, ProcessLookupError):
        return None


def children_of(pid):
    """The processes that one of its threads has started and that have not been reaped."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text("ascii").split()]
    return found


def threads_of(pid):
    """[(tid, state letter, tracer pid)]; threads that end meanwhile are left out."""
    try:
        tids = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return []
    threads = []
    for tid in tids:
        status = status_of(pid, tid)
        if status:
            threads.append((int(tid), status["State"][0], int(status["TracerPid"])))
    return threads


def held_threads(pid):
    """What somebody left behind: threads that are stopped or traced."""
    return [thread for thread in threads_of(pid) if thread[1] in "tT" or thread[2]]


def held_after(pid, seconds):
    """held_threads, once they had so much time to run on."""
    deadline = time.monotonic() + seconds
    while True:
        held = held_threads(pid)
        if not held or time.monotonic() >= deadline:
            return held
        time.sleep(0.002)
