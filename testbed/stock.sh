# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Debian's own kernels: unpacked into the cache and not installed, so that nobody's
# machine boots another kernel afterwards.

. "$TESTBED/roots.sh"

# stock_kernel SERIES [FLAVOUR [SUITE]]: the headers of Debian's newest kernel of SERIES, of a
# flavour such as rt if there is one. Of a newer suite's, modules are built in a root of that
# suite, which has the compiler. Sets KNAME, KVERSION, KARCH, KOUT and KMAKE, as kernel does.
stock_kernel() {
	local flavour=${2:+$2-}amd64

	need stock
	STOCK_SUITE=${3:-}
	KARCH=x86_64
	if ! stock_headers "$1" "$flavour"; then
		[ -z "$STOCK_SUITE" ] || die "no headers of Linux $1 in Debian's $3, see above"
		say "getting new package lists"
		with_lock apt quietly "$CACHE/apt.log" apt_get update
		stock_headers "$1" "$flavour" || die "no headers of Linux $1 from Debian, see above"
	fi
	KNAME=$KVERSION
	KMAKE=(make -C "$KOUT" -j"$JOBS")
	[ -z "$STOCK_SUITE" ] || stock_builds_in "${STOCK_SUITE%-backports}"
}

# stock_builds_in SUITE: by root, as all in a root; the machine's user is to own the result.
stock_builds_in() {
	suite_root "$1"
	KMAKE=(in_suite "$1" "${KMAKE[@]}")
	# Its compiler is none that build_folder knows.
	IN_PLACE=y
}

# stock_image: the kernel itself, for the stock kernel chosen last. Sets KIMAGE.
stock_image() {
	with_lock "stock-$KVERSION" unpack_stock image "$(stock_has binary image)"
	KIMAGE=$(find "$STOCK" -name "vmlinuz*" | head -n 1)
}

# stock_modules: its modules.
stock_modules() {
	with_lock "stock-$KVERSION" unpack_stock modules "$(stock_has modules image)"
}

# stock_has NAME...: the first that there is of the packages linux-NAME of this kernel. Older ones
# have all in their image.
stock_has() {
	local name

	for name; do
		if [ -n "$(stock_apt apt-cache pkgnames "linux-$name-$KVERSION")" ]; then
			echo "linux-$name-$KVERSION"
			return
		fi
	done
	die "Debian has no package of Linux $KVERSION named $*"
}

# stock_apt COMMAND ARGUMENT...: of apt, which knows the suite that the kernel is from.
stock_apt() {
	if [ -n "$STOCK_SUITE" ]; then
		suite_apt "$STOCK_SUITE" "$@"
	else
		"$@"
	fi
}

# Called where set -e is off: each step has to say that it failed.
stock_headers() {
	KVERSION=$(newest_stock "$1" "$2")
	[ -n "$KVERSION" ] || return 1
	STOCK=$CACHE/stock/$KVERSION
	KOUT=$STOCK/usr/src/linux-headers-$KVERSION
	with_lock "stock-$KVERSION" unpack_stock headers "linux-headers-$KVERSION" \
		"$(stock_needs common)" "$(stock_needs kbuild)"
}

newest_stock() {
	stock_apt apt-cache pkgnames "linux-headers-$1" |
		sed -nE "s/^linux-headers-($1[.][0-9.-]+(\+deb[0-9]+)?-$2)\$/\1/p" |
		sort -V | tail -n 1
}

# stock_needs WORD: the package with WORD in its name that the headers depend on.
stock_needs() {
	stock_apt apt-cache show "linux-headers-$KVERSION" | sed -n 's/^Depends: //p' |
		grep -oE "linux-[a-z]+-[^ ,]*" | grep -- "$1" | head -n 1
}

# unpack_stock WHAT PACKAGE...
unpack_stock() {
	local what=$1 log=$STOCK.log deb

	shift
	[ ! -e "$STOCK/.$what" ] || return 0
	say "fetching from Debian, not installing: $*"
	rm -rf "$STOCK.debs"
	mkdir -p "$STOCK" "$STOCK.debs"
	(cd "$STOCK.debs" && quietly "$log" stock_apt apt-get -q -o Acquire::Retries=3 download "$@") ||
		return 1
	for deb in "$STOCK.debs"/*.deb; do
		dpkg-deb -x "$deb" "$STOCK" || return 1
	done
	rm -rf "$STOCK.debs"
	# The headers look for their other half under /usr/src.
	[ "$what" != headers ] || sed -i "s,/usr/src/,$STOCK&," "$KOUT/Makefile"
	touch "$STOCK/.$what"
}
