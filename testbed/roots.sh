# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Roots of Debian's suites, with DKMS and the headers of a kernel: to try packages in, and to build
# with the compiler that a suite's kernels are built with.

. "$TESTBED/suite.sh"

ROOT_ENVIRONMENT=(PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive)

# suite_root SUITE: makes one, once.
suite_root() {
	need ship
	with_lock "root-$1" make_root "$1" "$CACHE/roots/$1"
}

# clean_root SUITE: a copy for this bed alone. Sets ROOT.
clean_root() {
	suite_root "$1"
	ROOT=$BED_DIR/root
	as_root cp -a --reflink=auto "$CACHE/roots/$1" "$ROOT"
}

# DKMS and headers of one kernel; those of another one, as packages. Headers may bring their kernel
# along, and that would want an initramfs.
make_root() {
	[ ! -e "$2" ] || return 0
	say "making a root of $1 (once; minutes), log: $2.log"
	as_root rm -rf "$2.part"
	mkdir -p "$CACHE/roots"
	quietly "$2.log" as_root env INITRD=No debootstrap --variant=minbase \
		--include=dkms,linux-headers-amd64,kmod "$1" "$2.part" "$(debian_mirror)"
	quietly "$2.log" as_root chroot "$2.part" apt-get install -y --download-only \
		--no-install-recommends linux-headers-cloud-amd64
	as_root mv "$2.part" "$2"
}

# in_root COMMAND...: in this bed's root. DKMS wants /proc; the mount goes with the command.
in_root() {
	# shellcheck disable=SC2016 # the inner shell expands it
	as_root unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' \
		"$ROOT" env -i "${ROOT_ENVIRONMENT[@]}" "$@"
}

# in_suite SUITE COMMAND...: in the suite's root, which sees the cache where it is. objtool wants
# /proc.
in_suite() {
	# shellcheck disable=SC2016 # the inner shell expands it
	as_root unshare --mount sh -c '
		mkdir -p "$0$1" && mount --bind "$1" "$0$1" && mount -t proc proc "$0/proc" &&
		shift && exec chroot "$0" "$@"' \
		"$CACHE/roots/$1" "$CACHE" env -i "${ROOT_ENVIRONMENT[@]}" "${@:2}"
}
