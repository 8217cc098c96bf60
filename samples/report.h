/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Samples: what was expected and what was got, a line each, and why a sample refuses to run.
 */
#ifndef _SAMPLES_REPORT_H
#define _SAMPLES_REPORT_H

#include <linux/types.h>

struct sample_report {
	const char	*name;		/* the sample's, in front of each line */
	char		step;		/* the one that runs: 'a', 'b', ... */
	unsigned int	passed, failed, skipped;
};

#define REPORT_TEXT_SIZE	96

bool report_text(struct sample_report *report, const char *what, const char *expected,
		 const char *got);
bool report_yes(struct sample_report *report, const char *what, bool got);
bool report_count(struct sample_report *report, const char *what, u64 expected, u64 got);
bool report_value(struct sample_report *report, const char *what, u64 expected, u64 got);
/* @whose calls failed, with @err */
void report_error(struct sample_report *report, const char *whose, int err);
void report_skip(struct sample_report *report, const char *reason);
void report_end(const struct sample_report *report);

/* Says why, and returns what the module's init shall: after ept_caps_read() and vmx_begin(). */
int report_refuse(const struct sample_report *report, const char *reason, int err);
int report_refuse_cpu(const struct sample_report *report, int err);
int report_refuse_vmx(const struct sample_report *report, int err);

#endif /* _SAMPLES_REPORT_H */
