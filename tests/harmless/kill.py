#!/usr/bin/env python3
"""Kills seep at random moments: whatever it was doing, the process it looked at must run on.

A moment is so long after the start, or shortly after something was seen to happen: seep traces the process, has a child, holds
a userfaultfd. Within two seconds of the kill the process must work, and nothing may be left in it: no thread stopped or traced, no
descriptor, no registration, no write-protected page, no signal mask; and nothing that seep started may be alive.
"""

import argparse
import collections
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import procs
import traces

# The kernel lets go at once, and what seep started for the purpose ends its work within this even on a busy machine.
GRACE_S = 2


def running(executable):
    """Processes that run it and are no zombies. Their group does not tell: a child of seep may leave it."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.readlink(f"/proc/{name}/exe") == executable:
                    found.append(int(name))
            except OSError:
                continue
    return found


def start(command):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            preexec_fn=procs.die_with_parent)


def is_traced(_, target):
    status = procs.status_of(target)
    return status is not None and status["TracerPid"] != "0"


def has_child(seep, _):
    try:
        with open(f"/proc/{seep}/task/{seep}/children", encoding="ascii") as file:
            return file.read() != ""
    except OSError:
        return False


def has_userfaultfd(seep, _):
    try:
        return any("userfaultfd" in os.readlink(f"/proc/{seep}/fd/{fd}")
                   for fd in os.listdir(f"/proc/{seep}/fd"))
    except OSError:
        return False


EVENTS = {"traced": is_traced, "a child": has_child, "a userfaultfd": has_userfaultfd}


class Moments:
    """When to kill: over the whole run, or soon after one of the events that this seep shows."""

    def __init__(self, rng, command, target):
        self.rng, self.target, self.events = rng, target, []
        walls = []
        for _ in range(5):
            started = time.monotonic()
            with start(command) as child:
                child.wait(60)
            walls.append(time.monotonic() - started)
            if child.returncode not in (procs.EXIT_OK, procs.EXIT_PARTIAL):
                raise RuntimeError(f"seep itself: exit {child.returncode}")
        self.span = sorted(walls)[2] * 1.1
        for name, happened in EVENTS.items():
            for _ in range(3):
                with start(command) as child:
                    seen = self.wait_for(happened, child)
                    child.wait(60)
                if seen:
                    self.events.append(name)
                    break

    def wait_for(self, happened, child):
        while child.poll() is None:
            if happened(child.pid, self.target):
                return True
        return False

    def wait(self, child):
        """Says what it waited for."""
        name = self.rng.choice(["time", *self.events])
        if name == "time":
            delay = self.rng.uniform(0, self.span)
        else:
            self.wait_for(EVENTS[name], child)
            delay = math.exp(self.rng.uniform(math.log(1e-5), math.log(self.span / 2)))
        time.sleep(delay)
        return f"{name} + {delay * 1e3:.2f} ms"


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40, help="how often (default: 40)")
    parser.add_argument("--signals", default="KILL",
                        help="comma-separated, one taken at random each time (default: KILL)")
    parser.add_argument("--all", action="store_true",
                        help="whatever seep started gets the signal, too, at the same time")
    parser.add_argument("--seed", type=int, help="of the random moments (printed)")
    traces.add_subject_options(parser, "selfcheck")
    return parser.parse_args()


def main():
    options = parse()
    seep = procs.seep_path(options.seep)
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    print(f"seed {seed}")

    with tempfile.TemporaryDirectory(prefix="seep-test-") as scratch:
        subject = traces.SUBJECTS[options.subject](scratch, options)
        if subject.error:
            print(f"skipped: the {options.subject} does not build: {subject.error}")
            return procs.SKIP
        with subject:
            # A copy: nobody else's seep must be taken for one of ours.
            command = [shutil.copy(seep, scratch), "--json", *traces.pause_option(options), str(subject.pid)]
            return kill_often(options, command, subject, random.Random(seed))


def hit(options, child, how):
    """Sends the signal; the problem if seep does not end of it."""
    for pid in running(child.args[0]) if options.all else []:
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            pass
    child.send_signal(how)
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return [f"seep lives on 10 s after {how.name}"]
    return []


def leftovers(child):
    """What seep started and left alive; ends it."""
    deadline = time.monotonic() + GRACE_S
    rest = running(child.args[0])
    while rest and time.monotonic() < deadline:
        time.sleep(0.005)
        rest = running(child.args[0])
    found = []
    for pid in rest:
        status = procs.status_of(pid)
        if status:
            found.append(f"left process {pid} behind: {status['State']},"
                         f" in {traces.read(f'/proc/{pid}/wchan')}")
            os.kill(pid, signal.SIGKILL)
    return found


def kill_often(options, command, subject, rng):
    signals = [getattr(signal, "SIG" + name) for name in options.signals.split(",")]
    if not subject.warm():
        print("FAIL the process does not work by itself:", subject.end()[1])
        return 1
    try:
        moments = Moments(rng, command, subject.pid)
    except RuntimeError as error:
        print("FAIL", error)
        return 1
    before, problems = traces.settled(subject.pid), []
    in_time, slowest = collections.Counter(), 0
    for n in range(options.kills):
        how = rng.choice(signals)
        child = start(command)
        try:
            moment = moments.wait(child)
            in_time[moment.split(" +")[0]] += child.poll() is None
            found = hit(options, child, how)
        finally:
            child.kill()
            child.wait()
        killed = time.monotonic()
        held = procs.held_after(subject.pid, GRACE_S)
        slowest = max(slowest, time.monotonic() - killed)
        found += [f"left stopped or traced: {held[:3]}"] if held else []
        found += leftovers(child)
        broken = subject.runs_on()
        if broken:
            found.append(broken)
        else:
            found += traces.changes_since(before, subject.pid)
        problems += [f"kill {n} ({how.name}, {moment}): {text}" for text in found]
        if broken or len(problems) > 20:
            break
    last, summary = subject.end()
    print(f"{options.kills} signals over 0..{moments.span * 1e3:.1f} ms,"
          f" {sum(in_time.values())} of them while seep ran"
          f" ({', '.join(f'{count} by {name}' for name, count in in_time.items())});"
          f" all let go after {slowest * 1e3:.1f} ms at most; {summary}")
    for problem in problems + last:
        print("FAIL", problem)
    return 1 if problems or last else 0


if __name__ == "__main__":
    sys.exit(main())
