# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What users of Debian do with the module, each in a root of its own: a suite in a folder, with
# DKMS and the headers of two kernels, made once and copied for each run.

. "$TESTBED/suite.sh"
. "$TESTBED/deb.sh"

NEXT_VERSION=0.1.999	# what is upgraded to

# clean_root SUITE: sets ROOT.
clean_root() {
	local base=$CACHE/roots/$1

	with_lock "root-$1" make_root "$1" "$base"
	ROOT=$BED_DIR/root
	as_root cp -a --reflink=auto "$base" "$ROOT"
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

# DKMS wants /proc; the mount goes with the command.
in_root() {
	# shellcheck disable=SC2016 # the inner shell expands it
	as_root unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' \
		"$ROOT" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
		DEBIAN_FRONTEND=noninteractive "$@"
}

# works NAME COMMAND...: a test that passes if COMMAND does.
works() {
	local name=$1 log=$BED_DIR/steps.log

	shift
	echo "--- $name: $*" >>"$log"
	if "$@" >"$BED_DIR/step.log" 2>&1 </dev/null; then
		pass "$name"
	else
		fail "$name" "$(tail -n 15 "$BED_DIR/step.log")"
	fi
	cat "$BED_DIR/step.log" >>"$log"
}

# The kernels that the root has headers of
root_kernels() {
	in_root ls /lib/modules
}

# has MODULE VERSION: for each kernel; an empty VERSION: the module has none
has() {
	local kernel got

	for kernel in $(root_kernels); do
		got=$(in_root modinfo -k "$kernel" -F version "$1") || return 1
		[ "$got" = "$2" ] || { echo "$kernel: $1 $got, not $2"; return 1; }
		in_root modinfo -k "$kernel" -F vermagic "$1" | grep -F "$kernel " || return 1
	done
}

has_no() {
	local kernel

	for kernel in $(root_kernels); do
		! in_root modinfo -k "$kernel" "$1" || return 1
	done
	[ ! -e "$ROOT/var/lib/dkms/$1" ]
}

# As the README has it, for the kernel that the root would boot
dkms_by_hand() {
	cp -r "$RUN/src" "$BED_DIR/src"
	as_root cp -r "$BED_DIR/src" "$ROOT/root/ept"
	in_root dkms add /root/ept &&
		in_root dkms install "ept/$VERSION" -k "$(root_kernels)"
}

dkms_remove() {
	in_root dkms remove "ept/$VERSION" --all &&
		as_root rm -r "$ROOT/usr/src/ept-$VERSION" "$ROOT/root/ept"
}

# Packages are taken as they are, without the network; ept-tools would want some of it.
install_debs() {
	as_root cp "$@" "$ROOT/root/"
	in_root sh -c 'dpkg -i /root/*.deb && rm /root/*.deb'
}

# The client is known before ept is built: DKMS has to find the order.
client_after_ept() {
	local kernel

	kernel=$(root_kernels)
	as_root cp -r "$ROOT/usr/share/doc/ept-dev/examples/client-dkms" "$ROOT/root/client"
	in_root dkms add /root/client &&
		in_root dkms uninstall "ept/$VERSION" -k "$kernel" &&
		in_root dkms unbuild "ept/$VERSION" -k "$kernel" &&
		in_root dkms autoinstall -k "$kernel" &&
		[ "$(in_root modinfo -k "$kernel" -F depends first_guest)" = ept ]
}

another_kernel() {
	in_root env INITRD=No apt-get install -y --no-install-recommends --no-download linux-headers-cloud-amd64
}

ship() {
	need deb ship
	kernel_source "$SERIES"
	VERSION=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$RUN/src/dkms.conf")
	clean_root "$1"

	works "DKMS builds and installs the sources" dkms_by_hand
	works "modinfo finds it" has ept "$VERSION"
	works "DKMS removes it" dkms_remove
	works "nothing is left" has_no ept

	cp -r "$RUN/src" "$BED_DIR/package"
	works "packages build" build_debs "$BED_DIR/package" "$BED_DIR/debs"
	works "the packages install" install_debs "$BED_DIR"/debs/ept-d*.deb
	works "the package's module is there" has ept "$VERSION"
	works "DKMS builds a client after ept" client_after_ept
	works "another kernel gets the module" another_kernel
	works "each kernel has it" has ept "$VERSION"
	works "each kernel has the client" has first_guest ""

	works "packages of another version build" \
		build_debs "$BED_DIR/package" "$BED_DIR/next" "$NEXT_VERSION"
	works "the packages are upgraded" install_debs "$BED_DIR"/next/ept-d*.deb
	works "the new version is in the old one's place" has ept "$NEXT_VERSION"
	works "the package is removed" in_root dpkg --purge ept-dkms ept-dev
	works "no module is left" has_no ept
	as_root rm -rf "$ROOT"
}
