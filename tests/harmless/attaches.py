#!/usr/bin/env python3
"""Looks at a busy process again and again: it must not notice, nor be left changed.

After every attach no thread may be stopped or traced; at the end it must have the mappings, descriptors, registrations,
threads, signal masks and memory that it would have had anyway.
"""

import argparse
import statistics
import sys
import tempfile

import procs
import traces

# Between two looks a program's own memory goes up and down; what grows with each attach passes these.
GROWTH_KB = {"VmRSS": 32 << 10, "VmPTE": 512}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attaches", type=int, default=100, help="how often (default: 100)")
    traces.add_subject_options(parser, "server")
    options = parser.parse_args()
    seep = procs.seep_path(options.seep)

    with tempfile.TemporaryDirectory(prefix="seep-test-") as scratch:
        subject = traces.SUBJECTS[options.subject](scratch, options)
        if subject.error:
            print(f"skipped: the {options.subject} does not build: {subject.error}")
            return procs.SKIP
        with subject:
            return watch(options, seep, subject)


def look(options, seep, subject, pauses, walls):
    """Problems of one attach."""
    run = procs.run_seep(seep, subject.pid, *traces.pause_option(options))
    problems = []
    held = procs.held_after(subject.pid, 0)
    if held:
        # A thread the kernel lets go of a moment after the exit is no harm; tell them apart.
        late = procs.held_after(subject.pid, 0.1)
        problems.append(f"{'still' if late else 'for a moment'} stopped or traced"
                        f" after the end: {(late or held)[:3]}")
    try:
        report = procs.report_of(run)
    except ValueError as error:
        problems.append(str(error))
    else:
        pauses.append(report.get("capture", {}).get("pause_ns", 0) / 1e6)
        walls.append(run.wall * 1e3)
    if run.rc not in (procs.EXIT_OK, procs.EXIT_PARTIAL):
        problems.append(f"exit {run.rc}: {run.err.strip()[:300]}")
    return problems


def watch(options, seep, subject):
    if not subject.warm():
        print("FAIL the process does not work by itself:", subject.end()[1])
        return 1
    # The first looks warm up what is made once; the noise is counted from there.
    problems, walls, pauses, before = [], [], [], None
    for n in range(options.attaches + 5):
        found = look(options, seep, subject, pauses, walls)
        broken = subject.runs_on()
        problems += [f"attach {n}: {text}" for text in [*found, *([broken] if broken else [])]]
        if broken or len(problems) > 20:
            break
        if n == 4:
            before = traces.settled(subject.pid)
    if before and subject.child.alive():
        problems += traces.changes_since(before, subject.pid)
        after = traces.State(subject.pid)
        for key, most in GROWTH_KB.items():
            print(f"{key} {before.memory[key]} kB before, {after.memory[key]} kB after")
            if after.memory[key] > before.memory[key] + most:
                problems.append(f"{key} grew from {before.memory[key]} to {after.memory[key]} kB")
        print(f"{len(after.mappings)} mappings, {len(after.threads)} threads, {len(after.files)}"
              f" descriptors; before {len(before.mappings)}, {len(before.threads)},"
              f" {len(before.files)}")
    last, summary = subject.end()
    print(f"{len(walls)} attaches; {summary}")
    if walls:
        print(f"pause {statistics.median(pauses):.2f} ms median, {max(pauses):.2f} ms max;"
              f" total {statistics.median(walls):.1f} ms median, {max(walls):.1f} ms max")
    for problem in problems + last:
        print("FAIL", problem)
    return 1 if problems or last else 0


if __name__ == "__main__":
    sys.exit(main())
