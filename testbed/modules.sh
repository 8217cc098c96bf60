# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Modules: each kernel gets its own copy of the sources, so that objects of two
# kernels never mix and the work tree stays as it is. All copies of a run come
# from one snapshot, so that all beds test the same sources.

# snapshot: the sources as they are now, to $RUN/src.
snapshot() {
	mkdir -p "$RUN/src"
	tar -C "$TOP" --exclude-vcs --exclude-from="$TOP/.gitignore" -cf - . |
		tar -C "$RUN/src" -xf -
}

# build_modules DIR MAKE...: builds ept.ko, and what else MAKE... asks for, in a new
# copy of the sources, DIR, once in a run. What it printed is in DIR.log.
build_modules() {
	with_lock "$1.lock" build_modules_once "$@"
}

build_modules_once() {
	local dir=$1

	shift
	[ ! -e "$dir.ok" ] || return 0
	[ ! -e "$dir.failed" ] || die "building the modules failed: $dir.log"
	cp -r "$RUN/src" "$dir"
	if ! quietly "$dir.log" "$@" M="$dir" modules; then
		touch "$dir.failed"
		return 1
	fi
	touch "$dir.ok"
}

# modules: builds them for the kernel that was chosen last. Sets MODULES, the
# folder that they are in.
modules() {
	local optional=(CONFIG_EPT_KUNIT_TEST=m)

	[ "$KARCH" = um ] || optional+=(CONFIG_EPT_SAMPLE_TINYVMM=m)
	MODULES=$RUN/$(basename "$KOUT")
	build_modules "$MODULES" kernel_make "${optional[@]}"
}
