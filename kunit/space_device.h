/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What space_device.c and testbed/programs/ say to each other: /dev/ept_space, a space for each
 * open.
 */
#ifndef EPT_SPACE_DEVICE_H
#define EPT_SPACE_DEVICE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The caller's memory at @address becomes the guest's */
struct ept_space_region_arg {
	__u64	gpa;
	__u64	size;
	__u64	address;
};

/*
 * A guest's CPU @cpu loads or stores 8 bytes, @value; @result: a verdict or a negative errno.
 * EPT_SPACE_CPUS: the host does
 */
struct ept_space_access_arg {
	__u64	gpa;
	__u64	value;
	__u32	cpu;
	__u32	write;
	__s64	result;
};

/* @level: of the leaf at @gpa, -1 without one */
struct ept_space_lookup_arg {
	__u64	gpa;
	__s64	level;
};

/* @op: 0 start, 1 get, 2 stop, 3 start a lazy one */
struct ept_space_log_arg {
	__u64	gpa;
	__u64	size;
	__u64	bitmap;
	__u64	op;
};

/* The host's window; @op: 0 open at @gpa, 1 store @value, 2 close; @result: an errno or 0 */
struct ept_space_window_arg {
	__u64	gpa;
	__u64	value;
	__u64	op;
	__s64	result;
};

#define EPT_SPACE_CPUS		2
#define EPT_SPACE_ADD		_IOW('e', 0, struct ept_space_region_arg)
#define EPT_SPACE_REMOVE	_IOW('e', 1, struct ept_space_region_arg)
#define EPT_SPACE_ACCESS	_IOWR('e', 2, struct ept_space_access_arg)
#define EPT_SPACE_LOOKUP	_IOWR('e', 3, struct ept_space_lookup_arg)
#define EPT_SPACE_LOG		_IOW('e', 4, struct ept_space_log_arg)
#define EPT_SPACE_WINDOW	_IOWR('e', 5, struct ept_space_window_arg)

#endif
