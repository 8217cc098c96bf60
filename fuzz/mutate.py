#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Breaks the module's sources, one comparison, constant, operator, barrier, lock call or store at a
time, and sees whether the tests notice: first the fuzzer and the suites that run in user space, and
for what survives the fuzzer once more, under the compiler's sanitizers. What survives that, too, is
for KUnit in User Mode Linux (--kunit), which takes minutes.

The table of what was tried and what became of it is mutants.txt beside this file. What is in it
isn't tried again: a run may end at any time and go on later. Its lines name a mutant by the text of
its line, so that they hold until that text changes.
"""
import argparse
import concurrent.futures
import os
import re
import resource
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
TABLE = HERE + "/mutants.txt"
REASONS = HERE + "/survivors.txt"

CPU = 60  # seconds of it that a test may take

# What is looked for in a line, and what takes its place. The first letter names the kind.
SWAPS = [
    ("comparison", r"(?<![<>=!+\-*/&|^-])==", "!="),
    ("comparison", r"!=", "=="),
    ("comparison", r"(?<![<>-])<=", "<"),
    ("comparison", r"(?<![<>-])>=", ">"),
    ("comparison", r"(?<![<])<(?![<=])(?= )", "<="),
    ("comparison", r"(?<![>-])>(?![>=])(?= )", ">="),
    ("comparison", r"&&", "||"),
    ("comparison", r"\|\|", "&&"),
    ("comparison", r"(?<![\w)])!(?!=)(?=[\w(])", ""),
    ("constant", r"(?<![\w.\"#])\d+(?=[UL]*\b)(?![\w.]*\")", lambda m: str(int(m.group()) + 1)),
    ("constant", r"(?<![\w.\"#])0x[0-9a-f]+", lambda m: hex(int(m.group(), 16) ^ 1)),
    ("constant", r"\btrue\b", "false"),
    ("constant", r"\bfalse\b", "true"),
    ("constant", r"\bEPT_4K\b", "EPT_2M"),
    ("operator", r"(?<=[\w)\]]) \+ (?=[\w(~])", " - "),
    ("operator", r"(?<=[\w)\]]) - (?=[\w(~])", " + "),
    ("operator", r"(?<=[\w)\]]) & (?=[\w(~])", " | "),
    ("operator", r"(?<=[\w)\]]) \| (?=[\w(~])", " & "),
    ("operator", r"<<(?!=)", ">>"),
    ("operator", r">>(?!=)", "<<"),
    ("operator", r"~(?=[\w(])", ""),
    ("barrier", r"\bsmp_mb\(\)", "(void)0"),
    ("barrier", r"\bsmp_load_acquire\(&?([^()]*)\)", r"READ_ONCE(\1)"),
    ("barrier", r"\bsmp_store_release\(&?([^(),]*), ", r"WRITE_ONCE(\1, "),
    ("barrier", r"\b(atomic\w*)_(acquire|release)\(", r"\1("),
]

# Statements of a line of their own that go
GOES = [
    ("lock", r"^\t+\w*(lock|irq_save|irq_restore|ept_begin|ept_end|enter_shared|leave_shared)\w*\(.*\);$"),
    ("store", r"^\t+(WRITE_ONCE|atomic\w+|list_\w+|llist_\w+|set_\w+|push_page|mem(set|cpy)\w*)\(.*\);$"),
    ("store", r"^\t+\*?[\w>.\[\]-]+(\+\+|--|( [-+|&^]|  ?)= .*);$"),
    ("call", r"^\t+[a-z_]\w*\(.*\);$"),
]

HEADER = ["ept_pte.h", "ept_table.h", "ept_walk.h", "ept_op.h", "ept_read.h", "guest/guest.h"]
FIRST = ["ept_pte.c", "ept_shape.c", "ept_flush.c", "ept_vmx.c", "ept_walk.c", "ept_op.c",
         "ept_change.c", "ept_unmap.c", "ept_harvest.c", "ept_lookup.c", "ept_check.c",
         "ept_visit.c", "ept_stats.c", "ept_cursor.c", "ept_core.c", "ept_table.c", "ept_map.c",
         "memtype/mtrr.c", "memtype/combine.c", "memtype/map.c", "guest/access.c",
         "guest/walk.c"] + HEADER


class Mutant:
    def __init__(self, path, number, line, new, kind, nth):
        self.path, self.number, self.line, self.new = path, number, line, new
        self.kind = kind
        self.key = "\t".join([path, kind, line.strip(), new.strip() or "(nothing)", str(nth)])


def code_of(line):
    """The line with comments and strings made blank, so that places stay."""
    blank = lambda m: " " * len(m.group())
    return re.sub(r"/\*.*?\*/|\"(\\.|[^\"])*\"|'(\\.|[^'])'", blank, line)


def mutants_of(path):
    with open(f"{TOP}/{path}") as file:
        lines = file.read().split("\n")
    seen, comment, found = {}, False, []
    for number, line in enumerate(lines):
        if comment or line.lstrip().startswith("/*"):
            comment = "*/" not in line
            continue
        code = code_of(line)
        if not code.strip() or code.startswith("//") or code.startswith("#") and not code.startswith("#define"):
            continue
        if re.match(r"\s*(EXPORT_|MODULE_|static_assert|case\b|lockdep_|might_|cond_resched|"
                    r"\}? ?while \(0\)|KUNIT|WARN|pr_|ept_trace)", code):
            continue
        made = []
        for kind, pattern, new in SWAPS:
            for match in re.finditer(pattern, code):
                text = new(match) if callable(new) else match.expand(new)
                made.append((kind, line[:match.start()] + text + line[match.end():]))
        whole = number and re.search(r"[;{}:/)]\s*$|^\s*(else|do)?$", lines[number - 1])
        for kind, pattern in GOES:
            if whole and re.match(pattern, code) and not re.match(r"^\t+return\b", code):
                made.append((kind, re.match(r"\t*", line).group() + ";"))
                break
        for kind, new in made:
            key = (line.strip(), new.strip())
            seen[key] = seen.get(key, 0) + 1
            found.append(Mutant(path, number, line, new, kind, seen[key]))
    return found


def limit(bounded):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if bounded:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


def works(command, cwd, bounded=True):
    """Whether it ends well, in time; mostly its memory is bounded, too."""
    try:
        return subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              preexec_fn=lambda: limit(bounded), timeout=20 * CPU, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


class Tree:
    """A copy of the sources that is built again for each mutant"""
    def __init__(self, number):
        self.path = f"{ARGS.build}/tree{number}"
        self.out = self.path + "/out"
        os.makedirs(self.path, exist_ok=True)
        subprocess.run(["rsync", "-a", "--checksum", "--delete", "--exclude=/out", "--exclude=.git",
                        TOP + "/", self.path], check=True)
        if not self.build():
            sys.exit("the sources don't build as they are: make -f fuzz/Makefile")
        if self.noticed():
            sys.exit("the tests fail for the sources as they are")

    def build(self, out=None, optimize="-O1"):
        out = out or self.out
        return works(["make", "-s", "-f", "fuzz/Makefile", "BUILD=" + out,
                      "OPTIMIZE=" + optimize, f"{out}/fuzzer", f"{out}/suites"], self.path)

    def sanitizers_notice(self):
        out = self.path + "/sanitized"
        return (not self.build(out, "-O1 -fsanitize=address,undefined -fno-sanitize-recover=all") or
                not works([out + "/fuzzer", "-q", "-n", "3000"], out, bounded=False))

    def noticed(self, path=""):
        """By whom, or None; the cheapest comes first"""
        layer = path.startswith(("guest/", "memtype/"))
        if not layer and not works([self.out + "/fuzzer", "-q", "-n", "3000"], self.out):
            return "fuzzer"
        suites = ["ept_guest", "ept_memtype"] if layer else ["-ept_random", "-ept_guest",
                                                             "-ept_memtype"]
        if not works([self.out + "/suites"] + suites, self.out):
            return "suites"
        if not works([self.out + "/fuzzer", "-q", "-s", "1000", "-n", str(ARGS.steps)], self.out):
            return "fuzzer"
        if not layer and not works([self.out + "/suites", "ept_random"], self.out):
            return "suites"
        return None

    def write(self, path, lines):
        with open(f"{self.path}/{path}", "w") as file:
            file.write("\n".join(lines))

    def object_of(self, path):
        try:
            with open(f"{self.out}/{path[:-2]}.o", "rb") as file:
                return file.read()
        except OSError:
            return None

    def judge(self, mutant):
        with open(f"{TOP}/{mutant.path}") as file:
            lines = file.read().split("\n")
        before = self.object_of(mutant.path)
        broken = list(lines)
        broken[mutant.number] = mutant.new
        self.write(mutant.path, broken)
        try:
            if not self.build():
                return "doesn't compile"
            if before is not None and self.object_of(mutant.path) == before:
                verdict = "same code"
            else:
                verdict = self.noticed(mutant.path) or "SURVIVES"
                if verdict == "SURVIVES" and self.sanitizers_notice():
                    verdict = "sanitizers"
            if verdict in ("SURVIVES", "same code") and ARGS.kunit:
                # Barriers are no code in user space.
                if verdict == "SURVIVES" or mutant.kind in ("barrier", "lock"):
                    if not works([self.path + "/testbed/kunit"], self.path, bounded=False):
                        verdict = "KUnit"
            return verdict
        finally:
            self.write(mutant.path, lines)
            if before is not None:
                # The object is as it was, so the next one is compared with the right one.
                self.build()


def read_table():
    table = {}
    if os.path.exists(TABLE):
        with open(TABLE) as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    verdict, key = line.rstrip("\n").split("\t", 1)
                    table[key] = verdict
    return table


def write_table(table, order):
    with open(TABLE + ".new", "w") as file:
        file.write("# SPDX-License-Identifier: GPL-2.0\n# Written by mutate.py: verdict, file, "
                   "kind, line as it is, line as it was broken, which of several alike\n")
        for key in order:
            if key in table:
                file.write(f"{table[key]}\t{key}\n")
    os.rename(TABLE + ".new", TABLE)


def reasons():
    """Which survivors are explained"""
    known = set()
    if os.path.exists(REASONS):
        with open(REASONS) as file:
            for line in file:
                if line.strip() and not line.startswith(("#", " ")):
                    known.add(line.rstrip("\n"))
    return known


def summary(table, order):
    counts, known = {}, reasons()
    for key in order:
        if key not in table:
            continue
        path = key.split("\t")[0]
        counts.setdefault(path, {}).setdefault(table[key], []).append(key)
    total = {"noticed": 0, "survives": 0, "explained": 0}
    print(f"{'file':20} {'tried':>6} {'noticed':>8} {'survive':>8} {'explained':>9}")
    for path, verdicts in counts.items():
        noticed = sum(len(verdicts.get(v, [])) for v in ("fuzzer", "suites", "sanitizers", "KUnit"))
        alive = verdicts.get("SURVIVES", [])
        explained = sum(key in known for key in alive)
        print(f"{path:20} {noticed + len(alive):6} {noticed:8} {len(alive):8} {explained:9}")
        total["noticed"] += noticed
        total["survives"] += len(alive)
        total["explained"] += explained
    tried = total["noticed"] + total["survives"]
    if tried:
        print(f"{'all':20} {tried:6} {total['noticed']:8} {total['survives']:8} "
              f"{total['explained']:9}: {100 * total['noticed'] / tried:.1f} % noticed; "
              f"{len(order)} mutants in all, {len([k for k in order if k in table])} tried")
    unexplained = [key for key in order if table.get(key) == "SURVIVES" and key not in known]
    for key in unexplained if ARGS.list else []:
        print("SURVIVES\t" + key)
    return unexplained


def main():
    mutants = [m for path in ARGS.files or FIRST for m in mutants_of(path)]
    order = [m.key for path in FIRST for m in mutants_of(path)]
    table = read_table()
    if not ARGS.list:
        left = [m for m in mutants if table.get(m.key) is None or
                ARGS.again and table[m.key] in ("SURVIVES", "same code")]
        end, lock, free = time.time() + ARGS.minutes * 60, threading.Lock(), []
        free += [Tree(i) for i in range(ARGS.jobs)]

        def try_one(mutant):
            if time.time() > end:
                return
            with lock:
                tree = free.pop()
            verdict = tree.judge(mutant)
            with lock:
                free.append(tree)
                table[mutant.key] = verdict
                write_table(table, order)
                if verdict == "SURVIVES":
                    print(f"{mutant.path}:{mutant.number + 1}: survives: {mutant.new.strip()}",
                          flush=True)

        with concurrent.futures.ThreadPoolExecutor(ARGS.jobs) as pool:
            list(pool.map(try_one, left))
    return 1 if summary(table, order) else 0


parser = argparse.ArgumentParser()
parser.add_argument("--build", default=os.environ.get("TMPDIR", "/tmp") + "/ept-mutants")
parser.add_argument("--jobs", type=int, default=os.cpu_count())
parser.add_argument("--minutes", type=float, default=1e6, help="then end, for another run to go on")
parser.add_argument("--steps", type=int, default=30000, help="of the fuzzer, for each mutant")
parser.add_argument("--kunit", action="store_true", help="what survives is for KUnit, too")
parser.add_argument("--again", action="store_true", help="those that survived, once more")
parser.add_argument("--list", action="store_true", help="what the table has, and try nothing")
parser.add_argument("files", nargs="*")
ARGS = parser.parse_args()
sys.exit(main())
