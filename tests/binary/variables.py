#!/usr/bin/env python3
"""Compares what seep reads of package variables, closures and frames with what the running program says of itself.

usage: variables.py VARIABLES GO [GO...]     (VARIABLES: the program made of tests/support/variables.c)

The program tests/binary/variables prints by reflection which parts its package variables have, finds in its closures the
words that it knows to be captured, and prints the words of its own frames and the values of the variables in them. Each
GO command is tried with plain and position-independent executables, and with such as say less: without DWARF there are names
only, without symbols nothing.

Exit status: 0 all as it should be, 1 not, 77 nothing could be built.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).parent / "variables"
# Form: options, whether strip(1) is run over it, what is known then.
FORMS = {
    "plain": ([], False, "types"),
    "pie": (["-buildmode=pie"], False, "types"),
    "linked by gcc": (["-ldflags=-linkmode=external"], False, "types"),
    "not optimized": (["-gcflags=-N -l"], False, "types"),
    "uncompressed": (["-ldflags=-compressdwarf=false"], False, "types"),
    "no DWARF": (["-ldflags=-w"], False, "names"),
    "no symbols": (["-ldflags=-s -w"], False, "nothing"),
    "strip": ([], True, "nothing"),
}
WORDS = {"string": 2, "slice": 3, "eface": 2, "iface": 2}
WRONG = []


def build(go, options, strip, output):
    env = dict(os.environ, GOTOOLCHAIN=os.environ.get("GOTOOLCHAIN", "local"), GOFLAGS="-mod=mod")
    env.pop("GOROOT", None)
    result = subprocess.run([go, "build", *options, "-o", output, "."], cwd=SOURCE, env=env,
                            capture_output=True, text=True)
    if result.returncode != 0:
        print(result.stderr, file=sys.stderr)
        return False
    if strip:
        subprocess.run(["strip", output], check=True)
    return True


def wrong(text):
    WRONG.append(text)
    print(f"  WRONG {text}")


def blocks(lines):
    """[(first line's words, [words of each line below it])]"""
    result = []
    for line in lines:
        if line.startswith("  "):
            result[-1][1].append(line.split())
        elif line != ".":
            result.append((line.split(), []))
    return result


def number(text):
    return int(text, 0)


def compare_variables(expected, actual, knows):
    found = {head[1]: (head, body) for head, body in actual if head[0] == "var"}
    compared = 0
    for head, body in expected:
        if head[0] != "var":
            continue
        name = head[1]
        if knows == "nothing" or name not in found:
            if knows != "nothing":
                wrong(f"variable {name} is missing")
            elif found:
                wrong(f"variables in a program that has none: {sorted(found)[:3]}")
            continue
        their_head, their_body = found[name]
        if their_head[2:4] != head[2:4]:
            wrong(f"variable {name}: {their_head}, not {head}")
        if knows == "types":
            # A descriptor that the linker found nobody to use is none of DWARF's.
            if number(their_head[4]) not in (0, number(head[4])):
                wrong(f"variable {name}: type {their_head[4]}, not {head[4]}")
            if their_body != body:
                diff = [pair for pair in zip(body, their_body) if pair[0] != pair[1]]
                wrong(f"variable {name}: {len(their_body)} parts, not {len(body)}: {diff[:3]}")
        elif their_body or their_head[5:] != ["untyped"]:
            wrong(f"variable {name} has parts without DWARF")
        compared += 1
    ends = [(number(head[2]), number(head[2]) + number(head[3])) for head, _ in actual if head[0] == "var"]
    for (_, end), (start, _) in zip(ends, ends[1:]):
        if start < end:
            wrong(f"variables overlap at {start:#x}")
    return compared


def compare_closure(expected, actual, has_captures):
    """Captures by name: the same offset, and a part there of the same kind and type."""
    (head, captures), (their_head, their_lines) = expected, actual
    names = {line[1]: number(line[2]) for line in their_lines if line[0] == "name"}
    parts = {number(line[0]): line[1:] for line in their_lines if line[0] != "name"}
    if not has_captures and (names or parts):
        wrong(f"{head}: captures before Go 1.23")
    for name, offset, kind, of, may_lack in captures:
        if not has_captures:
            continue
        part = parts.get(number(offset))
        if name not in names and may_lack == "true":
            continue
        if names.get(name) != number(offset) or number(offset) == 0:
            wrong(f"{head}: {name} at {names.get(name)}, not {offset}")
        elif not part or part[0] != kind or number(part[1]) not in (0, number(of)):
            wrong(f"{head}: {name} is {part}, not {kind} {of}")
        elif number(part[1]) == 0 and number(of) != 0:
            wrong(f"{head}: {name} has no type")
    return len(names)


def compare_frame(expected, actual):
    """Wherever a variable is said to stand, its value must stand."""
    (head, lines), (_, their_lines) = expected, actual
    words = {number(line[1]): number(line[2]) for line in lines if line[0] == "word"}
    values = {line[1]: [number(word) for word in line[2:]] for line in lines if line[0] == "local"}
    # A piece of a variable does not say which piece it is; a whole one is checked word by word.
    places = {}
    for line in their_lines:
        if line[0] != "name":
            last = number(line[0]) + 8 * WORDS.get(line[1], 1) - 8
            if last not in words:
                wrong(f"{head}: a part at {line[0]} is no part of the frame")
        else:
            places.setdefault(line[1], []).append((number(line[2]), number(line[3])))
    checked = 0
    for name in places:
        if "." in name:
            wrong(f"{head}: {name} is no variable of the source")
    for name, value in values.items():
        for offset, size in places.get(name, []):
            stand = [words.get(offset + 8 * i) for i in range(size // 8)]
            if size // 8 == len(value) and stand != value:
                wrong(f"{head}: {name} at {offset} is {stand}, not {value}")
            elif not all(word in value for word in stand):
                wrong(f"{head}: piece of {name} at {offset} is {stand}, of {value}")
            checked += 1
    return checked


def compare(tool, program, knows, release):
    expected_lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    entry = expected_lines.pop(0).split()[1]
    expected = blocks(expected_lines)
    asked = [pair for pair in expected if pair[0][0] in ("closure", "frame")]
    questions = "".join(" ".join(head) + "\n" for head, _ in asked)
    result = subprocess.run([tool, program, entry], input=questions, capture_output=True, text=True)
    if result.returncode != 0:
        wrong(result.stderr.strip())
        return
    actual = blocks(result.stdout.splitlines())
    answers = [pair for pair in actual if pair[0][0] != "var"]
    variables = compare_variables(expected, actual, knows)
    captures, places = 0, 0
    for question, reply in zip(asked, answers):
        if os.environ.get("SEEP_SHOW"):
            print(question[0], [line for line in question[1] if line[0] != "word"], reply)
        if knows != "types" and reply[0] != ["nothing"]:
            wrong(f"{question[0]}: {reply}")
        elif question[0][0] == "closure":
            captures += compare_closure(question, reply, knows == "types" and release >= 23)
        else:
            places += compare_frame(question, reply)
    print(f"  {variables} variables, {captures} captures, {places} places on the stack")
    if len(answers) != len(asked):
        wrong(f"{len(answers)} answers to {len(asked)} questions")
    if knows == "types" and (variables == 0 or places < 5 or (release >= 23 and captures < 9)):
        wrong("too little to compare")


def main():
    tool, *gos = sys.argv[1:]
    tried = 0
    with tempfile.TemporaryDirectory() as scratch:
        for go in gos:
            env = dict(os.environ, GOTOOLCHAIN=os.environ.get("GOTOOLCHAIN", "local"))
            version = subprocess.run([go, "version"], env=env, capture_output=True, text=True).stdout
            release = int(re.search(r"go1\.(\d+)", version).group(1))
            for form, (options, strip, knows) in FORMS.items():
                program = f"{scratch}/{form}"
                if not build(go, options, strip, program):
                    continue
                print(f"1.{release}, {form}:")
                tried += 1
                compare(os.path.abspath(tool), program, knows, release)
    if not tried:
        sys.exit(77)
    sys.exit(bool(WRONG))


if __name__ == "__main__":
    main()
