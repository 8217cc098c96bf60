#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes the tables of what ept_bench.ko printed, and holds it to bench/targets.txt.

The argument is the folder of a run, with a folder for each bed in it. A target that is
missed is a MISS; one that Documentation/performance.rst lists with its reason, in lines
"* ``<workload>`` <target>: ...", is a known one. The status is 1 if there are others.

Times are the least of many rounds. Ratios and instructions are judged, times never.
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
LINE = re.compile(r"bench: ([^|]+)\|([^|]+)\|(\d+)\|([^|]+)\|(-?\d+)\|(-?\d+)$")
KHZ = re.compile(r"bench: khz\|(\d+)$")
KNOWN = re.compile(r"^\* ``([^`]+)`` (limit|peer|instructions): ")

# Where the times of a workload come from, if not from bench-uml: a uniprocessor kernel
# has no locked instructions.
TIMES_OF = {"W5-live": "bench-smp"}


class Row:
    """A workload: its unit, and each contender's cost of one, least and median."""

    def __init__(self, unit):
        self.unit = unit
        self.least = {}
        self.median = {}

    def peers(self):
        return {name: cost for name, cost in self.least.items()
                if name not in ("ept", "limit", "nothing")}

    def ratio(self):
        return self.least["ept"] / self.least["limit"]

    def to_best_peer(self):
        peers = self.peers()
        return min(peers.values()) / self.least["ept"] if peers else None


def read_log(path, in_time):
    """The rows of a log, in nanoseconds or in ticks of the clock."""
    rows = {}
    if not path.exists():
        return rows
    tick = 1
    for line in path.read_text(errors="replace").splitlines():
        khz = KHZ.search(line.rstrip())
        if khz and in_time:
            tick = 1e6 / int(khz[1])
        match = LINE.search(line.rstrip())
        if not match:
            continue
        name, unit, units, contender, least, median = match.groups()
        row = rows.setdefault(name, Row(unit))
        row.least[contender] = int(least) / int(units) * tick
        row.median[contender] = int(median) / int(units) * tick
    return rows


def read_targets():
    """Workload -> (limit, peer, instructions), None where there is no target."""
    targets = {}
    for line in (TOP / "bench/targets.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, *values = [field.strip() for field in line.split("|")]
            targets[name] = [None if value == "-" else float(value) for value in values]
    return targets


def read_known():
    path = TOP / "Documentation/performance.rst"
    if not path.exists():
        return set()
    return {match.groups() for match in map(KNOWN.match, path.read_text().splitlines())
            if match}


class Judge:
    """Compares with targets, and remembers what was missed."""

    def __init__(self):
        self.known = read_known()
        self.unknown = []

    def verdict(self, name, checks):
        """checks: (target's name, whether it is met). Returns what the table says."""
        missed = [what for what, met in checks if not met]
        unknown = [what for what in missed if (name, what) not in self.known]
        self.unknown += [f"{name}: {what}" for what in unknown]
        if not missed:
            return "ok"
        return ("MISS " if unknown else "known ") + ", ".join(missed)


def number(value):
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 100 else f"{value:.3g}"


def print_table(head, lines):
    widths = [max(len(line[i]) for line in [head] + lines) for i in range(len(head))]
    for line in [head] + lines:
        cells = [line[0].ljust(widths[0]), line[1].ljust(widths[1])]
        cells += [cell.rjust(width) for cell, width in zip(line[2:-1], widths[2:-1])]
        print("  ".join(cells + [line[-1]]))


def peer_names(rows):
    names = []
    for row in rows.values():
        names += [name for name in row.peers() if name not in names]
    return names


def print_times(rows, targets, judge):
    peers = peer_names(rows)
    lines = []
    for name, row in rows.items():
        if "ept" not in row.least:
            continue
        limit, peer, _ = targets.get(name, (None, None, None))
        checks = []
        if limit:
            checks.append(("limit", row.ratio() <= limit))
        if peer and row.peers():
            checks.append(("peer", row.to_best_peer() >= peer))
        lines.append(
            [name, row.unit, number(row.least["ept"]), number(row.median["ept"]),
             number(row.least["limit"]), number(row.ratio()), number(limit)] +
            [number(row.least.get(name)) for name in peers] +
            [number(row.to_best_peer()), judge.verdict(name, checks) if checks else ""])
    print("Nanoseconds a unit, the least of many rounds; 'x peer': how much faster than the "
          "best peer\n")
    print_table(["workload", "unit", "ept", "(median)", "limit", "x limit", "target"] + peers +
                ["x peer", ""], lines)
    print()


def print_instructions(rows, targets, judge):
    peers = peer_names(rows)
    lines = []
    for name, row in rows.items():
        if "ept" not in row.least:
            continue
        # The loop around the calls is nobody's.
        loop = row.least.get("nothing", 0)
        target = targets.get(name, (None, None, None))[2]
        ours = row.least["ept"] - loop
        verdict = judge.verdict(name, [("instructions", ours <= target)]) if target else ""
        lines.append([name, row.unit, number(ours), number(target),
                      number(row.least["limit"] - loop)] +
                     [number(row.least[peer] - loop) if peer in row.least else "-"
                      for peer in peers] + [verdict])
    print("Instructions a unit, the loop around the calls taken off\n")
    print_table(["workload", "unit", "ept", "at most", "limit"] + peers + [""], lines)
    print()


def main():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} FOLDER-OF-A-RUN")
    run = pathlib.Path(sys.argv[1])
    targets = read_targets()
    judge = Judge()
    logs = {bed: read_log(run / bed / "console.log", bed != "bench-icount")
            for bed in ("bench-uml", "bench-smp", "bench-icount")}
    times = dict(logs["bench-uml"])
    for name, bed in TIMES_OF.items():
        if logs[bed] and name in times:
            times[name] = logs[bed][name]
    if times:
        print_times(times, targets, judge)
    if logs["bench-icount"]:
        print_instructions(logs["bench-icount"], targets, judge)
    if judge.unknown:
        print(f"{len(judge.unknown)} targets missed: " + "; ".join(judge.unknown))
    sys.exit(bool(judge.unknown))


if __name__ == "__main__":
    main()
