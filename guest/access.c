// SPDX-License-Identifier: GPL-2.0
/* Guest-physical memory: what of it may be touched, read, write, zero, compare and exchange. */
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "guest.h"

#define ALL_PROT	(EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC | EPT_PROT_UEXEC)

/*
 * Why an access isn't granted at once: @why, or what overrides it, or 0 where it is after all. That
 * is so for fetches where one right stands for both kinds or no read goes with them, and where the
 * leaf came meanwhile.
 */
noinline int ept_guest_refused(struct ept *ept, u64 gpa, u32 access, struct ept_mapping *leaf,
			       int why)
{
	phys_addr_t hpa;
	int err = ept_translate(ept, gpa, access, &hpa);

	if (err)
		return err == -EFAULT ? why : err;
	leaf->gpa = gpa;
	leaf->hpa = hpa;
	leaf->size = 1;
	leaf->attrs.prot |= access;
	return 0;
}

/* Within a page. Returns how much was done. */
size_t ept_guest_piece(enum ept_guest_op op, phys_addr_t hpa, void *buffer, size_t length)
{
	void *memory = ept_guest_memory(hpa, op != GUEST_READ);

	if (!memory)
		return 0;
	switch (op) {
	case GUEST_READ:
		/* The guest's CPUs may race with it at will. */
		return length - data_race(copy_mc_to_kernel(buffer, memory, length));
	case GUEST_WRITE:
		/* As above */
		data_race(memcpy(memory, buffer, length));
		return length;
	case GUEST_ZERO:
		/* As above */
		data_race(memset(memory, 0, length));
		return length;
	}
	return 0;
}

static int piece(struct ept *ept, enum ept_guest_op op, u64 gpa, void *buffer, size_t *length,
		 u32 access)
{
	struct ept_mapping leaf __uninitialized;
	size_t done = 0;
	int err;

	leaf.size = 0;
	rcu_read_lock();
	err = ept_guest_reach(ept, gpa, access, &leaf);
	if (!err) {
		done = ept_guest_piece(op, ept_guest_hpa(&leaf, gpa), buffer, *length);
		if (done < *length)
			err = -EFAULT;
	}
	rcu_read_unlock();
	*length = done;
	return err;
}

/*
 * Where the guest's addresses end, the core knows: it is asked about the last page, unless that is
 * the first that will be looked for.
 */
static int check_range(const struct ept *ept, u64 gpa, size_t length, u32 access)
{
	const u64 last = gpa + length - 1;

	if (IS_ERR_OR_NULL(ept) || !length || access & ~ALL_PROT)
		return -EINVAL;
	if (last < gpa)
		return -ERANGE;
	if (last >> PAGE_SHIFT == gpa >> PAGE_SHIFT)
		return 0;
	return ept_map_check(ept, last & PAGE_MASK, 0, SZ_4K, &EPT_ATTRS_RAM);
}

static ssize_t access_range(struct ept *ept, enum ept_guest_op op, u64 gpa, void *buffer,
			    size_t length, u32 access)
{
	size_t done = 0;
	int err = check_range(ept, gpa, length, access);

	while (!err && done < length) {
		size_t size = ept_guest_piece_size(gpa + done, length - done);

		err = piece(ept, op, gpa + done, buffer + done, &size, access);
		done += size;
	}
	return done ?: err;
}

ssize_t ept_guest_read(struct ept *ept, u64 gpa, void *buffer, size_t length, u32 access)
{
	return buffer ? access_range(ept, GUEST_READ, gpa, buffer, length, access) : -EINVAL;
}
EXPORT_SYMBOL_EPT(ept_guest_read);

ssize_t ept_guest_write(struct ept *ept, u64 gpa, const void *buffer, size_t length, u32 access)
{
	if (!buffer)
		return -EINVAL;
	return access_range(ept, GUEST_WRITE, gpa, (void *)buffer, length, access);
}
EXPORT_SYMBOL_EPT(ept_guest_write);

ssize_t ept_guest_zero(struct ept *ept, u64 gpa, size_t length, u32 access)
{
	return access_range(ept, GUEST_ZERO, gpa, NULL, length, access);
}
EXPORT_SYMBOL_EPT(ept_guest_zero);

/* Sets *@old to what was there, and says whether it was that before. */
static bool exchange(void *memory, unsigned int size, u64 *old, u64 new)
{
	const u64 expected = *old & GENMASK_ULL(8 * size - 1, 0);

	switch (size) {
	case 1:
		*old = cmpxchg((u8 *)memory, (u8)expected, (u8)new);
		break;
	case 2:
		*old = cmpxchg((u16 *)memory, (u16)expected, (u16)new);
		break;
	case 4:
		*old = cmpxchg((u32 *)memory, (u32)expected, (u32)new);
		break;
	default:
		*old = cmpxchg((u64 *)memory, expected, new);
	}
	return *old == expected;
}

static int exchange_at(struct ept *ept, u64 gpa, unsigned int size, u64 *old, u64 new, u32 access)
{
	struct ept_mapping leaf __uninitialized;
	void *memory;
	int err;

	leaf.size = 0;
	err = ept_guest_reach(ept, gpa, access, &leaf);
	if (err)
		return err;
	memory = ept_guest_memory(ept_guest_hpa(&leaf, gpa), true);
	if (!memory)
		return -EFAULT;
	return exchange(memory, size, old, new) ? 0 : -EAGAIN;
}

int ept_guest_cmpxchg(struct ept *ept, u64 gpa, unsigned int size, u64 *old, u64 new, u32 access)
{
	int err;

	if (!old || !is_power_of_2(size) || size > sizeof(*old) || !IS_ALIGNED(gpa, size))
		return -EINVAL;
	err = check_range(ept, gpa, size, access);
	if (err)
		return err;
	rcu_read_lock();
	err = exchange_at(ept, gpa, size, old, new, access);
	rcu_read_unlock();
	return err;
}
EXPORT_SYMBOL_EPT(ept_guest_cmpxchg);
