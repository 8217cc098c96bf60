# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What users of Debian do with the module, each in a root of its own: a suite in a folder, with
# DKMS and the headers of two kernels, made once and copied for each run.

. "$TESTBED/roots.sh"
. "$TESTBED/deb.sh"

NEXT_VERSION=0.1.999	# what is upgraded to

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

# field KERNEL MODULE FIELD: of modinfo, by the file's name. By the module's it would ask depmod, which
# newer DKMS leaves alone where there are headers of a kernel, but no kernel.
field() {
	# shellcheck disable=SC2016 # the inner shell expands it
	in_root sh -c 'modinfo -F "$2" $(find "/lib/modules/$0/" -name "$1.ko*")' "$@"
}

# has MODULE VERSION: for each kernel; an empty VERSION: the module has none
has() {
	local kernel got

	for kernel in $(root_kernels); do
		got=$(field "$kernel" "$1" version) || return 1
		[ "$got" = "$2" ] || { echo "$kernel: $1 $got, not $2"; return 1; }
		field "$kernel" "$1" vermagic | grep -F "$kernel " || return 1
	done
}

has_no() {
	local kernel

	for kernel in $(root_kernels); do
		! field "$kernel" "$1" vermagic || return 1
	done
	[ ! -e "$ROOT/var/lib/dkms/$1" ]
}

# As the README has it, for the kernel that the root would boot
dkms_by_hand() {
	cp -r "$RUN/src" "$BED_DIR/src"
	as_root cp -r "$BED_DIR/src" "$ROOT/srv/ept"
	in_root dkms add /srv/ept &&
		in_root dkms install "ept/$VERSION" -k "$(root_kernels)"
}

dkms_remove() {
	in_root dkms remove "ept/$VERSION" --all &&
		as_root rm -r "$ROOT/usr/src/ept-$VERSION" "$ROOT/srv/ept"
}

# Packages are taken as they are, without the network; ept-tools would want some of it.
install_debs() {
	as_root cp "$@" "$ROOT/srv/"
	in_root sh -c 'dpkg -i /srv/*.deb && rm /srv/*.deb'
}

# The client is known before ept is built: DKMS has to find the order.
client_after_ept() {
	local kernel

	kernel=$(root_kernels)
	as_root cp -r "$ROOT/usr/share/doc/ept-dev/examples/client-dkms" "$ROOT/srv/client"
	in_root dkms add /srv/client &&
		in_root dkms uninstall "ept/$VERSION" -k "$kernel" &&
		in_root dkms unbuild "ept/$VERSION" -k "$kernel" &&
		in_root dkms autoinstall -k "$kernel" &&
		[ "$(field "$kernel" first_guest depends)" = ept ]
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
