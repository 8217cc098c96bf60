# SPDX-License-Identifier: GPL-2.0
#
# For people; kbuild reads Kbuild instead.

KDIR ?= /lib/modules/$(shell uname -r)/build

SUITES ?= bookworm trixie sid

MODELS ?= lynnfield arrandale sandybridge ivybridge haswell broadwell skylake cannonlake \
	icelake tigerlake sapphirerapids arrowlake

kbuild = $(MAKE) -C $(KDIR) M=$(CURDIR)

.PHONY: all install clean check lint prove hw fuzz coverage mutate bench instructions demo docs deb \
	ship matrix help

all:
	@test -e $(KDIR)/Makefile || { echo "no headers in $(KDIR): apt install" \
		"linux-headers-amd64, and KDIR= where the running kernel has none"; exit 1; }
	$(kbuild) modules

install: all
	$(kbuild) modules_install
	depmod $$($(MAKE) -s -C $(KDIR) kernelrelease)

clean:
	$(kbuild) clean

demo:
	@testbed/demo

check:
	@testbed/check $(BEDS)

bench:
	@testbed/bench $(BEDS)

instructions:
	@UPDATE=1 testbed/check icount

lint:
	@testbed/check lint

docs:
	@testbed/docs

deb:
	@testbed/deb

ship:
	@testbed/check $(patsubst %,ship-%,$(SUITES))

hw:
	@testbed/check $(patsubst %,hw-%,$(MODELS))

matrix:
	@testbed/matrix $(BEDS)

prove:
	@proof/prove $(PROOFS)

fuzz:
	@fuzz/fuzz

coverage:
	@testbed/check coverage
	@cat "$$(ls -t $${XDG_CACHE_HOME:-$$HOME/.cache}/ept/runs/*/coverage/coverage.txt | head -n 1)"

mutate:
	@fuzz/mutate.py $(MUTATE)

help:
	@echo 'make          build ept.ko for the running kernel, or KDIR='
	@echo 'make install  install it, and tell depmod'
	@echo 'make clean    remove what was built here'
	@echo 'make demo     boot Debian in an emulated CPU, run a guest and Debian itself on our tables'
	@echo 'make check    every test; BEDS="uml-fast lint" for some of them, FULL=y for long forms'
	@echo 'make prove    the proofs; PROOFS="legality split" for some of them'
	@echo 'make hw       CPUs, in Bochs, on our tables, case by case; MODELS="haswell" for some'
	@echo 'make fuzz     ten million random operations; OPERATIONS=0 without end; GUIDED=600: libFuzzer'
	@echo 'make coverage what KUnit runs of the sources, and why it does not run the rest'
	@echo 'make mutate   break the sources and see the tests notice, hours; MUTATE="--minutes 60"'
	@echo 'make bench    time and count each operation beside limits and peers'
	@echo 'make instructions  accept new instruction counts, for a commit that says why'
	@echo 'make docs     the documentation as HTML, in Documentation/html'
	@echo 'make deb      Debian packages, in packages/: ept-dkms, ept-dev, ept-tools'
	@echo 'make ship     install, upgrade and remove them in clean roots; SUITES="bookworm"'
	@echo 'make matrix   kernels and compilers, seen: Documentation/kernels-seen.txt'
	@echo 'make lint     kernel-doc, checkpatch and sparse alone'
