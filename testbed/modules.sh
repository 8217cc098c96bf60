# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Modules: each kernel gets its own copy of the sources, so that objects of two
# kernels never mix and the work tree stays as it is. All copies of a run come
# from one snapshot, so that all beds test the same sources.

# snapshot: the sources as they are now, to $RUN/src.
snapshot() {
	tar -C "$TOP" --exclude-vcs --exclude-from="$TOP/.gitignore" -cf - . |
		tar -C "$RUN/src" -xf -
}

# modules OPTION...: builds ept.ko and what else OPTION... asks of kbuild for the
# kernel that was chosen last, once in a run. Sets MODULES, the folder they are in;
# what the build printed is in $MODULES.log. All beds of a run must ask the same of
# one kernel.
modules() {
	MODULES=$RUN/modules/$KNAME
	with_lock "$MODULES.lock" build_modules "$@"
}

build_modules() {
	[ ! -e "$MODULES.ok" ] || return 0
	[ ! -e "$MODULES.failed" ] || die "building the modules failed: $MODULES.log"
	cp -r "$RUN/src" "$MODULES"
	if ! quietly "$MODULES.log" "${KMAKE[@]}" M="$MODULES" "$@" modules; then
		touch "$MODULES.failed"
		return 1
	fi
	touch "$MODULES.ok"
}

# all_modules: all but KUnit, for a kernel that others built.
all_modules() {
	local options=("${SAMPLES[@]}" "$BENCH" "$SPACE_DEVICE" "$HW" W=1)

	# It stays in VMX operation, which Linux lets KVM do alone from 7.2 on (samples/vmx.c).
	[[ $KVERSION =~ ^(6|7[.][01])[.] ]] || options+=(CONFIG_EPT_SAMPLE_THINVMM=n)
	modules "${options[@]}"
}

# client SOURCES: builds a client's module for the modules above, as the README tells its author
# to; prints what the build complained of. It is loaded as they are.
client() {
	local dir=$MODULES/${1##*/} log=$MODULES.${1##*/}.log

	cp -r "$1" "$dir"
	"${KMAKE[@]}" M="$dir" EPT="$RUN/src" KBUILD_EXTRA_SYMBOLS="$MODULES/Module.symvers" \
		W=1 modules >"$log" 2>&1 || tail -n 20 "$log"
	! grep -iE 'warning|error|undefined' "$log"
}

# Options.
KUNIT=CONFIG_EPT_KUNIT_TEST=m
SAMPLES=(CONFIG_EPT_SAMPLE_{TINY,THIN,PROC,WALK}VMM=m)
BENCH=CONFIG_EPT_BENCH=m
HW=CONFIG_EPT_HW=m
SPACE_DEVICE=CONFIG_EPT_SPACE_DEVICE=m
