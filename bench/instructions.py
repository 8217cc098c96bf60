#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Holds the instructions of some operations to bench/instructions.txt, most to the last one.

usage: instructions.py LOG COMPILER-AND-KERNEL [--update]

Those of a thin hypervisor ("bench: host") are held to bench/targets.txt instead.

Prints a line for each operation, "PASS|FAIL|SKIP<tab>name[<tab>reason]". They depend on
the compiler, the kernel's headers and its locks, so the table has a section for each pair
of compiler and kernel; without one for the second argument, there is nothing to compare.
--update writes the section anew: for changes that are meant to be, and whose commit says why.
"""

import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
TABLE = FOLDER / "instructions.txt"
TARGETS = FOLDER / "targets.txt"
LINE = re.compile(r"bench: ([^|]+)\|([^|]+)\|(\d+)\|(ept|limit)\|(\d+)\|\d+$")
HOST = re.compile(r"bench: host\|([^|]+)\|(\d+)\|(\d+)$")
# What takes pages isn't exact, but is no more than so many times the least.
WITHIN = {"space-populate": 1.1}
# The kernel's own work depends on where things lie in memory: so many more or less were seen
NEAR = {"space-munmap": 10}
NEWLINE = "\x1e"  # as in testbed/lib.sh


def read_table():
    """Section -> {operation: instructions}, and the lines before the first section."""
    head, sections = [], {}
    for line in TABLE.read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif not sections:
            head.append(line)
        elif line:
            name, total = line.split()[:2]
            section[name] = int(total)
    return head, sections


def write_table(head, sections):
    lines = head[:]
    for key in sorted(sections):
        lines.append(f"[{key}]")
        lines += [f"{name:<12} {total:>9}" for name, total in sections[key].items()]
        lines.append("")
    TABLE.write_text("\n".join(lines))


def read_targets():
    """Workload -> what it may take at most, of those that have a number."""
    targets = {}
    for line in TARGETS.read_text().splitlines():
        name, *values = [field.strip() for field in line.split("|")]
        if not line.startswith("#") and values[2] != "-":
            targets[name] = float(values[2])
    return targets


def judge_host(log):
    targets = read_targets()
    counted = {match[1]: int(match[3]) / int(match[2])
               for match in map(HOST.search, map(str.rstrip, open(log, errors="replace")))
               if match}
    for name in filter(lambda name: name.startswith("host-"), targets):
        each, most = counted.get(name), targets[name]
        if each is not None and each <= most:
            print(f"PASS\t{name}: {each:.0f}, at most {most:.0f}")
        else:
            print(f"FAIL\t{name}\t{each}, at most {most:.0f}")


def main():
    log, key = sys.argv[1:3]
    counted, least = {}, {}
    for line in open(log, errors="replace"):
        match = LINE.search(line.rstrip())
        if match:
            name, unit, units, contender, total = match.groups()
            if contender == "limit":
                least[name] = int(total)
            else:
                counted[name] = (int(total), f"{int(total) / int(units):.2f} a {unit}")
    head, sections = read_table()
    if "--update" in sys.argv:
        sections[key] = {name: total for name, (total, _) in counted.items()
                         if name not in WITHIN}
        write_table(head, sections)
        return
    judge_host(log)
    if key not in sections:
        print(f"SKIP\tinstructions\tno counts for {key} in bench/instructions.txt")
        return
    for name, expected in sections[key].items():
        total, each = counted.get(name, (None, "not run"))
        if total and abs(total - expected) <= NEAR.get(name, 0):
            print(f"PASS\tinstructions of {name}: {each}")
        else:
            print(f"FAIL\tinstructions of {name}\t{total} ({each}), expected {expected}; if it "
                  f"is meant to be: make instructions,{NEWLINE}and say why in the commit")
    for name, times in WITHIN.items():
        ratio = counted[name][0] / least[name] if name in counted and name in least else None
        if ratio and ratio <= times:
            print(f"PASS\tinstructions of {name}: {ratio:.2f} times the least")
        else:
            print(f"FAIL\tinstructions of {name}\t{ratio} times the least, at most {times}")


if __name__ == "__main__":
    main()
