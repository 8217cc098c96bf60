// SPDX-License-Identifier: GPL-2.0
/* Observers: "regions" and "faults" beside the table's own files, and as these a moment later. */
#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/seq_file.h>

#include "ept_compat.h"
#include "space.h"

static const char *kind_name(enum ept_region_kind kind)
{
	static const char *const names[] = {
		[EPT_REGION_LINEAR] = "linear",	[EPT_REGION_ANON] = "anon",
		[EPT_REGION_USER] = "user",	[EPT_REGION_PAGES] = "pages",
		[EPT_REGION_MMIO] = "mmio",	[EPT_REGION_CLIENT] = "client",
		[EPT_REGION_PINNED] = "pinned",	[EPT_REGION_FILE] = "file",
	};

	return names[kind];
}

static u64 where(const struct ept_region *region)
{
	switch (region->kind) {
	case EPT_REGION_LINEAR:
		return region->hpa;
	case EPT_REGION_FILE:
		return region->file.offset;
	case EPT_REGION_USER:
	case EPT_REGION_PINNED:
		return region->user.address;
	default:
		return region->offset;
	}
}

static int regions_show(struct seq_file *m, void *unused)
{
	struct ept_region region;
	u64 gpa = 0;

	while (!ept_space_find(m->private, gpa, &region)) {
		const u32 prot = region.attrs.prot;

		gpa = region.gpa + region.size;
		seq_printf(m, "%013llx-%013llx %-6s %c%c%c%c type %u at %llx\n", region.gpa, gpa,
			   kind_name(region.kind), prot & EPT_PROT_READ ? 'r' : '-',
			   prot & EPT_PROT_WRITE ? 'w' : '-', prot & EPT_PROT_EXEC ? 'x' : '-',
			   prot & EPT_PROT_UEXEC ? 'u' : '-', region.attrs.memtype, where(&region));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(regions);

static int faults_show(struct seq_file *m, void *unused)
{
	struct ept_space_stats stats;

	ept_space_get_stats(m->private, &stats);
	seq_printf(m, "resume %llu\nmmio %llu\nreadonly %llu\nprotected %llu\n",
		   stats.faults[EPT_VERDICT_RESUME], stats.faults[EPT_VERDICT_MMIO],
		   stats.faults[EPT_VERDICT_READONLY], stats.faults[EPT_VERDICT_PROTECTED]);
	seq_printf(m, "table_readonly %llu\nnone %llu\nerrors %llu\nretries %llu\n",
		   stats.faults[EPT_VERDICT_TABLE_READONLY], stats.faults[EPT_VERDICT_NONE],
		   stats.errors, stats.retries);
	seq_printf(m, "invalidations %llu\nanon_pages %llu\n", stats.invalidations,
		   stats.anon_pages);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(faults);

#define APPEAR_MS	40
#define TRIES		10

/* Each time for twice as long */
static void await(struct ept_space *space)
{
	if (space->tries < TRIES)
		queue_delayed_work(system_dfl_wq, &space->appear,
				   msecs_to_jiffies(APPEAR_MS << space->tries++));
}

/* The table's directory comes when it comes. */
static void appear(struct work_struct *work)
{
	struct ept_space *space = container_of(work, struct ept_space, appear.work);
	struct dentry *ept = debugfs_lookup("ept", NULL);
	struct dentry *dir = ept ? debugfs_lookup(ept_name(space->ept), ept) : NULL;

	if (dir) {
		space->regions = debugfs_create_file("regions", 0400, dir, space, &regions_fops);
		space->faults = debugfs_create_file("faults", 0400, dir, space, &faults_fops);
	} else {
		await(space);
	}
	dput(dir);
	dput(ept);
}

void space_debugfs_add(struct ept_space *space)
{
	INIT_DELAYED_WORK(&space->appear, appear);
	await(space);
}

void space_debugfs_remove(struct ept_space *space)
{
	cancel_delayed_work_sync(&space->appear);
	debugfs_remove(space->regions);
	debugfs_remove(space->faults);
}
