# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Conformance with CPUs: ept_hw.ko in Bochs, on a model of a CPU. It has modules of its own, and
# memory around the first 1G boundary that the kernel is told to leave alone.

# bochs_of SUITE: from now on Bochs is that of a newer suite, with its libraries.
bochs_of() {
	local loader path

	suite_unpack_root "$1" bochs bochs-term bochsbios vgabios
	loader=$(find "$UNPACKED" -name ld-linux-x86-64.so.2 | head -n 1)
	path=$(find "$UNPACKED/usr/lib" -name '*.so*' -printf '%h:\n' | sort -u | tr -d '\n')
	BOCHS=(env "LTDL_LIBRARY_PATH=$UNPACKED/usr/lib/x86_64-linux-gnu/bochs/plugins"
		"$loader" --library-path "$path" "$UNPACKED/usr/bin/bochs-bin")
	BOCHS_SHARE=$UNPACKED/usr/share/bochs
}

# conforms MODEL [ARGUMENT...]
conforms() {
	kernel x86
	KNAME=x86-hw
	modules "$HW"
	guest conforms
	BOCHS_ERRORS=ignore bochs "$1" 1 1040 mem=256M "${@:2}"
	judge --ept_hw "done"
	enough_cases "$1"
}

enough_cases() {
	local cases

	cases=$(sed -n 's/.*ept_hw: \([0-9]*\) cases in all.*/\1/p' "$LOG")
	say "$1: ${cases:-no} cases"
	if [ "${cases:-0}" -ge 20000 ]; then
		pass "at least 20,000 cases on $1"
	else
		fail "at least 20,000 cases on $1" "there were ${cases:-none}"
	fi
}
