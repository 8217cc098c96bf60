/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included first by the modules that are timed on two CPUs of User Mode Linux. It has the generic
 * barriers, where an acquire or a release is a full one; a kernel for x86 has these.
 */
#ifndef _EPT_BENCH_UML_H
#define _EPT_BENCH_UML_H

#define __smp_store_release(p, v)		\
do {						\
	typeof(p) _to = (p);			\
						\
	barrier();				\
	WRITE_ONCE(*_to, v);			\
} while (0)

#define __smp_load_acquire(p)			\
({						\
	typeof(p) _from = (p);			\
	typeof(*_from) _value = READ_ONCE(*_from);	\
						\
	barrier();				\
	_value;					\
})

#endif /* _EPT_BENCH_UML_H */
