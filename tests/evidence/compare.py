#!/usr/bin/env python3
"""compare.py EVIDENCE_DUMP TRUTH FILE STRIPPED [-v]: what evidence_dump says of the stripped file's package variables, against
what the DWARF of the other one says (by TRUTH, built from truth/). Ends with 1 if a claim is wrong."""
import collections
import re
import subprocess
import sys

OURS = ("runtime.", "internal/runtime", "runtime/")


def bare(name):
    """Without import paths: DWARF has them in full, descriptors only their last element."""
    return re.sub(r"[\w.\-/%~]*/", "", name).replace("%2e", ".").replace("interface {}", "any")


def same(claim, truth):
    kind, off, claim_size, name = claim
    true_kind, true_off, size, _, true_name = truth
    if kind != true_kind:
        return False
    if kind in ("string", "func", "eface", "iface") or (kind == "chan" and off == 0):
        return True
    if off == true_off:
        return True
    if kind == "map":  # named and unnamed types with the same key and element
        return bare(name) == bare(true_name)
    if kind == "chan":  # of whichever direction
        return name.split(" ")[-1].split(".")[-1] == true_name.split(" ")[-1].split(".")[-1]
    return true_off == 0 and name.split(".")[-1] == true_name.split(".")[-1]


def converted(claim, truth):
    """type B A, and a *A that is kept as a *B: the memory is the same, its name is not."""
    return claim[0] == truth[0] == "pointer" and claim[2] == truth[2] > 0 and "struct {" not in claim[3]


def main():
    dump, truth_command, plain, stripped = sys.argv[1:5]
    verbose = "-v" in sys.argv
    truth, stats = {}, {}
    for line in subprocess.run([truth_command, plain], check=True, capture_output=True, text=True).stdout.splitlines():
        addr, kind, off, size, variable, name = line.split(" ", 5)
        truth[int(addr, 16)] = (kind, int(off), int(size), variable, name)
    claims = {}
    for line in subprocess.run([dump, stripped], check=True, capture_output=True, text=True).stdout.splitlines():
        parts = line.split(" ", 5)
        if parts[0] == "word":
            claims[int(parts[1], 16)] = (parts[2], int(parts[3]), int(parts[4]), parts[5])
        else:
            stats[parts[0]] = parts[1]
    wrong, unknown, renamed, right = [], [], [], collections.Counter()
    for addr, claim in sorted(claims.items()):
        if addr not in truth:
            unknown.append((addr, claim))
        elif same(claim, truth[addr]):
            right[claim[0]] += 1
        elif converted(claim, truth[addr]):
            renamed.append((addr, claim, truth[addr]))
        else:
            wrong.append((addr, claim, truth[addr]))
    total, typed = collections.Counter(), collections.Counter()
    for addr, what in truth.items():
        if what[3].startswith(OURS) or "..stmp_" in what[3] or what[3].startswith("unicode."):
            continue
        total[what[0]] += 1
        typed[what[0]] += addr in claims
        if verbose and addr not in claims:
            print("untyped", hex(addr), *what)
    for addr, claim, what in wrong:
        print("wrong", hex(addr), claim, what)
    for addr, claim, what in renamed:
        print("converted", hex(addr), claim, what)
    for addr, claim in unknown if verbose else []:
        print("no variable there", hex(addr), claim)
    print(" ".join(f"{k}={v}" for k, v in stats.items()))
    print(f"right {sum(right.values())} wrong {len(wrong)} converted {len(renamed)} in unnamed variables {len(unknown)}; typed "
          f"{sum(typed.values())} of {sum(total.values())}: "
          + ", ".join(f"{k} {typed[k]}/{total[k]}" for k in sorted(total)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
