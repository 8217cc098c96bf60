# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the beds of `make matrix` share: a kernel that others built, and which cell of the matrix
# a result is in.

# cell ROW COLUMN [FIRST]: results from here on are that cell's, or from the FIRST, counted from 0.
cell() {
	printf '%d\t%s\t%s\n' "${3:-$(wc -l <"$RESULTS")}" "$1" "$2" >>"$BED_DIR/cells"
}

# compiler: that of the modules above, by what it left in them.
compiler() {
	readelf -p .comment "$MODULES/ept.ko" | sed -nE 's/.*\] +(GCC|[A-Za-z ]*clang).* ([0-9]+[.][0-9.]+).*/\1 \2/p' |
		sed 's/.*clang/clang/; s/GCC/gcc/; q'
}

# Two clients, of which one differs from the other in its name alone.
stock_clients() {
	local first=$BED_DIR/first-stock second=$BED_DIR/second-stock

	cp -r "$RUN/src/samples/client-dkms" "$first"
	cp -r "$first" "$second"
	mv "$second/first_guest.c" "$second/second_guest.c"
	sed -i 's/first_guest/second_guest/; s/"first"/"second"/' "$second"/*
	client "$first" && client "$second"
}

stock_warns() {
	all_modules >/dev/null 2>&1
	! grep -iE 'warning|error|\*\*\*' "$MODULES.log" && [ -e "$MODULES.ok" ]
}

# stock_builds SERIES [FLAVOUR [SUITE]]: all modules for Debian's kernel. Sets ROW.
stock_builds() {
	stock_kernel "$@"
	silent "modules build without a warning ($KVERSION)" stock_warns
	ROW="$KVERSION, $(compiler)"
	[ -e "$MODULES.ok" ]
}

# stock_runs: in QEMU, what stock_builds built, and clients.
stock_runs() {
	silent "clients build" stock_clients
	cell "$ROW" builds 0
	stock_image
	program again
	cp "$KIMAGE" "$BED_DIR/programs/kernel"
	guest stock
	cell "$ROW" "QEMU"
	# On a loaded machine, a kernel that starts may wait for its timer in vain.
	qemu 2 no_console_suspend no_timer_check
	judge --program bed
}

# own_cell COLUMN: in the row of the kernel of ours that was chosen last.
own_cell() {
	local where=QEMU

	[ "$KARCH" != um ] || where="User Mode Linux"
	cell "$KVERSION from source, $where, $(compiler)" "$1"
}

# stock_guest: in Bochs, what stock_builds built.
stock_guest() {
	stock_image
	stock_module irqbypass kvm kvm-intel
	guest tinyvmm-beside
	cell "$ROW" "Bochs"
	BED_EXIT=poweroff bochs corei7_haswell_4770 1 512 nokaslr mitigations=off
	judge --tinyvmm "done"
}
