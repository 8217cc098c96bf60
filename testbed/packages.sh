# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What comes from Debian by apt, in groups, and how it gets here.

# group NAME: its packages, or nothing where there is no such group.
group() {
	case $1 in
	kernels)	# to build kernels
		echo gcc make libc6-dev bc bison flex libelf-dev libssl-dev perl rsync xz-utils \
			"linux-source-$SERIES" ;;
	clang)		# to build them with another compiler
		echo clang-19 lld-19 llvm-19 ;;
	stock)		# to build modules for Debian's kernels, and look into them
		echo gcc-12 make libc6-dev libelf1 libssl3 pahole kmod rsync ;;
	guest)		# to give a guest a root file system, and read its log
		echo busybox-static cpio python3 ;;
	qemu)
		echo qemu-system-x86 ;;
	bochs)		# emulates CPUs with VMX; boots from a CD
		echo bochs bochs-term bochsbios vgabios isolinux syslinux-common xorriso ;;
	chart)
		echo gnuplot-nox ;;
	prove)		# CBMC's preprocessor
		echo gcc libc6-dev python3 ;;
	fuzz)		# the sources as a program
		echo gcc make libc6-dev ;;
	guided)		# libFuzzer
		echo clang ;;
	lint)
		echo perl sparse shellcheck coccinelle clang codespell ;;
	deb)		# to build and judge packages
		echo perl build-essential debhelper dh-dkms lintian ;;
	ship)		# to try them in clean roots
		echo debootstrap ;;
	tools)
		echo python3 python3-rich man-db ;;
	docs)
		echo perl python3-sphinx graphviz ;;
	esac
}

# need GROUP...: installs what is missing of them.
need() {
	local name packages=()

	for name; do
		# shellcheck disable=SC2207 # names have no spaces
		packages+=($(group "$name"))
	done
	need_packages "for $*" "${packages[@]}"
}

# need_packages REASON PACKAGE...: installs those that are missing.
need_packages() {
	with_lock apt install_missing "$@"
}

install_missing() {
	local reason=$1 package missing=() log=$CACHE/apt.log

	shift
	command -v dpkg-query apt-get >/dev/null ||
		die "no apt-get here; $reason, what Debian calls $* must be there"
	for package; do
		package_installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} != 0 ] || return 0

	say "installing from Debian, $reason: ${missing[*]}"
	: >"$log"
	# Package lists may be missing or out of date: get new ones only then.
	apt_get install -y --no-install-recommends "${missing[@]}" \
		>>"$log" 2>&1 </dev/null ||
	{
		quietly "$log" apt_get update
		quietly "$log" apt_get install -y --no-install-recommends \
			"${missing[@]}"
	}
}

package_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

apt_get() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get \
		-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -q "$@"
}

# as_root COMMAND...
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		command -v sudo >/dev/null || die "need root, or sudo, for: $*"
		sudo "$@"
	fi
}
