/* SPDX-License-Identifier: GPL-2.0 */
/* procvmm: what its parts share. Of ept it uses the public headers. */
#ifndef _PROCVMM_H
#define _PROCVMM_H

#include <linux/mutex.h>
#include <linux/types.h>

#include "ept_core.h"
#include "ept_guest.h"
#include "ept_space.h"
#include "procvmm_api.h"
#include "vcpu.h"

struct mm_struct;

struct procvmm_vcpu {
	struct mutex	running;	/* held by the thread in it */
	struct vcpu	cpu;
	u64		*pml;		/* the CPU's log, a page */
	bool		ready;		/* there is a VMCS */
};

struct procvmm {
	struct mutex		lock;		/* of its creation */
	struct mm_struct	*mm;		/* whose memory it has */
	u32			flags;
	struct ept_config	config;
	struct ept_space	*space;		/* NULL: not yet created */
	struct ept		*ept;
	atomic64_t		logged;
	struct procvmm_vcpu	vcpu[PROCVMM_VCPUS];
};

extern struct ept_caps procvmm_caps;

/* procvmm_vm.c */
extern const struct file_operations procvmm_fops;

/* procvmm_run.c: 0, with what is to be told to the process in @run, or an error. */
int procvmm_run(struct procvmm *vm, struct procvmm_run *run);
void procvmm_free_vcpu(struct procvmm_vcpu *vcpu);

#endif /* _PROCVMM_H */
