# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Debian packages, from a snapshot of the sources.

# build_debs SOURCES DIRECTORY [VERSION]: SOURCES is written to. A warning of lintian is an error.
build_debs() {
	local src=$1/ept-deb log=$2/build.log

	rm -rf "$src"
	mkdir -p "$src" "$2"
	tar -C "$1" --exclude=./ept-deb -cf - . | tar -C "$src" -xf -
	[ -z "${3:-}" ] || set_version "$src" "$3"
	manuals "$src" "$src/debian/man" || return 1
	manuals_judged "$src"/debian/man/*.9 "$src"/tools/*.1 || return 1
	(cd "$src" && dpkg-buildpackage -us -uc -b) >"$log" 2>&1 || { tail "$log"; return 1; }
	mv "$1"/ept-*.deb "$1"/ept_*.changes "$1"/ept_*.buildinfo "$2"
	lintian --fail-on error,warning --allow-root --dont-check-part documentation/manual "$2"/*.changes
}

# manuals_judged PAGE...: what lintian would say of them, which takes a minute as it starts a formatter
# for each: they format, and have a name that whatis finds.
manuals_judged() {
	local said

	said=$(groff -z -ww -mandoc -rLL=80n -Tutf8 "$@" 2>&1; lexgrog "$@" | grep 'parse failed' || true)
	[ -z "$said" ] || { echo "$said"; return 1; }
}

# manuals SOURCES DIRECTORY: a page for each function and structure.
manuals() {
	local header

	mkdir -p "$2"
	for header in "$1"/ept_core.h "$1"/ept_{guest,memtype,view,space}.h; do
		[ ! -e "$header" ] || "$SRC/scripts/kernel-doc" -man "$header"
	done | awk -F '"' -v dir="$2" '
		# Sections on all of it are in the header, as tables that are no manual page.
		/^\.TH / { name = $4; sub(/.* /, "", name); file = dir "/" name ".9"
			   if ($4 == "Kernel API") file = ""
			   else print ".TH \"" name "\" 9 \"\" \"ept\" \"ept\"" > file
			   next }
		# NAME has a name, and no keyword.
		file != "" { if (title) sub(/^(struct|enum) /, "")
			     title = $0 == ".SH NAME"; print > file }'
}

# set_version SOURCES VERSION: in each place that has it.
set_version() {
	local old

	old=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$1/dkms.conf")
	sed -i "s/$old/$2/" "$1/dkms.conf"
	sed -i "1s/$old/$2/" "$1/debian/changelog"
	sed -i "s/EPT_VERSION \"$old\"/EPT_VERSION \"$2\"/" "$1/ept_core.c"
}
