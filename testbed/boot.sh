# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Machines: a root file system in memory, and what boots a kernel with it. None of
# them judges: what they leave is the console's log, $LOG. The kernel's command
# line tells guest/init how this machine is turned off.

BOOT_SECONDS=${BOOT_SECONDS:-1200}	# no machine may run for longer
INITRAMFS=$BED_DIR/initramfs
LOG=$BED_DIR/console.log
GUEST_ARGS=(printk.devkmsg=on panic=-1)
SHORT_FORM=(BRIEF=y)		# for a machine that repeats what another bed runs whole
[ -z "${FULL:-}" ] || SHORT_FORM=()

# guest SCRIPT: a root file system with guest/SCRIPT, busybox and the modules, without what debuggers
# want of them.
guest() {
	local root=$BED_DIR/root applet

	need guest
	mkdir -p "$root"/{bin,dev,proc,sys}
	cp /bin/busybox "$root/bin/"
	for applet in cat dd dmesg echo find grep insmod mkdir mount poweroff reboot rmmod \
		mkswap sh sleep swapon umount; do
		ln -sf busybox "$root/bin/$applet"
	done
	cp "$TESTBED"/guest/* "$root/"
	ln -s "$1" "$root/bed"
	find "$MODULES" -name '*.ko' -exec cp {} "$root/" \;
	# An emulated machine reads them slowly, and has no use for that.
	strip --strip-debug "$root"/*.ko
	[ ! -e "$BED_DIR/programs" ] || cp "$BED_DIR"/programs/* "$root/"
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$INITRAMFS"
}

# machine OUTPUT COMMAND...: runs it for a bounded time. What it took, and the shell's
# remark on a machine that panicked, are in machine.time.
machine() {
	local output=$1

	shift
	say "booting ${1##*/}, console: $LOG"
	{
		time timeout --foreground -k 5 "$BOOT_SECONDS" "$@" \
			</dev/null >"$output" 2>&1 || [ $? != 124 ] ||
			echo "ended after $BOOT_SECONDS s, the time limit" >>"$LOG"
	} 2>"$BED_DIR/machine.time"
}

# uml ARGUMENT...
uml() {
	local memory=$BED_DIR

	# Without room for its memory, UML would die of SIGBUS.
	if [ "$(df --output=avail -k /dev/shm | tail -n 1)" -gt 1048576 ]; then
		memory=/dev/shm
	fi
	TMPDIR=$memory machine "$LOG" "$KIMAGE" mem=512M con=null con0=null,fd:1 \
		initrd="$INITRAMFS" "${GUEST_ARGS[@]}" BED_EXIT=poweroff "$@"
}

# program NAME: programs/NAME.c will be in the next guest.
program() {
	mkdir -p "$BED_DIR/programs"
	quietly "$BED_DIR/programs.log" gcc -O2 -Wall -Wextra -Wno-unused-parameter -static -pthread \
		-o "$BED_DIR/programs/$1" "$RUN/src/testbed/programs/$1.c"
}

# stock_module NAME...: modules of the stock kernel chosen last will be in the next guest.
stock_module() {
	local name file

	mkdir -p "$BED_DIR/programs"
	stock_modules
	for name; do
		file=$(find "$STOCK" -path "*lib/modules/*" -name "$name.ko*" | head -n 1)
		case $file in
		*.xz) xz -dc "$file" >"$BED_DIR/programs/$name.ko" ;;
		*.ko) cp "$file" "$BED_DIR/programs/" ;;
		esac
	done
}

# qemu CPUS ARGUMENT...: KVM is of no use here, since it would need EPT itself. MEMORY is in
# MiB. A host that is busy may keep the emulated timer from ticking while Linux tries it. Kernels
# without ACPI are told of one CPU in each socket.
qemu() {
	local cpus=$1

	shift
	need qemu
	machine "$BED_DIR/machine.out" qemu-system-x86_64 -accel tcg -cpu max -smp "$cpus,sockets=$cpus" \
		-m "${MEMORY:-1024}" -nodefaults -display none -monitor none -no-reboot \
		-serial "file:$LOG" -kernel "$KIMAGE" -initrd "$INITRAMFS" \
		-append "console=ttyS0 no_timer_check ${GUEST_ARGS[*]} BED_EXIT=reboot BED_CPUS=$cpus $*"
}

# bochs MODEL CPUS MEGABYTES ARGUMENT... The machine is $BOCHS, with what it needs in $BOCHS_SHARE;
# what it takes for errors of its guest goes to its log, or, with BOCHS_ERRORS=ignore, nowhere. A
# CPU of it that waits by MWAIT isn't always woken: its guests halt.
BOCHS=(bochs)
BOCHS_SHARE=/usr/share/bochs

bochs() {
	local model=$1 cpus=$2 megabytes=$3 reader

	shift 3
	need bochs
	boot_cd "console=ttyS0,115200 idle=halt ${GUEST_ARGS[*]} BED_EXIT=${BED_EXIT:-port} BED_CPUS=$cpus $*"
	cat >"$BED_DIR/bochsrc" <<-END
	config_interface: textconfig
	display_library: term
	cpu: model=$model, count=$cpus, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1
	memory: guest=$megabytes, host=$megabytes
	romimage: file=$BOCHS_SHARE/BIOS-bochs-latest
	vgaromimage: file=$BOCHS_SHARE/VGABIOS-lgpl-latest
	pci: enabled=1, chipset=i440fx
	clock: sync=none, time0=1700000000
	ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
	ata0-master: type=cdrom, path=$BED_DIR/boot.iso, status=inserted
	boot: cdrom
	com1: enabled=1, mode=file, dev=$LOG
	log: $BED_DIR/bochs.log
	panic: action=fatal
	error: action=${BOCHS_ERRORS:-report}
	info: action=report
	debug: action=ignore
	plugin_ctrl: speaker=0, sb16=0, es1370=0
	sound: driver=dummy
	END
	# Debian's Bochs waits at its debugger's prompt: continue, and quit at the end.
	printf 'c\nq\n' >"$BED_DIR/bochs.commands"
	rm -f "$BED_DIR/machine.out"
	read_screen >/dev/null 2>&1 &
	reader=$!
	TERM=xterm machine "$BED_DIR/machine.out" "${BOCHS[@]}" -q \
		-f "$BED_DIR/bochsrc" -rc "$BED_DIR/bochs.commands"
	kill "$reader" 2>/dev/null || true
	wait "$reader" || true
}

# read_screen: a machine of Bochs shows its screen on a pseudo-terminal, and stops for good when
# that is full. Ends with the machine.
read_screen() {
	local screen=

	until [ -n "$screen" ]; do
		sleep 0.2
		screen=$(sed -n 's/^Bochs connected to screen "\(.*\)"$/\1/p' \
			"$BED_DIR/machine.out" || true)
	done
	# As a line discipline that waits for the end of a line, it would fill up nevertheless.
	stty -F "$screen" raw -echo
	exec cat "$screen"
}

# boot_cd COMMAND-LINE: Bochs boots from disks only.
boot_cd() {
	local cd=$BED_DIR/cd

	mkdir -p "$cd"
	cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$cd"
	ln -f "$INITRAMFS" "$cd/initrd"
	cp "$KIMAGE" "$cd/kernel"
	printf 'default linux\nlabel linux\nkernel kernel\ninitrd initrd\nappend %s\n' \
		"$1" >"$cd/isolinux.cfg"
	quietly "$BED_DIR/xorriso.log" xorriso -as mkisofs -o "$BED_DIR/boot.iso" \
		-b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 \
		-boot-info-table "$cd"
}
