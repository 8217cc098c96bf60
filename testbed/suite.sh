# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Packages of a newer Debian suite: unpacked into the cache and not installed, from
# package lists of our own, so that apt's view of the machine stays as it is.

# newest_in_suite SUITE REGEX: the name of the suite's newest package that matches.
newest_in_suite() {
	suite_apt "$1" apt-cache pkgnames | grep -xE -- "$2" | sort -V | tail -n 1
}

# suite_unpack SUITE PACKAGE: sets UNPACKED, the folder it is in, and
# UNPACKED_VERSION.
suite_unpack() {
	UNPACKED=$CACHE/suites/$1/$2
	with_lock "suite-$1" suite_fetch "$1" "$2"
	UNPACKED_VERSION=$(cat "$UNPACKED/.version")
}

suite_fetch() {
	[ ! -e "$UNPACKED/.version" ] || return 0
	say "fetching from Debian's $1, not installing: $2"
	rm -rf "$UNPACKED" "$UNPACKED.debs"
	mkdir -p "$UNPACKED" "$UNPACKED.debs"
	quietly "$UNPACKED.log" env -C "$UNPACKED.debs" \
		apt-get -c "$(suite_lists "$1")" -q -o Acquire::Retries=3 download "$2"
	dpkg-deb -x "$UNPACKED.debs"/*.deb "$UNPACKED"
	dpkg-deb -f "$UNPACKED.debs"/*.deb Version >"$UNPACKED.version"
	rm -rf "$UNPACKED.debs"
	mv "$UNPACKED.version" "$UNPACKED/.version"
}

# suite_lists SUITE: the configuration of an apt that knows SUITE alone; gets its
# package lists if there are none yet.
suite_lists() {
	local root=$CACHE/suites/$1
	local config=$root/apt.conf

	if [ ! -e "$root/.lists" ]; then
		mkdir -p "$root/lists/partial" "$root/cache/archives/partial"
		cat >"$config" <<-END
		Dir::Etc::SourceList "$root/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::State::Lists "$root/lists";
		Dir::Cache "$root/cache";
		APT::Sandbox::User "root";
		END
		echo "deb $(debian_mirror) $1 main" >"$root/sources.list"
		quietly "$root/lists.log" apt-get -c "$config" -q update
		touch "$root/.lists"
	fi
	echo "$config"
}

# suite_apt SUITE COMMAND ARGUMENT...
suite_apt() {
	local config

	config=$(with_lock "lists-$1" suite_lists "$1")
	"$2" -c "$config" "${@:3}"
}

# suite_unpack_root SUITE PACKAGE...: the same of packages and of all that they depend on, in a
# root of their own: sets UNPACKED.
suite_unpack_root() {
	UNPACKED=$CACHE/suites/$1/root-$2
	with_lock "suite-$1" suite_fetch_root "$@"
}

suite_fetch_root() {
	local config deb

	[ ! -e "$UNPACKED/.complete" ] || return 0
	say "fetching from Debian's $1, not installing: ${*:2}, with what they need"
	config=$(suite_lists "$1")
	rm -rf "$UNPACKED" "$UNPACKED.debs"
	mkdir -p "$UNPACKED" "$UNPACKED.debs/partial"
	: >"$UNPACKED.status"	# as if nothing were installed
	quietly "$UNPACKED.log" apt-get -c "$config" -q -y -o Acquire::Retries=3 \
		-o Dir::State::status="$UNPACKED.status" \
		-o Dir::Cache::archives="$UNPACKED.debs" \
		--no-install-recommends --download-only install "${@:2}"
	for deb in "$UNPACKED.debs"/*.deb; do
		dpkg-deb -x "$deb" "$UNPACKED"
	done
	rm -rf "$UNPACKED.debs"
	touch "$UNPACKED/.complete"
}

# cbmc: how to call CBMC, which is in Debian's suites from trixie on. With its own C
# library, as the one of this machine may be older.
cbmc() {
	local package dirs=() path=

	for package in libc6 libstdc++6 libgcc-s1 minisat cbmc; do
		suite_unpack trixie "$package" >&2
		dirs+=("$UNPACKED")
	done
	path=$(printf '%s/usr/lib/x86_64-linux-gnu:' "${dirs[@]:0:3}")${dirs[3]}/usr/lib
	echo "${dirs[0]}/usr/lib64/ld-linux-x86-64.so.2 --library-path $path" \
		"${dirs[4]}/usr/bin/cbmc"
}

# Where this machine gets Debian from.
debian_mirror() {
	apt-get indextargets --format "\$(ORIGIN) \$(REPO_URI)" |
		sed -n 's/^Debian //p' | grep -v security | head -n 1
}
