# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Debian's own kernels: unpacked into the cache and not installed, so that nobody's
# machine boots another kernel afterwards.

# stock_kernel SERIES: the headers of the newest kernel of SERIES that apt knows.
# Sets KNAME, KVERSION, KARCH, KOUT and KMAKE, as kernel does.
stock_kernel() {
	need stock
	if ! stock_headers "$1"; then
		say "getting new package lists"
		with_lock apt quietly "$CACHE/apt.log" apt_get update
		stock_headers "$1" || die "no headers of Linux $1 from Debian, see above"
	fi
	KNAME=$KVERSION
	KARCH=x86_64
	KMAKE=(make -C "$KOUT" -j"$JOBS")
}

# stock_image: the kernel itself, for the stock kernel chosen last. Sets KIMAGE.
stock_image() {
	KIMAGE=$STOCK/boot/vmlinuz-$KVERSION
	with_lock "stock-$KVERSION" unpack_stock image "linux-image-$KVERSION"
}

# Called where set -e is off: each step has to say that it failed.
stock_headers() {
	KVERSION=$(newest_stock "$1")
	[ -n "$KVERSION" ] || return 1
	STOCK=$CACHE/stock/$KVERSION
	KOUT=$STOCK/usr/src/linux-headers-$KVERSION
	with_lock "stock-$KVERSION" unpack_stock headers "linux-headers-$KVERSION" \
		"$(stock_needs common)" "$(stock_needs kbuild)"
}

newest_stock() {
	apt-cache pkgnames "linux-headers-$1" |
		sed -nE "s/^linux-headers-($1[.][0-9.-]+(\+deb[0-9]+)?-amd64)\$/\1/p" |
		sort -V | tail -n 1
}

# stock_needs WORD: the package with WORD in its name that the headers depend on.
stock_needs() {
	apt-cache show "linux-headers-$KVERSION" | sed -n 's/^Depends: //p' |
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
	quietly "$log" env -C "$STOCK.debs" apt-get -q -o Acquire::Retries=3 download "$@" ||
		return 1
	for deb in "$STOCK.debs"/*.deb; do
		dpkg-deb -x "$deb" "$STOCK" || return 1
	done
	rm -rf "$STOCK.debs"
	# The headers look for their other half under /usr/src.
	[ "$what" != headers ] || sed -i "s,/usr/src/,$STOCK&," "$KOUT/Makefile"
	touch "$STOCK/.$what"
}
