// SPDX-License-Identifier: GPL-2.0
/*
 * Windows: a page of the guest's that the host reads and writes where it is. A reference keeps the
 * page; whether it is still the guest's, the space's number says.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "ept_compat.h"
#include "space.h"

/**
 * struct opening - a window that is being opened
 * @touch: what the space does for it
 * @window: the window
 */
struct opening {
	struct touch		touch;
	struct ept_window	*window;
};

static int hold(struct touch *touch, struct page *page)
{
	struct ept_window *window = container_of(touch, struct opening, touch)->window;

	window->memory = page_address(page) + offset_in_page(touch->gpa);
	window->size = PAGE_SIZE - offset_in_page(touch->gpa);
	window->pinned = touch->pinned;
	touch->pinned = false;
	/* Pages that aren't counted are the client's, and stay as long as its region. */
	window->page = window->pinned || folio_try_get(page_folio(page)) ? page : NULL;
	return 0;
}

int ept_space_window_open(struct ept_space *space, u64 gpa, u32 access, bool write,
			  struct ept_window *window)
{
	struct opening opening = {
		.touch = { .fn = hold, .gpa = gpa, .write = write, .rights = access },
		.window = window,
	};
	int err;

	if (IS_ERR_OR_NULL(space) || !window || access & ~PROT_ALL)
		return -EINVAL;
	*window = (struct ept_window){
		.space = space,
		.gpa = gpa,
		.write = write,
		.seen = atomic_long_read_acquire(&space->stale),
	};
	err = space_touch(space, &opening.touch);
	if (err)
		*window = (struct ept_window){};
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_window_open);

bool ept_space_window_valid(const struct ept_window *window)
{
	if (!window || !window->space)
		return false;
	/* What was read from it, before the number */
	smp_rmb();
	return atomic_long_read(&window->space->stale) == window->seen;
}
EXPORT_SYMBOL_EPT(ept_space_window_valid);

/* Memory of a process or a file has to know. */
static void mark_dirty(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (folio_test_anon(folio) || folio_mapping(folio))
		set_page_dirty_lock(page);
}

int ept_space_window_close(struct ept_window *window, bool wrote)
{
	int err;

	if (!window || !window->space || (wrote && !window->write))
		return -EINVAL;
	if (wrote) {
		ept_space_log_mark(window->space, window->gpa, window->size);
		if (window->page)
			mark_dirty(window->page);
	}
	smp_mb();	/* what was written to it, before the number */
	err = ept_space_window_valid(window) ? 0 : -EAGAIN;
	if (window->pinned)
		unpin_user_page(window->page);
	else if (window->page)
		put_page(window->page);
	*window = (struct ept_window){};
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_window_close);
