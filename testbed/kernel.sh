# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Our own kernels: Debian's source package and a fragment in kernels/, built once
# for each version and configuration.

# A fragment's opening comments may say
#	arch: um | x86_64	(needed where there is no base)
#	base: NAME		the fragment that it adds to
#	series: 6.12		the source package; $SERIES where nothing is said
#	suite: NAME		a newer suite of Debian that has it; its newest of the series
#	compiler: clang-19	gcc where nothing is said
#	kconfig: FILE		of kernels/, added to its own Kconfig
. "$TESTBED/suite.sh"

# fragment_says NAME KEY DEFAULT: the value of a key, the base's where NAME has none.
fragment_says() {
	local name=$1 key=$2 value base

	value=$(sed -n "s/^# $key: //p" "$TESTBED/kernels/$name")
	base=$(sed -n 's/^# base: //p' "$TESTBED/kernels/$name")
	if [ -z "$value" ] && [ -n "$base" ]; then
		value=$(fragment_says "$base" "$key" "")
	fi
	echo "${value:-$3}"
}

# fragment NAME: its lines and those of its bases, of two for one option the last.
fragment() {
	fragment_lines "$1" | tac |
		awk '{ option = $0; sub(/^# /, "", option); sub(/[= ].*/, "", option) }
		     !seen[option]++' | tac
}

fragment_lines() {
	local base

	base=$(sed -n 's/^# base: //p' "$TESTBED/kernels/$1")
	[ -z "$base" ] || fragment_lines "$base"
	# None: a kernel as its base is, of another series.
	grep -E '^(CONFIG_|# CONFIG_.* is not set)' "$TESTBED/kernels/$1" || true
}

# kernel_source SERIES [SUITE]: sets SRC, KVERSION.
kernel_source() {
	local package=linux-source-$1 tarballs=/usr/src

	need kernels
	if [ -n "${2:-}" ]; then
		package=$(newest_in_suite "$2" "linux-source-$1([.][0-9]+)*")
		suite_unpack "$2" "$package"
		KVERSION=$UNPACKED_VERSION
		tarballs=$UNPACKED/usr/src
	else
		need_packages "to build kernels" "$package"
		KVERSION=$(dpkg-query -W -f '${Version}' "$package")
	fi
	KVERSION=${KVERSION//\~/.}
	SRC=$CACHE/src/linux-$KVERSION
	with_lock "src-$KVERSION" unpack_source "$tarballs/$package.tar.xz"
}

unpack_source() {
	[ ! -e "$SRC" ] || return 0
	say "unpacking the kernel's source, $KVERSION"
	rm -rf "$SRC.part"
	mkdir -p "$SRC.part"
	tar -xf "$1" -C "$SRC.part" --strip-components=1
	mv "$SRC.part" "$SRC"
}

# kernel NAME: builds it unless it is cached. Sets KNAME, KVERSION, KARCH, SRC, KOUT
# (the build folder), KIMAGE and KMAKE (the command that builds for it).
kernel() {
	local name=$1 hash kconfig compiler

	KNAME=$name
	kernel_source "$(fragment_says "$name" series "$SERIES")" \
		"$(fragment_says "$name" suite "")"
	KARCH=$(fragment_says "$name" arch "")
	compiler=$(fragment_says "$name" compiler gcc)
	hash=$({ fragment "$name"; "$compiler" -dumpfullversion -dumpversion; } |
		sha256sum | cut -c1-12)
	KOUT=$CACHE/kernels/$name-$KVERSION-$hash
	case $KARCH in
	um) KIMAGE=$KOUT/linux ;;
	x86_64) KIMAGE=$KOUT/arch/x86/boot/bzImage ;;
	*) die "kernels/$name: no arch" ;;
	esac
	KMAKE=(make -C "$SRC" O="$KOUT" ARCH="$KARCH" -j"$JOBS")
	[ "$compiler" = gcc ] || KMAKE+=("LLVM=-${compiler#clang-}")
	kconfig=$(fragment_says "$name" kconfig "")
	[ -z "$kconfig" ] || KMAKE+=("KBUILD_KCONFIG=$KOUT/Kconfig.testbed")
	with_lock "kernel-$name" build_kernel "$name"
}

build_kernel() {
	local name=$1 log=$KOUT/build.log start=$EPOCHSECONDS

	if [ -e "$KOUT/.complete" ]; then
		touch "$KOUT/.complete"
		return
	fi
	forget_old_builds "$name"
	say "building kernel $name (once; minutes), log: $log"
	rm -rf "$KOUT"
	mkdir -p "$KOUT"
	[ -z "$kconfig" ] || cat "$SRC/Kconfig" "$TESTBED/kernels/$kconfig" >"$KOUT/Kconfig.testbed"
	configure "$name" "$KOUT" "$log" "${KMAKE[@]}"
	verify_config "$name"
	quietly "$log" "${KMAKE[@]}"
	touch "$KOUT/.complete"
	say "built kernel $name in $((EPOCHSECONDS - start)) s"
}

# configure NAME FOLDER LOG COMMAND...: the folder's kernel has what the fragment names, what that
# needs, and nothing else.
configure() {
	fragment "$1" >"$2/.fragment"
	quietly "$3" "${@:4}" KCONFIG_ALLCONFIG="$2/.fragment" allnoconfig
}

# Each change of a fragment leaves a build behind; work trees may still alternate.
forget_old_builds() {
	find "$CACHE/kernels/$1"-[0-9]* -maxdepth 1 -name .complete -mtime +14 \
		-printf '%h\n' 2>/dev/null | xargs -r rm -rf || true
}

# An option whose dependencies are missing vanishes without a word.
verify_config() {
	local line symbol bad=()

	while read -r line; do
		case $line in
		"# CONFIG_"*)
			symbol=${line#\# }
			! grep -q "^${symbol%% *}=" "$KOUT/.config" || bad+=("$line") ;;
		*)
			grep -qxF -- "$line" "$KOUT/.config" || bad+=("$line") ;;
		esac
	done < <(fragment "$1")
	[ ${#bad[@]} = 0 ] ||
		die "$(printf 'kernels/%s: did not take: ' "$1"; printf '%s; ' "${bad[@]}")"
}
