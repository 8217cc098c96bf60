// SPDX-License-Identifier: GPL-2.0
/*
 * tinyvmm: the exits that were expected, with those that came; and the table's map.
 */
#define pr_fmt(fmt) "tinyvmm: " fmt

#include <linux/kernel.h>
#include <linux/printk.h>

#include "tinyvmm.h"

/*
 * Exits
 */

static void print_result(char *text, u64 rax)
{
	scnprintf(text, REPORT_TEXT_SIZE, "VMCALL with %#llx", rax);
}

static void print_violation(char *text, u32 access, u64 gpa, u32 prot, bool page_walk)
{
	scnprintf(text, REPORT_TEXT_SIZE, "violation: %s at %#llx where %c%c%c is allowed%s",
		  access & EPT_PROT_EXEC ? "fetch" : access & EPT_PROT_WRITE ? "write" : "read",
		  gpa,
		  prot & EPT_PROT_READ ? 'r' : '-',
		  prot & EPT_PROT_WRITE ? 'w' : '-',
		  prot & EPT_PROT_EXEC ? 'x' : '-',
		  page_walk ? " (guest page walk)" : "");
}

static u32 violation_access(const struct ept_violation *violation)
{
	return (violation->read ? EPT_PROT_READ : 0) |
	       (violation->write ? EPT_PROT_WRITE : 0) |
	       (violation->exec ? EPT_PROT_EXEC : 0);
}

static void print_exit(char *text, const struct tinyvmm *vmm)
{
	const struct vcpu_exit *exit = &vmm->vcpu.exit;
	const struct ept_violation *violation = &vmm->violation;

	switch (exit->reason) {
	case EXIT_REASON_VMCALL:
		print_result(text, vmm->vcpu.regs[VMX_RAX]);
		break;
	case EXIT_REASON_EPT_VIOLATION:
		print_violation(text, violation_access(violation), exit->gpa, violation->prot,
				violation->page_walk);
		break;
	case EXIT_REASON_EPT_MISCONFIG:
		scnprintf(text, REPORT_TEXT_SIZE, "misconfiguration at %#llx", exit->gpa);
		break;
	case EXIT_REASON_EXCEPTION_NMI:
		scnprintf(text, REPORT_TEXT_SIZE, "exception %u at %#llx", exit->event & 0xff,
			  exit->rip);
		break;
	case VCPU_EXIT_REFUSED:
		scnprintf(text, REPORT_TEXT_SIZE, "no VM entry, error %u", exit->event);
		break;
	case VCPU_EXIT_ENDLESS:
		scnprintf(text, REPORT_TEXT_SIZE, "no end, at %#llx", exit->rip);
		break;
	default:
		scnprintf(text, REPORT_TEXT_SIZE, "exit %#x, qualification %#llx, at %#llx",
			  exit->reason, exit->qualification, exit->rip);
		break;
	}
}

/* The guest's program ended with @expected. */
bool tinyvmm_expect_result(struct tinyvmm *vmm, const char *what, u64 expected)
{
	char expected_text[REPORT_TEXT_SIZE], got_text[REPORT_TEXT_SIZE];

	print_result(expected_text, expected);
	print_exit(got_text, vmm);
	return report_text(&vmm->report, what, expected_text, got_text);
}

/* The guest was stopped by @access (EPT_PROT_*) to @gpa, for which the entries allow @prot. */
bool tinyvmm_expect_violation(struct tinyvmm *vmm, const char *what, u32 access, u64 gpa,
			      u32 prot)
{
	char expected_text[REPORT_TEXT_SIZE], got_text[REPORT_TEXT_SIZE];

	print_violation(expected_text, access, gpa, prot, false);
	print_exit(got_text, vmm);
	return report_text(&vmm->report, what, expected_text, got_text);
}

/*
 * The map
 */

static int show_mapping(const struct ept_mapping *mapping, void *unused)
{
	static const char * const leaf[] = { [EPT_4K] = "4K", [EPT_2M] = "2M", [EPT_1G] = "1G" };
	u32 prot = mapping->attrs.prot;

	pr_info("  gpa %#9llx - %#9llx  hpa %#11llx  %s leaves  %c%c%c %s%s\n",
		mapping->gpa, mapping->gpa + mapping->size, (u64)mapping->hpa,
		leaf[mapping->level],
		prot & EPT_PROT_READ ? 'r' : '-',
		prot & EPT_PROT_WRITE ? 'w' : '-',
		prot & EPT_PROT_EXEC ? 'x' : '-',
		mapping->accessed ? " accessed" : "", mapping->dirty ? " dirty" : "");
	return 0;
}

void tinyvmm_show_map(struct tinyvmm *vmm, const char *when)
{
	pr_info("what %s maps %s:\n", ept_name(vmm->ept), when);
	ept_for_each_mapping(vmm->ept, 0, GUEST_LINEAR, show_mapping, NULL);
}
