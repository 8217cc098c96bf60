// SPDX-License-Identifier: GPL-2.0
/*
 * thinvmm: checks of what rarely happens to a thin hypervisor, and is brought about here. They are
 * run by thinvmm_check.c.
 */
#include <linux/cpufeature.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/irqflags.h>
#include <linux/memory.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/pfn.h>
#include <linux/preempt.h>
#include <linux/sizes.h>

#include <asm/apic.h>
#include <asm/msr-index.h>
#include <asm/nmi.h>
#include <asm/pgtable_types.h>

#include "thinvmm.h"

/*
 * (g) An NMI is stopped when the CPU delivers it, then instruction by instruction in its handler,
 * and last in the IRET that lets the next NMI in: all because its stack is watched.
 */

#define NMIS	3

static int nmi_cpu;
static unsigned int nmis;
static const void *nmi_stack;

static int handle_nmi(unsigned int type, struct pt_regs *regs)
{
	if (raw_smp_processor_id() != nmi_cpu)
		return NMI_DONE;
	nmi_stack = regs;
	WRITE_ONCE(nmis, nmis + 1);
	return NMI_HANDLED;
}

/* Whether it comes. Who waits takes no interrupt, as the IRET of that would let in NMIs, too. */
static bool send_nmi(void)
{
	const unsigned int before = READ_ONCE(nmis);

	apic->send_IPI(nmi_cpu, NMI_VECTOR);
	for (unsigned int i = 0; i < 100000 && READ_ONCE(nmis) == before; i++)
		cpu_relax();
	return READ_ONCE(nmis) != before;
}

/* Some in a row, and how many of them come */
static unsigned int send_nmis(void)
{
	unsigned int came = 0;
	unsigned long flags;

	local_irq_save(flags);
	while (came < NMIS && send_nmi())
		came++;
	local_irq_restore(flags);
	return came;
}

/* The CPU's way to send one is watched: it comes amid the instruction that is let through. */
static int watch_sending(struct sample_report *report)
{
	const u64 apic_base = vmx_read_msr(MSR_IA32_APICBASE);
	int nr;

	if (apic_base & X2APIC_ENABLE) {
		report_skip(report, "this CPU's APIC is not in memory");
		return 0;
	}
	nr = thinvmm_check_watch(THINVMM_COUNT, apic_base & MSR_IA32_APICBASE_BASE, PAGE_SIZE);
	if (nr < 0)
		return nr;
	report_count(report, "NMIs that come when their sending is watched", NMIS, send_nmis());
	return thinvmm_check_unwatch(nr);
}

static int watch_handling(struct sample_report *report)
{
	const phys_addr_t stack = slow_virt_to_phys((void *)nmi_stack);
	int nr;

	if (!this_cpu_read(thinvmm_cpus.traps)) {
		report_skip(report, "this CPU has no monitor trap flag");
		return 0;
	}
	nr = thinvmm_check_watch(THINVMM_COUNT, round_down(stack, PAGE_SIZE), PAGE_SIZE);
	if (nr < 0)
		return nr;
	report_count(report, "NMIs that come when their stack is watched", NMIS, send_nmis());
	/* Their delivery is no more than one each. */
	report_yes(report, "whether what their handler does is noted",
		   atomic64_read(&thinvmm.watch[nr].hits) > 20 * NMIS);
	return thinvmm_check_unwatch(nr);
}

static int watch_nmis(struct sample_report *report)
{
	if (!report_count(report, "NMIs that come", NMIS, send_nmis()))
		return 0;
	return watch_sending(report) ?: watch_handling(report);
}

int thinvmm_check_nmi(struct sample_report *report)
{
	int err;

	if (!boot_cpu_has(X86_FEATURE_APIC)) {
		report_skip(report, "nobody to send NMIs");
		return 0;
	}
	/* Each CPU has an NMI stack of its own. */
	migrate_disable();
	nmi_cpu = smp_processor_id();
	err = register_nmi_handler(NMI_LOCAL, handle_nmi, 0, "thinvmm");
	if (!err) {
		err = watch_nmis(report);
		unregister_nmi_handler(NMI_LOCAL, "thinvmm");
	}
	migrate_enable();
	return err;
}

/*
 * Addresses where nothing is, in regions of 512G of their own: to take tables for, and to use when
 * there are none.
 */

static u64 taken_gpa(void)
{
	return BIT_ULL(thinvmm.caps.maxphyaddr - 2);
}

static u64 used_gpa(void)
{
	return BIT_ULL(thinvmm.caps.maxphyaddr - 1);
}

#define ROOM	(4ull * SZ_4G)

static int unmap(void *gpa, struct ept_gather *gather)
{
	return ept_unmap(gather->ept, *(u64 *)gpa, ROOM, gather);
}

/* As if nobody had used them */
static int forget(void)
{
	u64 taken = taken_gpa(), used = used_gpa();
	int err;

	mutex_lock(&thinvmm.mutex);
	err = thinvmm_change_step(unmap, &taken, 0) ?:
	      thinvmm_change_step(unmap, &used, 0) ?:
	      thinvmm_change(unmap, &used, 0);
	mutex_unlock(&thinvmm.mutex);
	return err;
}

/* (h) Faults have taken all tables that the step table has. */

static int take_all(void *unused, struct ept_gather *gather)
{
	u64 gpa = taken_gpa();

	while (!ept_map(gather->ept, gpa, gpa, SZ_4K, &EPT_ATTRS_DEVICE))
		gpa += SZ_2M;
	return 0;
}

/* Others may have tables back at once. */
static int use_without(const void __iomem *word)
{
	const u64 bare = thinvmm_counted(THINVMM_BARE);
	int err = 0;

	for (unsigned int i = 0; i < 20 && thinvmm_counted(THINVMM_BARE) == bare && !err; i++) {
		err = forget();
		mutex_lock(&thinvmm.mutex);
		err = err ?: thinvmm_change_step(take_all, NULL, 0);
		readl(word);
		mutex_unlock(&thinvmm.mutex);
	}
	return err;
}

static bool are_refilled(void)
{
	for (unsigned int i = 0; i < 100; i++) {
		if (ept_reserved(thinvmm.step) >= THINVMM_FAULT_TABLES)
			return true;
		msleep(20);
	}
	return false;
}

static int expect_to_go_on(struct sample_report *report, const void __iomem *word)
{
	u64 bare = thinvmm_counted(THINVMM_BARE);
	int err = use_without(word);

	if (err)
		return err;
	report_yes(report, "whether a read goes on without a table",
		   thinvmm_counted(THINVMM_BARE) > bare);
	report_yes(report, "whether tables are set aside again", are_refilled());
	bare = thinvmm_counted(THINVMM_BARE);
	readl(word);
	report_count(report, "reads that go on without a table", 0,
		     thinvmm_counted(THINVMM_BARE) - bare);
	return forget();
}

int thinvmm_check_no_tables(struct sample_report *report)
{
	void __iomem *word;
	int err;

	if (thinvmm.caps.maxphyaddr < 40) {
		report_skip(report, "all addresses of this CPU are in one region of 512G");
		return 0;
	}
	word = ioremap(used_gpa(), PAGE_SIZE);
	if (!word)
		return -ENOMEM;
	err = expect_to_go_on(report, word);
	iounmap(word);
	return err;
}

/* (i) Memory is plugged in, used, and goes again, as far as a notifier can tell. */

static int tell(unsigned long action)
{
	struct memory_notify memory = {
		.start_pfn = PHYS_PFN(used_gpa()), .nr_pages = PHYS_PFN(SZ_128M),
	};

	return notifier_to_errno(thinvmm_memory_event(action, &memory));
}

static bool is_mapped(struct ept *ept)
{
	return !ept_translate(ept, used_gpa() + SZ_64M, EPT_PROT_WRITE, NULL);
}

int thinvmm_check_hotplug(struct sample_report *report)
{
	const u64 gpa = used_gpa() + SZ_1M;
	int err = forget(), nr;

	err = err ?: tell(MEM_GOING_ONLINE);
	if (err)
		return err;
	report_yes(report, "whether it is mapped", is_mapped(thinvmm.ept));
	nr = thinvmm_check_watch(THINVMM_COUNT, gpa, SZ_64K);
	if (!report_yes(report, "whether it can be watched", nr > 0))
		return nr;
	report_yes(report, "whether it stays while it is", tell(MEM_GOING_OFFLINE) == -EBUSY);
	tell(MEM_CANCEL_OFFLINE);
	err = thinvmm_check_unwatch(nr);
	report_yes(report, "whether it may go then", !tell(MEM_GOING_OFFLINE));
	report_yes(report, "whether it is too late to watch it",
		   thinvmm_check_watch(THINVMM_COUNT, gpa, SZ_64K) == -EBUSY);
	tell(MEM_OFFLINE);
	report_yes(report, "whether it is mapped no longer", !is_mapped(thinvmm.ept));
	return err ?: forget();
}
