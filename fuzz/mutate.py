#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Breaks the module's sources, one comparison, constant, operator, barrier, lock call or store at a
time, and sees whether the tests notice: first the fuzzer and the suites that run in user space, and
for what survives the fuzzer for longer, and under the compiler's sanitizers. --quick leaves these for
a run with --again. What survives that, too, is for KUnit in User Mode Linux (--kunit), which takes
minutes. ept_space.ko needs a kernel: it is KUnit's alone, a few seconds for each mutant, and half a
minute for each that survives.

The table of what was tried and what became of it is mutants.txt beside this file. What is in it
isn't tried again: a run may end at any time and go on later. Its lines name a mutant by the text of
its line, so that they hold until that text changes.
"""
import argparse
import concurrent.futures
import fcntl
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
TABLE = HERE + "/mutants.txt"
REASONS = HERE + "/survivors.txt"

NOTICED = ("fuzzer", "suites", "amid", "sanitizers", "KUnit")
BUILDS = {
    "plain": ("-O1", ["fuzzer", "suites"]),
    "amid": ("-O1", ["amid"]),
    "sanitized": ("-O1 -fsanitize=address,undefined -fno-sanitize-recover=all", ["fuzzer"]),
}
# Suites that take longer than all others together
SLOW = ["random", "protect", "map", "unmap", "pte", "create"]

# Suites of KUnit that are likely to notice, before all are run
KUNIT = {"ept_visit.c": ["ept_observe*"], "ept_core.c": ["-d", "ept_memory*"],
         "ept_op.h": ["ept_race*"], "ept_map.c": ["ept_race*"], "ept_harvest.c": ["ept_race*"],
         "memtype/": ["ept_host"], "guest/": ["ept_*guest*"]}

# What is for KUnit alone: first all suites of it, then that which is likely to notice what they don't,
# then the rest. The debug kernel sees what is lost, and what fails without memory; in QEMU there are
# huge pages.
SPACE_LIKELY = {"user.c": ["-x", "ept_space_user"], "held.c": ["-d", "ept_space_[hm]*"],
                "log.c": ["-d", "ept_space_[lm]*"], "walk.c": ["-d", "ept_space_[am]*"],
                "touch.c": ["-d", "ept_space_[am]*"], "place.c": ["-d", "ept_space_c*"]}
SPACE_REST = [["-a", "ept_amid_[ls]*"], ["ept_race_[us][sp]*"], ["ept_observe_space"],
              ["-d", "ept_space*"]]

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

SPACE = ["space/" + name + ".c" for name in
         ("anon", "attrs", "change", "client", "fault", "fixed", "held", "log", "move", "place",
          "regions", "touch", "user", "walk", "window")]
HEADER = ["ept_pte.h", "ept_table.h", "ept_walk.h", "ept_op.h", "ept_read.h", "guest/guest.h"]
FIRST = ["ept_pte.c", "ept_shape.c", "ept_flush.c", "ept_vmx.c", "ept_walk.c", "ept_op.c",
         "ept_change.c", "ept_unmap.c", "ept_harvest.c", "ept_lookup.c", "ept_check.c",
         "ept_visit.c", "ept_stats.c", "ept_cursor.c", "ept_core.c", "ept_table.c", "ept_map.c",
         "memtype/mtrr.c", "memtype/combine.c", "memtype/map.c", "guest/access.c",
         "guest/walk.c"] + HEADER + SPACE


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
    with open(f"{TOP}/{path}", encoding="utf-8") as file:
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
                    r"\}? ?while \(0\)|KUNIT|WARN|pr_|(ept_)?trace_?)", code):
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


def status(command, cwd, **environment):
    """What it ends with; None: it doesn't end."""
    with subprocess.Popen(command, cwd=cwd, env=os.environ | {"FIRST": "1"} | environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            return process.wait(300)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None


def works(command, cwd, cpu=None):
    """Whether it ends well; with @cpu, within so many seconds of it, and bounded memory."""
    if cpu:
        command = ["prlimit", f"--cpu={cpu}", f"--as={12 << 30}", "--core=0"] + command
    return status(command, cwd) == 0


def suites_but(suites):
    return [f"-ept_{suite}." for suite in suites]


def tests_of(path):
    """Build, program, arguments, seconds of CPU: in their order, the cheapest first"""
    if path.startswith("memtype/"):
        slow = [f"-ept_memtype.{case}" for case in ("every_page", "masks_with", "as_many_pieces")]
        fast = ["ept_memtype", "ept_typed"]
        quick, long = [("plain", "suites", fast + slow, 5)], [("plain", "suites", fast, 30)]
    elif path.startswith("guest/"):
        quick, long = [("plain", "suites", ["ept_guest"], 10)], [("amid", "amid", ["ept_amid_guest"], 10)]
    else:
        slow, layers = suites_but(SLOW), ["-ept_guest", "-ept_memtype", "-ept_typed"]
        quick = [("plain", "fuzzer", ["-q", "-n", "3000"], 5),
                 ("plain", "suites", layers + slow, 10)]
        amid = [f"ept_amid.each_operation_amid_which_another_comes_is_before_or_after/{operation}"
                for operation in ("map", "install", "unmap")]
        long = [("amid", "amid", ["ept_amid_flags", "ept_amid.each_state"] + amid, 20),
                ("plain", "suites", ["ept_" + suite + "." for suite in SLOW], 40),
                ("plain", "fuzzer", ["-q", "-s", "1000", "-n", str(ARGS.steps)], 30),
                ("sanitized", "fuzzer", ["-q", "-n", "3000"], None)]
    return quick if ARGS.quick else quick + long


def kunit_notices(path, tree):
    likely = [suites for start, suites in KUNIT.items() if path.startswith(start)]
    return any(not works(["testbed/kunit", *suites], tree) for suites in likely + [["*"]])


def likely_for(path):
    return SPACE_LIKELY.get(path.removeprefix("space/"), ["-d", "ept_space_[cm]*"])


class Build:
    """Objects and programs of a tree of sources. What a mutant changed of them is put back."""
    def __init__(self, tree, name):
        self.tree, self.out = tree, f"{tree}/{name}"
        self.optimize, self.programs = BUILDS[name]
        # They may be a mutant's, of a run that was ended.
        self.drop_programs()
        if not all(self.make(program) for program in self.programs):
            sys.exit("the sources don't build as they are: make -f fuzz/Makefile")
        self.good = {path: self.read(path) for path in self.objects()}

    def make(self, program):
        return works(["make", "-s", "-f", "fuzz/Makefile", "BUILD=" + self.out,
                      "OPTIMIZE=" + self.optimize, f"{self.out}/{program}"], self.tree)

    def drop_programs(self):
        for program in self.programs:
            if os.path.exists(f"{self.out}/{program}"):
                os.remove(f"{self.out}/{program}")

    def objects(self):
        return [f"{folder}/{name}" for folder, _, names in os.walk(self.out)
                for name in names if name.endswith(".o")]

    @staticmethod
    def read(path):
        with open(path, "rb") as file:
            return file.read(), os.stat(path).st_mtime_ns

    def differs(self):
        """Whether code of the module does, for which its tests are built again, too"""
        return any(self.read(path)[0] != good[0] for path, good in self.good.items()
                   if not path.startswith((self.out + "/kunit/", self.out + "/fuzz/")))

    def restore(self):
        self.drop_programs()
        for path, (content, time_ns) in self.good.items():
            if not os.path.exists(path) or os.stat(path).st_mtime_ns != time_ns:
                with open(path, "wb") as file:
                    file.write(content)
                os.utime(path, ns=(time_ns, time_ns))

    def passes(self, program, arguments, cpu):
        return self.make(program) and works([f"{self.out}/{program}"] + arguments, self.out, cpu)


class Tree:
    """A copy of the sources, in which one after the other is broken"""
    def __init__(self, number):
        self.path = f"{ARGS.build}/tree{number}"
        os.makedirs(self.path, exist_ok=True)
        # Not with their times: what a run that was ended left broken is to be built again.
        subprocess.run(["rsync", "-rlp", "--checksum", "--delete", "--exclude=.git"] +
                       [f"--exclude=/{name}" for name in BUILDS] + [TOP + "/", self.path], check=True)
        self.builds = {name: Build(self.path, name) for name in (["plain"] if ARGS.quick else BUILDS)}
        for build, *test in tests_of(""):
            if not self.builds[build].passes(*test):
                sys.exit(f"the tests fail for the sources as they are: {build}, {test}")
        if (ARGS.kunit or set(ARGS.files or SPACE) & set(SPACE)) and kunit_notices("", self.path):
            sys.exit("KUnit fails for the sources as they are")
        seen = []
        for path in ARGS.files or SPACE:
            if path in SPACE and likely_for(path) not in seen:
                seen.append(likely_for(path))
                if self.verdict_of_space(path) != "SURVIVES":
                    sys.exit(f"KUnit fails for the sources as they are: {path}")

    def verdict(self, mutant):
        """By whom it is noticed, or why that isn't asked, or SURVIVES"""
        if mutant.path in SPACE:
            return self.verdict_of_space(mutant.path)
        tests = tests_of(mutant.path)
        if not self.builds["plain"].make(tests[0][1]):
            return "doesn't compile"
        if not self.builds["plain"].differs():
            return "same code"
        for build, *test in tests:
            if not self.builds[build].passes(*test):
                return "sanitizers" if build == "sanitized" else test[0]
        return "SURVIVES"

    def verdict_of_space(self, path):
        # Five seconds of CPU are enough, or twenty, and many mutants go on without end. Three times that:
        # who is ended only for being slow would count as noticed.
        ended = status(["prlimit", "--cpu=15", "testbed/kunit", "ept_space*"], self.path,
                       BOOT_SECONDS="60")
        for suites in [] if ARGS.quick else [likely_for(path)] + SPACE_REST:
            if ended != 0:
                break
            ended = status(["prlimit", "--cpu=60", "testbed/kunit"] + suites, self.path,
                           BOOT_SECONDS="200", BRIEF="y")
        return {0: "SURVIVES", 2: "doesn't compile"}.get(ended, "KUnit")

    def judge(self, mutant):
        """The same, with the tree as it was before and after"""
        path = f"{self.path}/{mutant.path}"
        before, time_ns = Build.read(path)
        lines = before.decode().split("\n")
        assert lines[mutant.number] == mutant.line
        lines[mutant.number] = mutant.new
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
        verdict = self.verdict(mutant)
        # Barriers are no code in user space.
        if ARGS.kunit and (verdict == "SURVIVES" or
                           verdict == "same code" and mutant.kind in ("barrier", "lock")):
            verdict = "KUnit" if kunit_notices(mutant.path, self.path) else verdict
        # In this order: a run that is ended here finds the source broken, and builds it again.
        for build in self.builds.values():
            build.restore()
        with open(path, "wb") as file:
            file.write(before)
        os.utime(path, ns=(time_ns, time_ns))
        return verdict


def read_table():
    table = {}
    if os.path.exists(TABLE):
        with open(TABLE, encoding="utf-8") as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    verdict, key = line.rstrip("\n").split("\t", 1)
                    table[key] = verdict
    return table


def write_table(table, order):
    with open(TABLE + ".new", "w", encoding="utf-8") as file:
        file.write("# SPDX-License-Identifier: GPL-2.0\n# Written by mutate.py: verdict, file, "
                   "kind, line as it is, line as it was broken, which of several alike\n")
        for key in order:
            if key in table:
                file.write(f"{table[key]}\t{key}\n")
    os.rename(TABLE + ".new", TABLE)


def note(key, verdict, order):
    """Adds a verdict to the table, to which another run may add at the same time"""
    with open(REASONS, encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        table = read_table()
        table[key] = verdict
        write_table(table, order)


def reasons():
    """The survivors that are explained"""
    with open(REASONS, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if line.strip() and line[0] not in "#\t"]


def row(name, keys, table, known):
    verdicts = [table[key] for key in keys if table.get(key)]
    noticed = sum(verdict in NOTICED for verdict in verdicts)
    alive = [key for key in keys if table.get(key) == "SURVIVES"]
    explained = sum(key in known for key in alive)
    print(f"{name:20} {noticed + len(alive):6} {noticed:8} {len(alive):8} {explained:9} "
          f"{100 * noticed / max(1, noticed + len(alive)):6.1f} {len(keys) - len(verdicts):6}")


def summary(table, order):
    """Returns what is wrong with the survivors and what is said of them."""
    known = set(reasons())
    print(f"{'file':20} {'tried':>6} {'noticed':>8} {'survive':>8} {'explained':>9} {'%':>6} {'left':>6}")
    for path in FIRST:
        row(path, [key for key in order if key.startswith(path + "\t")], table, known)
    row("all", order, table, known)
    wrong = ["SURVIVES\t" + key for key in order
             if table.get(key) == "SURVIVES" and key not in known]
    if not ARGS.sample:
        wrong += ["explained, but no survivor\t" + key for key in known
                  if table.get(key) != "SURVIVES"]
    if ARGS.list:
        print("\n".join(wrong))
    return wrong


def is_left(mutant, verdict, known):
    if verdict is None:
        return True
    return ARGS.again and (verdict == "SURVIVES" and mutant.key not in known or
                           ARGS.kunit and verdict == "same code")


def try_all(mutants, order):
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
            note(mutant.key, verdict, order)
            if verdict == "SURVIVES":
                print(f"{mutant.path}:{mutant.number + 1}: survives: {mutant.new.strip()}",
                      flush=True)

    with concurrent.futures.ThreadPoolExecutor(ARGS.jobs) as pool:
        list(pool.map(try_one, mutants))


def main():
    mutants = [mutant for path in FIRST for mutant in mutants_of(path)]
    order = chosen = [mutant.key for mutant in mutants]
    if ARGS.sample:
        # The first of one order: a larger sample has all of a smaller one.
        random.Random(1).shuffle(mutants)
        mutants = mutants[:ARGS.sample]
        chosen = [mutant.key for mutant in mutants]
    if not ARGS.list:
        table, known = read_table(), set(reasons())
        try_all([mutant for mutant in mutants if is_left(mutant, table.get(mutant.key), known) and
                 (not ARGS.files or mutant.path in ARGS.files)], order)
    return 1 if summary(read_table(), chosen) else 0


parser = argparse.ArgumentParser()
parser.add_argument("--build", default=os.environ.get("TMPDIR", "/tmp") + "/ept-mutants")
parser.add_argument("--jobs", type=int, default=os.cpu_count())
parser.add_argument("--minutes", type=float, default=1e6, help="then end, for another run to go on")
parser.add_argument("--sample", type=int, help="so many, drawn evenly, always the same ones")
parser.add_argument("--quick", action="store_true", help="leave what takes long to --again")
parser.add_argument("--again", action="store_true", help="those that survived unexplained, too")
parser.add_argument("--steps", type=int, default=20000, help="of the fuzzer, for each mutant")
parser.add_argument("--kunit", action="store_true", help="what survives is for KUnit, too")
parser.add_argument("--list", action="store_true", help="what the table has, and try nothing")
parser.add_argument("files", nargs="*")
ARGS = parser.parse_args()
sys.exit(main())
