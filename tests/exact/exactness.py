"""What run.py and churn.py share: programs of the catalogue under the eyes of tests/support/exact.c."""

import contextlib
import os
import pathlib
import subprocess
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
import run_programs as programs  # noqa: E402  (found by the line above)

RELEASES = [
    line
    for line in (TESTS.parent / "tools" / "go-releases.txt").read_text(encoding="ascii").split("\n")
    if line and not line.startswith("#")
]
# Beside the catalogue's own: a collector that 1.25 offers as an experiment.
EXPERIMENTS = {"greenteagc": "greenteagc"}


def exact_program(build):
    """The path of exact in a build folder."""
    path = pathlib.Path(build) / "tests" / "exact"
    if not os.access(path, os.X_OK):
        sys.exit(f"no such program: {path}")
    return path.resolve()


def build(release, flavour):
    """(full release, path of the catalogue's binary); programs.Skip or programs.Failure."""
    go, full = programs.go_command(release)
    if flavour in EXPERIMENTS:
        programs.FLAVOURS[flavour] = programs.Flavour(environment=(("GOEXPERIMENT", EXPERIMENTS[flavour]),))
    return full, programs.build(go, full, flavour, programs.source_hash())


@contextlib.contextmanager
def running(binary, case, variant, godebug=""):
    """A variant of the catalogue that has said it is ready."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GO")}
    if godebug:
        env["GODEBUG"] = godebug
    process = subprocess.Popen(
        [binary, case, variant], env=env,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )
    try:
        programs.await_ready(process, time.monotonic() + programs.READY_SECONDS)
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def looks(exact, pid, count=1, milliseconds=20):
    """What exact printed: for each look its numbers by name, and its other lines."""
    result = subprocess.run(
        [exact, str(pid), str(count), str(milliseconds)],
        capture_output=True, text=True, errors="replace", timeout=60 + 5 * count, check=False,
        stdin=subprocess.DEVNULL,
    )
    found = []
    for line in result.stdout.splitlines():
        words = line.split()
        if words[0] == "look":
            found.append(({}, []))
        elif len(words) == 2 and words[1].isdigit():
            found[-1][0][words[0]] = int(words[1])
        else:
            found[-1][1].append(line)
    if result.returncode != 0 or len(found) != count:
        if not programs.may_trace():
            raise programs.Skip("no right to attach to a process here")
        raise programs.Failure(f"exact's exit status is {result.returncode}", *result.stderr.splitlines())
    return found
