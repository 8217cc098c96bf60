# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Modules: each kernel gets its own copy of the sources, so that objects of two
# kernels never mix and the work tree stays as it is. All copies of a run come
# from one snapshot, so that all beds test the same sources. They are built where
# objects of earlier runs are, of which those are made anew whose sources differ.

# snapshot: the sources as they are now, to $RUN/src.
snapshot() {
	tar -C "$TOP" --exclude-vcs --exclude-from="$TOP/.gitignore" -cf - . |
		tar -C "$RUN/src" -xf -
}

# same_as SOURCES FOLDER: makes the folder's sources the same. Content tells what differs, and what
# does is new to make, also where its time is an older one.
same_as() {
	mkdir -p "$2"
	touch "$2"
	rsync -rlp --checksum --delete --exclude=.git --exclude-from="$TOP/.gitignore" "$1/" "$2/"
}

# modules OPTION...: builds ept.ko and what else OPTION... asks of kbuild for the
# kernel that was chosen last, once in a run. Sets MODULES, the folder they are in;
# what the build printed is in $MODULES.log. All beds of a run must ask the same of
# one kernel. With IN_PLACE, they are built in that folder, and there alone.
modules() {
	MODULES=$RUN/modules/$KNAME
	with_lock "$MODULES.lock" build_modules "$@"
}

build_modules() {
	local build=$MODULES

	[ ! -e "$MODULES.ok" ] || return 0
	[ ! -e "$MODULES.failed" ] || die "building the modules failed: $MODULES.log"
	[ -n "${IN_PLACE:-}" ] || build=$(build_folder "$KNAME" "${KMAKE[@]}" "$@")
	if ! with_lock "${build##*/}" build_modules_in "$build" "$@"; then
		touch "$MODULES.failed"
		return 1
	fi
	touch "$MODULES.ok"
}

build_modules_in() {
	begin_build "$1" || return 1
	quietly "$MODULES.log" "${KMAKE[@]}" M="$1" "${@:2}" modules || return 1
	[ "$1" = "$MODULES" ] || rsync -a --exclude='*.o' --exclude='.*.cmd' "$1/" "$MODULES/" ||
		return 1
	grep -qiE 'warning|error' "$MODULES.log" || end_silent_build "$1"
}

# build_folder NAME HOW...: where the objects of a build are kept for the next run. What kbuild might
# not notice, another compiler, files that are gone from a Kbuild, begins another folder.
build_folder() {
	local kept=$CACHE/modules

	mkdir -p "$kept"
	find "$kept" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} + 2>/dev/null || true
	echo "$kept/$1-$({ echo "${@:2}"; gcc --version; cd "$RUN/src"; cat Kbuild ./*/Kbuild; } | sha256sum | cut -c1-12)"
}

# begin_build FOLDER: the run's sources are there, beside the objects of a build that was silent. Of
# one that wasn't, or never ended, there are none: what a compiler said once it wouldn't say again.
begin_build() {
	[ -e "$1/.tmp_silent" ] || rm -rf "$1"
	rm -f "$1/.tmp_silent"
	same_as "$RUN/src" "$1"
}

end_silent_build() {
	touch "$1/.tmp_silent"
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
RACES=CONFIG_EPT_KUNIT_RACES=y	# of these, what is about CPUs at the same time
SAMPLES=(CONFIG_EPT_SAMPLE_{TINY,THIN,PROC,WALK}VMM=m)
BENCH=CONFIG_EPT_BENCH=m
HW=CONFIG_EPT_HW=m
SPACE_DEVICE=CONFIG_EPT_SPACE_DEVICE=m
