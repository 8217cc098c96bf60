#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Prints the matrix of kernels and tests as a table of reStructuredText, from what beds left.

A bed's folder has its results, and 'cells': where in them a cell begins, its row and its column.
"""

import pathlib
import sys

COLUMNS = ("builds", "QEMU", "KUnit", "Bochs")


def cells(bed):
    """Row, column and verdicts of each cell of a bed."""
    verdicts = [line.split("\t", 1)[0] for line in
                (bed / "results").read_text().splitlines()]
    begins = [line.split("\t") for line in (bed / "cells").read_text().splitlines()]
    ends = [int(cell[0]) for cell in begins[1:]] + [len(verdicts)]
    for (begin, row, column), end in zip(begins, ends):
        yield row, column, verdicts[int(begin):end]


def text(verdicts):
    failed = verdicts.count("FAIL")
    if failed:
        return f"**{failed} failed** of {len(verdicts)}"
    return f"{verdicts.count('PASS')} passed"


def table(rows):
    lines = [["kernel, compiler", *COLUMNS]]
    lines += [[row, *(text(seen[column]) if column in seen else "" for column in COLUMNS)]
              for row, seen in rows.items()]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rule = "  ".join("=" * width for width in widths)
    body = ["  ".join(field.ljust(width) for field, width in zip(line, widths)).rstrip()
            for line in lines]
    return "\n".join([rule, body[0], rule, *body[1:], rule])


def main():
    top = pathlib.Path(sys.argv[1])
    rows = {}
    for name in sys.argv[2:]:
        if not (top / name / "cells").exists():
            continue
        for row, column, verdicts in cells(top / name):
            rows.setdefault(row, {}).setdefault(column, []).extend(verdicts)
    print(table(rows))


if __name__ == "__main__":
    main()
