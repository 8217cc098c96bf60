// SPDX-License-Identifier: GPL-2.0
/* ept_space_read(), ept_space_write(), ept_space_cmpxchg(): the host in the guest's memory. */
#include <linux/highmem.h>
#include <linux/log2.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/string.h>

#include "ept_compat.h"
#include "space.h"

/*
 * What the table has at a place; brings it there first. Where memory is given for an access, that
 * which a write gets may be another than is there.
 */
static int bring(struct place *place, const struct touch *touch)
{
	const struct kind *kind = place->span->backing->kind;
	const bool asks = kind->asks && touch->write;
	const u32 access = touch->rights | (asks ? EPT_PROT_WRITE : 0);
	int err = 0;

	/* Where it would be another page, the fault says PLACE_TAKEN. */
	place_look_up(place);
	if (asks && place->mapped && !(place->there.attrs.prot & EPT_PROT_WRITE))
		err = kind->fault(place, access);
	for (; !err && !place->mapped; place_look_up(place))
		err = kind->fault(place, access);
	return err;
}

/* Memory that the kernel has online, and that is whole. The zero page is there to be read. */
static int judge_memory(unsigned long pfn, bool write)
{
	struct page *page = pfn_to_online_page(pfn);

	if (!page || (PageReserved(page) && (write || !is_zero_pfn(pfn))))
		return -EFAULT;
	return is_page_hwpoison(page) ? -EHWPOISON : 0;
}

int space_touch_mapped(struct place *place, struct touch *touch)
{
	unsigned long pfn;
	int err = bring(place, touch);

	if (err)
		return err;
	/* What another region maps there by now has moved the number before. */
	smp_rmb();
	if (atomic_long_read(&place->span->backing->seq) != place->seen)
		return -EAGAIN;
	pfn = PHYS_PFN(place->there.hpa + (place->gpa - place->there.gpa));
	err = judge_memory(pfn, touch->write);
	return err ?: touch->fn(touch, pfn_to_page(pfn));
}

/* Once, within the read side */
static int touch_once(struct ept_space *space, struct touch *touch)
{
	const struct kind *kind;
	struct place place __uninitialized;
	int ret = place_find(space, touch->gpa, &place);

	if (ret)
		return ret;
	kind = place.span->backing->kind;
	if (!kind->fault)
		return -EOPNOTSUPP;
	if (touch->rights & ~place.span->attrs.prot ||
	    (touch->write && place.span->backing->readonly))
		return -EACCES;
	ret = kind->touch ? kind->touch(&place, touch) : space_touch_mapped(&place, touch);
	if (touch->write && place.log) {
		/*
		 * After the write: a log that was harvested before has to have it another time. And
		 * whoever takes the bit that is found there sees the write.
		 */
		smp_mb();
		log_note(place.log, place.gpa);
	}
	return ret;
}

/* Within a page */
int space_touch(struct ept_space *space, struct touch *touch)
{
	int idx, ret, err;

	if (touch->gpa >= space->limit)
		return -ERANGE;
	for (;;) {
		idx = srcu_read_lock(&space->srcu);
		ret = touch_once(space, touch);
		srcu_read_unlock(&space->srcu, idx);
		if (!ret)
			return 0;
		err = space_again(space, touch->gpa, ret);
		if (err)
			return err;
	}
}

static int copy_out(struct touch *touch, struct page *page)
{
	memcpy_from_page(touch->data, page, offset_in_page(touch->gpa), touch->size);
	return 0;
}

static int copy_in(struct touch *touch, struct page *page)
{
	memcpy_to_page(page, offset_in_page(touch->gpa), touch->data, touch->size);
	return 0;
}

static ssize_t copy(struct ept_space *space, u64 gpa, void *buffer, size_t size, u32 access,
		    bool write)
{
	struct touch touch = { .fn = write ? copy_in : copy_out, .write = write, .rights = access };
	size_t done = 0;
	int err = 0;

	if (IS_ERR_OR_NULL(space) || !buffer || !size || access & ~PROT_ALL)
		return -EINVAL;
	if (gpa >= space->limit || size > space->limit - gpa)
		return -ERANGE;
	while (done < size) {
		touch.gpa = gpa + done;
		touch.data = buffer + done;
		touch.size = min_t(size_t, size - done, PAGE_SIZE - offset_in_page(touch.gpa));
		err = space_touch(space, &touch);
		if (err)
			break;
		done += touch.size;
		cond_resched();
	}
	return done ? (ssize_t)done : err;
}

ssize_t ept_space_read(struct ept_space *space, u64 gpa, void *buffer, size_t size, u32 access)
{
	return copy(space, gpa, buffer, size, access, false);
}
EXPORT_SYMBOL_EPT(ept_space_read);

ssize_t ept_space_write(struct ept_space *space, u64 gpa, const void *buffer, size_t size,
			u32 access)
{
	return copy(space, gpa, (void *)buffer, size, access, true);
}
EXPORT_SYMBOL_EPT(ept_space_write);

static u64 exchange_at(void *byte, size_t size, u64 old, u64 new)
{
	switch (size) {
	case 1:
		return cmpxchg((u8 *)byte, (u8)old, (u8)new);
	case 2:
		return cmpxchg((u16 *)byte, (u16)old, (u16)new);
	case 4:
		return cmpxchg((u32 *)byte, (u32)old, (u32)new);
	default:
		return cmpxchg((u64 *)byte, old, new);
	}
}

/* Leaves what was there in @new */
static int exchange(struct touch *touch, struct page *page)
{
	void *base = kmap_local_page(page);

	touch->new = exchange_at(base + offset_in_page(touch->gpa), touch->size, *touch->old,
				 touch->new);
	kunmap_local(base);
	return 0;
}

int ept_space_cmpxchg(struct ept_space *space, u64 gpa, unsigned int size, u64 *old, u64 new)
{
	struct touch touch = { .fn = exchange, .gpa = gpa, .old = old, .new = new, .size = size,
			       .write = true, .rights = EPT_PROT_READ | EPT_PROT_WRITE };
	u64 mask;
	int err;

	if (IS_ERR_OR_NULL(space) || !old || size > 8 || !is_power_of_2(size) || gpa & (size - 1))
		return -EINVAL;
	err = space_touch(space, &touch);
	if (err)
		return err;
	mask = GENMASK_ULL(8 * size - 1, 0);
	err = touch.new == (*old & mask);
	*old = touch.new;
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_cmpxchg);
