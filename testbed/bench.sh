# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Machines that measure. As those in boot.sh they leave the console's log and judge
# nothing; results come from bench/report.py.

# icount CPUS ARGUMENT...: counts instructions. A tick of the time-stamp counter is
# one of them, and two runs agree in each bit. The CPU has no fast rep stos, which
# would count each byte.
icount() {
	local cpus=$1

	shift
	need qemu
	machine "$BED_DIR/machine.out" qemu-system-x86_64 -accel tcg,thread=single \
		-cpu max,rdrand=off,rdseed=off,erms=off,fsrm=off \
		-icount shift=0,align=off,sleep=off -rtc base=2024-01-01,clock=vm -seed 1 \
		-smp "$cpus" -m "${MEMORY:-1024}" -nodefaults -display none -monitor none -no-reboot \
		-serial "file:$LOG" -kernel "$KIMAGE" -initrd "$INITRAMFS" \
		-append "console=ttyS0 tsc=reliable ${GUEST_ARGS[*]} BED_EXIT=reboot $*"
}

# uml_timed ARGUMENT...: measures time, started by $RUN_WITH, if that is set. The memory is
# of huge pages where this machine allows it, as a kernel's own would be.
uml_timed() {
	local memory=$BED_DIR/memory

	mkdir -p "$memory"
	as_root mount -t tmpfs -o huge=always,size=1200M tmpfs "$memory" || memory=/dev/shm
	# shellcheck disable=SC2086 # a command and its arguments
	TMPDIR=$memory machine "$LOG" ${RUN_WITH:-} "$KIMAGE" mem=1024M con=null con0=null,fd:1 \
		initrd="$INITRAMFS" "${GUEST_ARGS[@]}" BED_EXIT=poweroff "$@"
	[ "$memory" = /dev/shm ] || as_root umount "$memory"
}
