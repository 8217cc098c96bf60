// SPDX-License-Identifier: GPL-2.0
/*
 * Samples: a line for each thing that was expected, with what came. See report.h.
 *
 * The lines "NAME: PASS (", "NAME: FAIL (", "NAME: SKIP (", "NAME: done: " and "NAME: refused: "
 * are read by the test beds.
 */
#include <linux/cpufeature.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "report.h"

bool report_text(struct sample_report *report, const char *what, const char *expected,
		 const char *got)
{
	bool passed = !strcmp(expected, got);

	pr_info("%s: %s (%c) %s: expected %s, got %s\n", report->name, passed ? "PASS" : "FAIL",
		report->step, what, expected, got);
	if (passed)
		report->passed++;
	else
		report->failed++;
	return passed;
}
EXPORT_SYMBOL_GPL(report_text);

bool report_yes(struct sample_report *report, const char *what, bool got)
{
	return report_text(report, what, "yes", got ? "yes" : "no");
}
EXPORT_SYMBOL_GPL(report_yes);

bool report_count(struct sample_report *report, const char *what, u64 expected, u64 got)
{
	char expected_text[REPORT_TEXT_SIZE], got_text[REPORT_TEXT_SIZE];

	scnprintf(expected_text, REPORT_TEXT_SIZE, "%llu", expected);
	scnprintf(got_text, REPORT_TEXT_SIZE, "%llu", got);
	return report_text(report, what, expected_text, got_text);
}
EXPORT_SYMBOL_GPL(report_count);

bool report_value(struct sample_report *report, const char *what, u64 expected, u64 got)
{
	char expected_text[REPORT_TEXT_SIZE], got_text[REPORT_TEXT_SIZE];

	scnprintf(expected_text, REPORT_TEXT_SIZE, "%#llx", expected);
	scnprintf(got_text, REPORT_TEXT_SIZE, "%#llx", got);
	return report_text(report, what, expected_text, got_text);
}
EXPORT_SYMBOL_GPL(report_value);

void report_error(struct sample_report *report, const char *whose, int err)
{
	char got[REPORT_TEXT_SIZE];

	scnprintf(got, REPORT_TEXT_SIZE, "%pe", ERR_PTR(err));
	report_text(report, whose, "no error", got);
}
EXPORT_SYMBOL_GPL(report_error);

void report_skip(struct sample_report *report, const char *reason)
{
	pr_info("%s: SKIP (%c) %s\n", report->name, report->step, reason);
	report->skipped++;
}
EXPORT_SYMBOL_GPL(report_skip);

void report_end(const struct sample_report *report)
{
	pr_info("%s: done: %u passed, %u failed, %u skipped\n", report->name, report->passed,
		report->failed, report->skipped);
}
EXPORT_SYMBOL_GPL(report_end);

int report_refuse(const struct sample_report *report, const char *reason, int err)
{
	pr_info("%s: refused: %s\n", report->name, reason);
	return err;
}
EXPORT_SYMBOL_GPL(report_refuse);

int report_refuse_cpu(const struct sample_report *report, int err)
{
	switch (err) {
	case -ENODEV:
		return report_refuse(report, boot_cpu_has(X86_FEATURE_HYPERVISOR) ?
				     "no VMX, which the hypervisor below may hide" :
				     "this CPU has no VMX", -ENODEV);
	case -EPERM:
		return report_refuse(report, "the firmware has locked VMX off", -EPERM);
	case -EOPNOTSUPP:
		return report_refuse(report, "this CPU has VMX, but no EPT", -ENODEV);
	default:
		return report_refuse(report, "the CPU's capabilities could not be read", err);
	}
}
EXPORT_SYMBOL_GPL(report_refuse_cpu);

int report_refuse_vmx(const struct sample_report *report, int err)
{
	switch (err) {
	case -EBUSY:
		return report_refuse(report, "VMX is in use; if it is KVM, try: rmmod kvm_intel",
				     -EBUSY);
	case -ENODEV:
		return report_refuse(report, "this CPU cannot run the guest", -ENODEV);
	default:
		return report_refuse(report, "VMX could not be turned on", err);
	}
}
EXPORT_SYMBOL_GPL(report_refuse_vmx);

MODULE_DESCRIPTION("What the samples of ept.ko share: VMX, and reports");
MODULE_LICENSE("GPL");
