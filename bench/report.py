#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes the tables of what ept_bench.ko printed, and holds it to bench/targets.txt.

usage: report.py FOLDER-OF-A-RUN [--update]

The run has a folder for each bed, with its console.log. A target that is missed is a
MISS; one that Documentation/performance.rst lists with its reason, in a line that begins
"* ``<workload>``, ... <target>:", is a known one. The status is 1 if there are others.

Times are the least of many rounds. Ratios and instructions are judged, times never.

--update puts the tables into Documentation/performance.rst, and the points of the chart
into the run's folder.
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = TOP / "Documentation/performance.rst"
LINE = re.compile(r"bench: ([^|]+)\|([^|]+)\|(\d+)\|([^|]+)\|(-?\d+)\|(-?\d+)$")
KHZ = re.compile(r"bench: khz\|(\d+)$")
TABLES = re.compile(r"bench: tables\|([^|]+)\|(\d+)\|(\d+)$")
KNOWN = re.compile(r"^\* ((?:``[^`]+``,? )+)(limit|peer|instructions):")
BEGIN, END = ".. tables begin\n", ".. tables end\n"

# A uniprocessor kernel has no locked instructions: time what needs them on two CPUs.
LOCKED = "W5-live"

# A GiB of 4K leaves: 512 tables of them, one on each level above
TABLES_AT_MOST = 515

# The cost of a pair of calls doesn't depend on what else is mapped, but for cache misses.
FLAT = "beside-"
FLAT_WITHIN = 1.01

# Maps of a page on several CPUs, and faults in a space: the least that two do of what one does, in 2M
# of their own and in the same
FAULT = re.compile(r"((fault|space)-(own|same))-(\d+)$")
RATES = {"fault-own": 1.9, "fault-same": 1.5, "space-own": 1.8, "space-same": 1.5}

# How long a map may wait behind a long operation, in nanoseconds
WAIT = re.compile(r"wait-(.+)$")
WAIT_AT_MOST = 100000

# What it costs that there are CPUs
SCALE = re.compile(r"scale-(.+)-(\d+)$")

# ept itself, what it is compared with at least, and the loop around the calls; all others are peers
NO_PEERS = ("ept", "unlocked", "limit", "nothing")


class Row:
    """A workload: its unit, and each contender's cost of one, least and median."""

    def __init__(self, unit):
        self.unit = unit
        self.least = {}
        self.median = {}

    def peers(self):
        return {name: cost for name, cost in self.least.items()
                if name not in NO_PEERS}

    def ratio(self):
        return self.least["ept"] / self.least["limit"] if "limit" in self.least else None

    def to_best_peer(self):
        peers = self.peers()
        return min(peers.values()) / self.least["ept"] if peers else None

    def without_loop(self, contender):
        """The loop around the calls is nobody's."""
        if contender not in self.least:
            return None
        return self.least[contender] - self.least.get("nothing", 0)


class Log:
    """What the kernels of a bed's machines printed: of several, the least."""

    def __init__(self, bed, in_time):
        self.rows = {}
        self.tables = []
        for path in sorted(bed.glob("console*.log")):
            self.add_machine(path, in_time)

    def add_machine(self, path, in_time):
        tick = 1
        for line in path.read_text(errors="replace").splitlines():
            line = line.rstrip()
            khz, row, tables = KHZ.search(line), LINE.search(line), TABLES.search(line)
            if khz and in_time:
                tick = 1e6 / int(khz[1])
            if row:
                self.add_row(tick, *row.groups())
            if tables:
                self.tables.append((tables[1], int(tables[2]), int(tables[3])))

    def add_row(self, tick, name, unit, units, contender, least, median):
        row = self.rows.setdefault(name, Row(unit))
        for costs, cost in (row.least, least), (row.median, median):
            costs[contender] = min(int(cost) / int(units) * tick,
                                   costs.get(contender, float("inf")))


def read_targets():
    """Workload -> (limit, peer, instructions), None where there is no target."""
    targets = {}
    for line in (TOP / "bench/targets.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, *values = [field.strip() for field in line.split("|")]
            targets[name] = [None if value == "-" else float(value) for value in values]
    return targets


class Judge:
    """Compares with targets, and remembers what was missed."""

    def __init__(self):
        document = DOCUMENT.read_text() if DOCUMENT.exists() else ""
        self.known = {(name, match[2])
                      for match in map(KNOWN.match, document.splitlines()) if match
                      for name in re.findall("``([^`]+)``", match[1])}
        self.unknown = []

    def verdict(self, name, checks):
        """checks: (target's name, whether it is met). Returns what the table says."""
        missed = [what for what, met in checks if not met]
        unknown = [what for what in missed if (name, what) not in self.known]
        self.unknown += [f"{name} {what}" for what in unknown]
        if not missed:
            return "ok" if checks else ""
        return ("MISS " if unknown else "known ") + ", ".join(missed)


def number(value):
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 100 else f"{value:.3g}"


def table(head, lines):
    widths = [max(len(line[i]) for line in [head] + lines) for i in range(len(head))]
    text = ""
    for line in [head] + lines:
        cells = [line[0].ljust(widths[0]), line[1].ljust(widths[1])]
        cells += [cell.rjust(width) for cell, width in zip(line[2:-1], widths[2:-1])]
        text += "  ".join(cells + [line[-1]]).rstrip() + "\n"
    return text


def peer_names(rows):
    names = []
    for row in rows.values():
        names += [name for name in row.peers() if name not in names]
    return names


def times(rows, targets, judge):
    peers = peer_names(rows)
    lines = []
    for name, row in rows.items():
        limit, peer, _ = targets.get(name, (None, None, None))
        checks = []
        if limit:
            checks.append(("limit", row.ratio() <= limit))
        if peer and row.peers():
            checks.append(("peer", row.to_best_peer() >= peer))
        lines.append(
            [name, row.unit, number(row.least["ept"]), number(row.median["ept"]),
             number(row.least.get("unlocked")), number(row.least.get("limit")), number(row.ratio()), number(limit)] +
            [number(row.least.get(name)) for name in peers] +
            [number(row.to_best_peer()), judge.verdict(name, checks)])
    return ("Nanoseconds a unit, the least of many rounds\n\n" +
            table(["workload", "unit", "ept", "(median)", "unlocked", "limit", "x limit",
                   "target"] + peers +
                  ["best peer x", ""], lines))


def instructions(rows, targets, judge):
    peers = peer_names(rows)
    lines = []
    for name, row in rows.items():
        target = targets.get(name, (None, None, None))[2]
        ours = row.without_loop("ept")
        checks = [("instructions", ours <= target)] if target else []
        lines.append([name, row.unit, number(ours), number(target),
                      number(row.without_loop("unlocked")), number(row.without_loop("limit"))] +
                     [number(row.without_loop(peer)) for peer in peers] +
                     [judge.verdict(name, checks)])
    return ("Instructions a unit, without the loop around the calls\n\n" +
            table(["workload", "unit", "ept", "at most", "unlocked", "limit"] + peers + [""], lines))


def curves(log, judge):
    """What doesn't grow: tables, and cost with what is mapped."""
    lines = [[f"tables {name}", "GiB", str(mapped), str(TABLES_AT_MOST), str(left), "1",
              judge.verdict(f"tables-{name}",
                            [("memory", mapped <= TABLES_AT_MOST and left <= 1)])]
             for name, mapped, left in log.tables]
    text = ("Tables of a GiB of 4K leaves, and after all is unmapped, by pattern of calls\n\n" +
            table(["pattern", "", "mapped", "at most", "left", "at most", ""], lines))
    flat = [row.without_loop("ept") for name, row in log.rows.items() if name.startswith(FLAT)]
    if flat:
        verdict = judge.verdict(FLAT + "*", [("flat", max(flat) <= FLAT_WITHIN * min(flat))])
        text += (f"\nInstructions of unmap and map beside 2 MiB to 64 GiB of 4K leaves: "
                 f"{min(flat):.1f} to {max(flat):.1f}  {verdict}\n")
    return text


def faults_in_time(rows, judge):
    """Maps on several CPUs at once, and how many times as fast as on one they are."""
    peers = peer_names(rows)
    lines = []
    for name, row in rows.items():
        match = FAULT.match(name)
        if not match:
            continue
        where, cpus = match[1], int(match[4])
        one = rows[f"{where}-1"].least["ept"]
        rate = one / row.least["ept"]
        checks = [("peer", row.to_best_peer() >= 1)] if row.peers() else []
        if cpus == 2:
            checks.append(("rate", rate >= RATES[where]))
        lines.append([name, "map", number(row.least["ept"]), number(rate),
                      number(RATES[where]) if cpus == 2 else "-",
                      number(row.least.get("unlocked"))] +
                     [number(row.least.get(peer)) for peer in peers] +
                     [judge.verdict(name, checks)])
    return ("Nanoseconds a map of a page, of all CPUs together, and times the rate of one CPU\n\n" +
            table(["workload", "unit", "ept", "x one CPU", "at least", "unlocked"] + peers + [""],
                  lines))


def waits(rows, judge):
    lines = []
    for name, row in rows.items():
        match = WAIT.match(name)
        if match:
            checks = [] if match[1] == "wake-up" else \
                     [("wait", row.least["ept"] <= WAIT_AT_MOST)]
            lines.append([name, "us", number(row.least["ept"] / 1000),
                          number(WAIT_AT_MOST / 1000) if checks else "-",
                          judge.verdict(name, checks)])
    return ("Microseconds that a map waits behind an operation on 64 GiB of 4K leaves, 99 of 100\n\n" +
            table(["behind", "unit", "ept", "at most", ""], lines))


def scale(rows):
    """Operation -> {CPUs: its instructions}, and the unit"""
    scaled = {}
    for name, row in rows.items():
        match = SCALE.match(name)
        if match:
            unit, costs = scaled.setdefault(match[1], (row.unit, {}))
            costs[int(match[2])] = row.least["ept"]
    return scaled


def scale_table(rows):
    scaled = scale(rows)
    cpus = sorted({nr for _, costs in scaled.values() for nr in costs})
    lines = [[name, unit] + [number(costs.get(nr)) for nr in cpus] + [""]
             for name, (unit, costs) in scaled.items()]
    return ("Instructions, of all CPUs, where so many CPUs have mapped into the table\n\n" +
            table(["what", "unit"] + [f"{nr} CPUs" if nr > 1 else "1 CPU" for nr in cpus] + [""],
                  lines))


def update_document(text):
    before, rest = DOCUMENT.read_text().split(BEGIN)
    after = rest.split(END)[1]
    literal = "".join(f"  {line}\n" if line else "\n" for line in text.rstrip().splitlines())
    DOCUMENT.write_text(f"{before}{BEGIN}\n::\n\n{literal}\n{END}{after}")


def write_points(path, rows, prefix, contenders, value):
    """A line for each workload with this prefix: what follows it, and each contender's cost."""
    sizes = {"M": 2**20, "G": 2**30}
    with open(path, "w") as out:
        print("#", *contenders, file=out)
        for name, row in rows.items():
            match = re.fullmatch(prefix + r"(\d+)([MG]?)", name)
            if match:
                costs = [value(row, contender) for contender in contenders]
                print(int(match[1]) * sizes.get(match[2], 1),
                      *["?" if cost is None else cost for cost in costs], file=out)


def write_scaling(run, on_cpus, counted):
    """Maps a microsecond by CPUs, and instructions by CPUs."""
    contenders = ["ept", "generic_pt", "lpae"]
    for where in RATES:
        write_points(run / f"{where}.dat", on_cpus, f"{where}-", contenders,
                     lambda row, contender:
                     1000 / row.least[contender] if contender in row.least else None)
    scaled = scale(counted)
    with open(run / "scale.dat", "w") as out:
        names = [name for name in ("map", "unmap", "flush") if name in scaled]
        print("#", *names, file=out)
        for nr in sorted({nr for name in names for nr in scaled[name][1]}):
            print(nr, *[scaled[name][1].get(nr, "?") for name in names], file=out)


def write_chart(run, counted, timed):
    contenders = ["ept", "generic_pt", "lpae"]
    # Whole tables are another curve.
    there = {name: row for name, row in counted.items() if name not in ("map-512", "unmap-512")}
    for call in ("map", "protect", "unmap"):
        write_points(run / f"{call}.dat", there, call + "-", contenders, Row.without_loop)
    write_points(run / "beside.dat", timed, FLAT, contenders + ["limit"],
                 lambda row, contender: row.least.get(contender))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    run = pathlib.Path(sys.argv[1])
    targets = read_targets()
    judge = Judge()
    timed = Log(run / "bench-uml", True).rows
    locked = Log(run / "bench-smp", True).rows
    icount = Log(run / "bench-icount", False)
    faults = Log(run / "bench-faults", False).rows
    scaled = Log(run / "bench-scale", False).rows
    if LOCKED in locked:
        timed[LOCKED] = locked[LOCKED]
    parts = []
    if timed:
        parts.append(times(timed, targets, judge))
    if any(map(FAULT.match, locked)):
        parts += [faults_in_time(locked, judge), waits(locked, judge)]
    if icount.rows or faults:
        parts.append(instructions({**icount.rows, **faults}, targets, judge))
    if icount.tables:
        parts.append(curves(icount, judge))
    if scaled:
        parts.append(scale_table(scaled))
    text = "\n".join(parts)
    print(text)
    if "--update" in sys.argv:
        update_document(text)
        write_chart(run, icount.rows, timed)
        write_scaling(run, locked, scaled)
    if judge.unknown:
        print(f"{len(judge.unknown)} targets missed: " + ", ".join(judge.unknown))
    sys.exit(bool(judge.unknown))


if __name__ == "__main__":
    main()
