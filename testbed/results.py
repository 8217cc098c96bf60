#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Judges a console log: prints a line per test, "PASS|FAIL|SKIP<tab>name[<tab>reason]".

Whatever else is asked for, two things are tests of their own: that the guest's
script came to its end with every step done, and that the kernel complained about
nothing meanwhile.
"""

import argparse
import re
import sys

# What a kernel prints when it is unhappy. A KUnit test may well pass meanwhile.
COMPLAINTS = re.compile(
    r"BUG:|WARNING:|KASAN|KCSAN|KFENCE|UBSAN|Oops|Kernel panic|Call Trace|"
    r"possible (circular|recursive|irq)|inconsistent lock state|"
    r"suspicious RCU usage|sleeping function called|unreferenced object|"
    r"general protection fault|INFO: (task|rcu)|soft lockup|rcu: INFO|"
    r"list_(add|del) corruption")

# What comes before is the kernel's and the emulated machine's: Bochs, for one, says
# things of its CPUs that Linux warns about at boot.
START = "EPT-BED-START"
END = "EPT-BED-END"

# A data race is reported with a stack for each of both accesses.
RACE = re.compile(r"BUG: KCSAN: (data-race in .*)")
RACE_ACCESS = re.compile(r"(race at unknown origin, with )?(read|write|read-write) .*to 0x")
RACE_END = re.compile(r"Reported by Kernel Concurrency Sanitizer|={60}")
FRAME = re.compile(r" *(\? )?[\w.]+\+0x[0-9a-f]+/0x[0-9a-f]+( \[\w+\])?$")
# Readers of a maple tree look at a node before they look whether it is dead, and meanwhile
# a writer may hand it to RCU, whose head lies over the node's pivots.
CALL_RCU = re.compile(r" *(__call_rcu_common|call_rcu)\b")
MAPLE = re.compile(r" *(mtree|mas|mte|mt|ma)_\w+\S*$")

NEWLINE = "\x1e"  # as in lib.sh
TIMESTAMP = re.compile(r"^(<\d+>)?\[\s*\d+\.\d+\](\[\s*[CT]\d+\])? ?")
KTAP_RESULT = re.compile(r"^( *)(not )?ok (\d+)(?: -)? ?([^#]*?) *(?:# *(.*))?$")
KTAP_PLAN = re.compile(r"^( *)1\.\.(\d+)$")
KTAP_SUMMARY = re.compile(r"# .*(pass:\d+ fail:|Totals:|marked slow|module: )")
KTAP_NAME = re.compile(r"^( *)# Subtest: (.*)$")
SAMPLES = ("tinyvmm", "thinvmm", "walkvmm", "procvmm", "ept_hw")
SAMPLE = re.compile(rf"({'|'.join(SAMPLES)}): (?:(PASS|FAIL|SKIP) (.*)|(done|refused): (.*))$")


def read_log(path):
    """The log's lines from the guest's start on, without time stamps."""
    with open(path, errors="replace") as log:
        lines = [TIMESTAMP.sub("", line.rstrip()) for line in log]
    start = next((i for i, line in enumerate(lines) if START in line), 0)
    return lines[start:]


def emit(verdict, name, reason=""):
    reason = reason.replace("\n", NEWLINE).replace("\t", " ")
    print("\t".join(field for field in (verdict, name, reason) if field))


class Level:
    """One nesting level of a KTAP document."""

    def __init__(self):
        self.name = ""
        self.plan = None
        self.seen = 0
        self.failed = False


def judge_ktap(lines):
    """Emits each leaf of the KTAP documents in the log; returns their number."""
    levels = []
    notes = []  # what was printed since the last result
    leaves = 0

    def path(*more):
        return "/".join([level.name for level in levels if level.name] + list(more))

    def close(explained=False):
        """Leaves the innermost level; says whether there is a failure, and why if
        that is not explained yet."""
        level = levels[-1]
        # A case's parameters have no plan, but there are some.
        complete = level.seen if level.plan is None else level.plan == level.seen
        if not complete and not explained:
            emit("FAIL", path() or "kunit",
                 f"{level.plan or 'some'} tests planned, {level.seen} reported\n" +
                 "\n".join(notes[:12]))
        levels.pop()
        return explained or level.failed or not complete

    for line in lines:
        text = line.lstrip()
        depth = (len(line) - len(text)) // 4
        if text.startswith("KTAP version"):
            while len(levels) > depth:
                close()
            levels.append(Level())
            continue
        plan = KTAP_PLAN.match(line)
        name = KTAP_NAME.match(line)
        result = KTAP_RESULT.match(line)
        if depth >= len(levels) or not (plan or name or result):
            if text and not KTAP_SUMMARY.match(text):
                notes.append(text)
        elif plan:
            levels[depth].plan = int(plan[2])
        elif name:
            levels[depth].name = name[2]
        else:
            _, bad, _, title, directive = result.groups()
            is_leaf = len(levels) == depth + 1
            explained = False
            while len(levels) > depth + 1:
                explained = close(explained)
            levels[depth].seen += 1
            levels[depth].failed |= bool(bad) or explained
            if bad and not explained:
                emit("FAIL", path(title), "\n".join(notes[-12:]))
            elif is_leaf and (directive or "").upper().startswith("SKIP"):
                emit("SKIP", path(title), directive[5:])
            elif is_leaf:
                emit("PASS", path(title))
            leaves += is_leaf
            notes = []
    explained = False
    while levels:
        explained = close(explained)
    return leaves


def judge_sample(lines, name, wanted):
    """Emits each check of a sample; it must end in one of the ways wanted."""
    ended = {}
    for line in lines:
        match = SAMPLE.search(line)
        if not match or match[1] != name:
            continue
        _, verdict, what, end, how = match.groups()
        if verdict:
            emit(verdict, f"{name} {what}", what if verdict == "FAIL" else "")
            continue
        ended[end] = how  # insmod tries twice where it is refused
    for end in ended.keys() & set(wanted):
        emit("PASS", f"{name} {end}: {ended[end]}")
    if not ended.keys() & set(wanted):
        emit("FAIL", f"{name} ends as it should",
             f"wanted: {' or '.join(wanted)}; saw: {', '.join(ended) or 'nothing'}")


def judge_program(lines, name):
    """Emits each test of a program in the guest, of two with one name both."""
    pattern = re.compile(re.escape(name) + r": (PASS|FAIL) ([^:]*)(?:: (.*))?$")
    found = [match.groups() for match in map(pattern.search, lines) if match]
    for verdict, what, reason in found:
        emit(verdict, f"{name} {what}", reason or "")
    if not found:
        emit("FAIL", name, "no test reported anything")


def judge_end(lines):
    bad = [line for line in lines if line.startswith("bed: FAIL")]
    if bad:
        emit("FAIL", "each step of the guest worked", "\n".join(bad))
    ends = [line for line in lines if END in line]
    if not ends:
        last = [line for line in lines if line][-3:]
        emit("FAIL", "the guest came to its end", "last lines:\n" + "\n".join(last))
    elif not bad:
        emit("PASS" if "status=0" in ends[-1] else "FAIL", "the guest came to its end")


def race_stacks(lines):
    """The stacks of the report that lines begin with, or None if it is cut off."""
    stacks = []
    for line in lines[1:100]:
        if RACE_END.search(line):
            return stacks
        if RACE_ACCESS.match(line):
            stacks.append([])
        elif stacks and FRAME.match(line):
            stacks[-1].append(line)
    return None


def is_within_maple_tree(stack):
    """Whether the maple tree made the access, itself or by call_rcu()."""
    caller = next((frame for frame in stack if not CALL_RCU.match(frame)), "")
    return bool(MAPLE.match(caller))


def is_kernels_own_race(lines):
    """Whether no access of the report that lines begin with is a module's, or one of a
    function that a module called, or both are the maple tree's: some races of the kernel
    are known and harmless."""
    stacks = race_stacks(lines)
    if not stacks or not all(stacks):
        return False
    if all(map(is_within_maple_tree, stacks)):
        return True
    return not any(frame.endswith("]") for stack in stacks for frame in stack[:2])


def without_kernels_own_races(lines):
    """The lines but for the first ones of such reports, which are tests skipped."""
    rest = []
    for i, line in enumerate(lines):
        race = RACE.search(line)
        if race and is_kernels_own_race(lines[i:]):
            emit("SKIP", f"the kernel's own {race[1]}")
        else:
            rest.append(line)
    return rest


def judge_complaints(lines):
    bad = [line for line in without_kernels_own_races(lines) if COMPLAINTS.search(line)]
    if bad:
        emit("FAIL", "the kernel's log is clean",
             "\n".join(bad[:5]) + (f"\n... {len(bad)} lines" if len(bad) > 5 else ""))
    else:
        emit("PASS", "the kernel's log is clean")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log")
    parser.add_argument("--ktap", action="store_true", help="expect KUnit's results")
    for sample in SAMPLES:
        parser.add_argument(f"--{sample}", metavar="END[,END]",
                            help=f"expect {sample} to end so: done, refused")
    parser.add_argument("--program", metavar="NAME",
                        help="expect results of a program in the guest")
    arguments = parser.parse_args()

    lines = read_log(arguments.log)
    if arguments.ktap and not judge_ktap(lines):
        emit("FAIL", "kunit", "no test reported anything")
    for sample in SAMPLES:
        wanted = getattr(arguments, sample)
        if wanted:
            judge_sample(lines, sample, wanted.split(","))
    if arguments.program:
        judge_program(lines, arguments.program)
    judge_end(lines)
    judge_complaints(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
