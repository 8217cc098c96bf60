#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Lines and branches that were run, of each source of the module, from gcov's counters.

A line that wasn't run has to be in the file of reasons, or is a failure: "file: line as it is", or
"file: function()" for all of one, and below that, indented, why. So is a reason whose line is gone, or
was run, unless it begins with "By chance". A * in a reason's file or line stands for anything.
"""
import argparse
import json
import os
import re
import subprocess
import sys

OURS = re.compile(r"^(ept_\w+|memtype/\w+|guest/\w+|space/\w+)\.[ch]$")
# In headers that tracepoints are made of, lines mean little.
NOT_OURS = re.compile(r"_trace\.h$|/space_trace\.h$")


def counters_of(root):
    for folder, _, names in os.walk(root):
        yield from (os.path.relpath(f"{folder}/{name}", root) for name in names
                    if name.endswith(".gcda"))


def run_gcov(modules, counters):
    """For each counter file, beside its notes: gcov's JSON"""
    for name in counters_of(counters):
        where = "/" + name
        if not where.startswith(modules + "/") or "/kunit/" in where[len(modules):]:
            continue
        with open(f"{counters}/{name}", "rb") as file, open(where, "wb") as out:
            out.write(file.read())
        done = subprocess.run(["gcov", "--branch-probabilities", "--json-format", "--stdout", where],
                              cwd=modules, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              check=True)
        yield json.loads(done.stdout)


def read(builds):
    """file -> line -> [count, counts of branches, function], summed up over all builds"""
    files = {}
    for modules, counters in builds:
        for report in run_gcov(modules, counters):
            for file in report["files"]:
                path = os.path.relpath(os.path.join(report["current_working_directory"],
                                                    file["file"]), modules)
                if OURS.match(path) and not NOT_OURS.search(path):
                    add(files.setdefault(path, {}), file["lines"])
    return files


def add(known, lines):
    for line in lines:
        entry = known.setdefault(line["line_number"], [0, {}, line.get("function_name")])
        entry[0] += line["count"]
        for i, branch in enumerate(line["branches"]):
            key = (line.get("function_name"), i)
            entry[1][key] = entry[1].get(key, 0) + branch["count"]


def reasons(path):
    known, last = {}, None
    with open(path) as file:
        for line in file:
            line = line.rstrip("\n")
            if line.startswith("#") or not line.strip():
                continue
            if line[0].isspace():
                known[last] += " " + line.strip()
            else:
                name, text = line.split(": ", 1)
                last = (name, text.strip())
                known[last] = ""
    return known


def matches(pattern, text):
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text)


def find_reason(known, path, line, function):
    """The reason's file and line or function, or None"""
    for file, what in known:
        if matches(file, path) and (matches(what, line) or what == f"{function}()"):
            return file, what
    return None


def main():
    builds = [[os.path.realpath(part) for part in pair.split("=")] for pair in ARGS.builds]
    files = read(builds)
    known = reasons(ARGS.reasons)
    totals, missed, explained, used = [0, 0, 0, 0], [], 0, set()
    print(f"{'file':24} {'lines':>12} {'':>7} {'branches':>12}")
    for path in sorted(files):
        with open(f"{builds[0][0]}/{path}") as file:
            text = file.read().split("\n")
        numbers = [0, 0, 0, 0]
        for number, (count, branches, function) in sorted(files[path].items()):
            line = text[number - 1].strip()
            numbers[0] += count > 0
            numbers[1] += 1
            numbers[2] += sum(n > 0 for n in branches.values())
            numbers[3] += len(branches)
            reason = find_reason(known, path, line, function)
            if count and not (reason and known[reason].startswith(" By chance")):
                continue
            if count:
                used.add(reason)
            elif reason:
                used.add(reason)
                explained += 1
            else:
                missed.append(f"{path}:{number}: {line}")
        totals = [a + b for a, b in zip(totals, numbers)]
        show(path, numbers)
    show("all", totals)
    stale = [f"{path}: {line}" for path, line in known if (path, line) not in used]
    judge(totals[1], explained, missed, stale)


def share(part, whole):
    return f"{100 * part / whole:6.1f}%" if whole else f"{'':7}"


def show(name, numbers):
    print(f"{name:24} {numbers[0]:6}/{numbers[1]:<5} {share(*numbers[:2])} "
          f"{numbers[2]:6}/{numbers[3]:<5} {share(*numbers[2:])}")


def judge(counted, explained, missed, stale):
    with open(ARGS.results, "a") as file:
        for name, wrong in (("something was counted", [] if counted else ["no counters"]),
                            ("each line is run, or explained", missed),
                            ("each explanation is needed", stale)):
            verdict = "FAIL" if wrong else "PASS"
            file.write("\t".join([verdict, name] + (["\x1e".join(wrong)] if wrong else [])) + "\n")
    print(f"{explained} lines that aren't run are explained, {len(missed)} are not")


parser = argparse.ArgumentParser()
parser.add_argument("--reasons", required=True)
parser.add_argument("--results", required=True)
parser.add_argument("builds", nargs="+", metavar="MODULES=COUNTERS",
                    help="where modules were built, and what debugfs had in gcov/ of them")
ARGS = parser.parse_args()
main()
