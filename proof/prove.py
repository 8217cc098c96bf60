#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the proofs: functions of *.c here, each announced by a comment

	 * PROOF name
	 * What it proves, in a sentence that may go on in more lines
	 * WITH options of CBMC
	 * EXHAUST options of gcc
	 * FAULT file s/what is right/what is wrong/
	 * LONG

A proof passes if CBMC finds that each property holds, and each is reached; one with
EXHAUST if it runs on each path of its choices. It also has to fail with each of its
faults in the sources. --short leaves LONG ones out, and of the others what shows that they can
fail, but for the first fault of each with EXHAUST; that each fault is still one of the sources is
looked at all the same. What passed with --kept FOLDER isn't run again with it for the same sources.
"""
import argparse
import concurrent.futures
import glob
import hashlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
DEFAULTS = ["--unwind", "66", "--drop-unused-functions", "--no-malloc-may-fail"]


class Proof:
    def __init__(self, path, name, lines):
        self.file, self.name = os.path.basename(path), name
        self.options, self.exhaust, self.faults, self.long, sentence = [], None, [], False, []
        for line in lines:
            word, _, rest = line.partition(" ")
            if word == "WITH":
                self.options += rest.split()
            elif word == "EXHAUST":
                self.exhaust = rest.split()
            elif word == "FAULT":
                self.faults.append(rest.split(" ", 1))
            elif word == "LONG":
                self.long = True
            elif line:
                sentence.append(line)
        self.sentence = " ".join(sentence)


def proofs():
    for path in sorted(glob.glob(HERE + "/*.c")):
        with open(path) as file:
            text = file.read()
        for block in re.findall(r"/\*\n \* PROOF (.*?)\n \*/", text, re.S):
            lines = [line.lstrip(" *") for line in block.split("\n")]
            yield Proof(path, lines[0], lines[1:])


def prepare(tree, fault=None):
    """A copy of the sources, with stubs for the headers that they include, and a fault."""
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(tree + "/proof")
    for path in glob.glob(TOP + "/*.[ch]"):
        shutil.copy(path, tree)
    for path in glob.glob(HERE + "/*.[ch]"):
        shutil.copy(path, tree + "/proof")
    if fault:
        path = f"{tree}/{fault[0]}"
        with open(path) as file:
            before = file.read()
        subprocess.run(["sed", "-i", fault[1], path], check=True)
        with open(path) as file:
            if file.read() == before:
                return f"doesn't apply: {fault[0]} {fault[1]}"
    for path in glob.glob(tree + "/ept_*.[ch]"):
        with open(path) as file:
            for header in re.findall(r"#include <(.*)>", file.read()):
                stub = f"{tree}/include/{header}"
                os.makedirs(os.path.dirname(stub), exist_ok=True)
                with open(stub, "w") as out:
                    out.write('#include "kernel.h"\n')
    return None


def sources_sum():
    """Of all that a proof may be of, and of what runs it"""
    found = hashlib.sha256()
    for path in sorted(glob.glob(TOP + "/*.[ch]") + glob.glob(HERE + "/*.*")):
        with open(path, "rb") as file:
            found.update(path[len(TOP):].encode() + b"\0" + file.read())
    for tool in (ARGS.cbmc.split(), ["gcc"]):
        found.update(subprocess.run(tool + ["--version"], stdout=subprocess.PIPE, check=True).stdout)
    return found.hexdigest()[:16]


def limit():
    """Memory and, as a machine may have other work, not time but the CPU's"""
    resource.setrlimit(resource.RLIMIT_AS, (ARGS.memory << 20,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (ARGS.timeout,) * 2)


def cbmc(tree, proof, *options):
    """The properties that fail, and how many are its own; or None, and why there is none."""
    command = ARGS.cbmc.split() + DEFAULTS + list(options) + proof.options + [
        "-I", "include", "-I", "proof", "-I", ".", "--function", proof.name,
        "proof/" + proof.file]
    run = subprocess.run(command, cwd=tree, stdin=subprocess.DEVNULL, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         preexec_fn=limit, check=False)
    if run.returncode in (-signal.SIGKILL, -signal.SIGXCPU):
        return None, f"no answer in {ARGS.timeout} s of a CPU"
    with open(tree + "/log", "w") as file:
        file.write(" ".join(command) + "\n" + run.stdout)
    found = re.findall(r"^\[(\S+)\] (.*): (FAILURE|UNKNOWN|ERROR|SUCCESS)$", run.stdout, re.M)
    failed = [f"{name}: {text}" for name, text, verdict in found
              if verdict in ("FAILURE", "ERROR")]
    if run.returncode not in (0, 10) or (run.returncode == 10 and not failed):
        return None, f"CBMC ended with {run.returncode}, see {tree}/log"
    return failed, sum(".assertion." in name for name, _, _ in found)


def exhaust(tree, proof):
    """The same, of a proof that is run"""
    command = ["gcc", "-O1", "-Wall", "-Wno-unused-function", "-fno-strict-aliasing",
               "-fsanitize=undefined", "-fno-sanitize-recover",
               f"-DPROOF_EXHAUST={proof.name}"] + proof.exhaust + [
        "-I", "include", "-I", "proof", "-I", ".", "-o", "prove", "proof/" + proof.file]
    build = subprocess.run(command, cwd=tree, stdin=subprocess.DEVNULL, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if build.returncode:
        return None, " ".join(command) + "\n" + build.stdout
    run = subprocess.run(["./prove"], cwd=tree, stdin=subprocess.DEVNULL, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         preexec_fn=limit, check=False)
    if run.returncode in (-signal.SIGKILL, -signal.SIGXCPU):
        return None, f"no end in {ARGS.timeout} s of a CPU"
    with open(tree + "/log", "w") as file:
        file.write(run.stdout)
    return ([run.stdout] if run.returncode else []), run.stdout.strip()


def judge(proof, kind, tree, fault=None):
    """None, or why the test of the proof fails"""
    if kind == "faults":
        return "\n".join(filter(None, (prepare(tree, other) for other in proof.faults))) or None
    reason = prepare(tree, fault)
    if reason:
        return reason
    if proof.exhaust is not None:
        failed, more = exhaust(tree, proof)
        if failed is None:
            return more
        return failed[0] if kind == "holds" and failed else (
            None if kind == "holds" or failed else "not noticed")
    failed, more = cbmc(tree, proof, *(["-D", "PROOF_REACHED"] if kind == "reached" else []))
    if failed is None:
        return more
    proved = [text for text in failed if re.match(re.escape(proof.name) + r"\b|\S*assertion", text)]
    if kind == "holds":
        if failed:
            return "\n".join(failed) + f"\nsee {tree}/log"
        return None if more else "CBMC found nothing to prove"
    if kind == "fault":
        return None if proved else "not noticed"
    with open(tree + "/log") as file:
        unreached = re.findall(r"^\[\S*\.assertion\.\d+\] (.*): SUCCESS$", file.read(), re.M)
    return "never looked at: " + ", ".join(unreached) if unreached else None


def run(test):
    proof, kind, n, fault = test
    name = {"holds": f"{proof.name}: {proof.sentence}",
            "reached": f"{proof.name}: each property is looked at",
            "faults": f"{proof.name}: its faults are faults of the sources",
            "fault": f"{proof.name} notices fault {n}"}[kind]
    start, tree = time.time(), f"{proof.name}-{kind}{n or ''}"
    kept = ARGS.kept and f"{ARGS.kept}/{SUM}-{tree}"
    known = kept and os.path.exists(kept)
    reason = None if known else judge(proof, kind, f"{ARGS.build}/{tree}", fault)
    with LOCK:
        if kept and not reason:
            open(kept, "w").close()
        verdict = "FAIL" if reason else "PASS"
        how = "as before" if known else f"{time.time() - start:.1f} s"
        print(f"{verdict} {name} ({how})", flush=True)
        if reason:
            print("    " + reason.replace("\n", "\n    "), flush=True)
        if ARGS.results:
            with open(ARGS.results, "a") as file:
                file.write("\t".join([verdict, name] + ([reason.replace("\n", "\x1e")]
                                                        if reason else [])) + "\n")
    return not reason


def main():
    tests = []
    for proof in proofs():
        if ARGS.names and proof.name not in ARGS.names:
            continue
        if not proof.faults:
            sys.exit(f"{proof.name}: no fault shows that it can fail")
        if ARGS.short:
            tests.append((proof, "faults", 0, None))
            if proof.long:
                continue
        tests.append((proof, "holds", 0, None))
        if proof.exhaust is None and not ARGS.short:
            tests.append((proof, "reached", 0, None))
        shown = proof.faults
        if ARGS.short:
            shown = shown[:proof.exhaust is not None]
        tests += [(proof, "fault", n + 1, fault) for n, fault in enumerate(shown)]
    with concurrent.futures.ThreadPoolExecutor(ARGS.jobs) as pool:
        passed = sum(pool.map(run, tests))
    print(f"{passed} passed, {len(tests) - passed} failed")
    sys.exit(passed != len(tests))


parser = argparse.ArgumentParser()
parser.add_argument("--cbmc", default="cbmc")
parser.add_argument("--build", required=True)
parser.add_argument("--results")
parser.add_argument("--kept")
parser.add_argument("--short", action="store_true")
parser.add_argument("--jobs", type=int, default=1)
parser.add_argument("--timeout", type=int, default=600)
parser.add_argument("--memory", type=int, default=6000, help="MiB, for each")
parser.add_argument("names", nargs="*")
ARGS = parser.parse_args()
LOCK = threading.Lock()
if ARGS.kept:
    SUM = sources_sum()
    os.makedirs(ARGS.kept, exist_ok=True)
main()
