/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints: faults, changes, and what a process' memory invalidates. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ept_space

#if !defined(EPT_SPACE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define EPT_SPACE_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(ept_space_fault,
	TP_PROTO(u64 eptp, u64 gpa, u32 access, int verdict, int ret),
	TP_ARGS(eptp, gpa, access, verdict, ret),
	TP_STRUCT__entry(
		__field(u64, eptp)
		__field(u64, gpa)
		__field(u32, access)
		__field(int, verdict)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->eptp = eptp;
		__entry->gpa = gpa;
		__entry->access = access;
		__entry->verdict = verdict;
		__entry->ret = ret;
	),
	TP_printk("eptp %llx gpa %llx access %x verdict %d ret %d", __entry->eptp, __entry->gpa,
		  __entry->access, __entry->verdict, __entry->ret)
);

DECLARE_EVENT_CLASS(ept_space_range,
	TP_PROTO(u64 eptp, u64 gpa, u64 size, int ret),
	TP_ARGS(eptp, gpa, size, ret),
	TP_STRUCT__entry(
		__field(u64, eptp)
		__field(u64, gpa)
		__field(u64, size)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->eptp = eptp;
		__entry->gpa = gpa;
		__entry->size = size;
		__entry->ret = ret;
	),
	TP_printk("eptp %llx gpa %llx size %llx ret %d", __entry->eptp, __entry->gpa,
		  __entry->size, __entry->ret)
);

#define EPT_SPACE_RANGE_EVENT(name)					\
DEFINE_EVENT(ept_space_range, name,					\
	TP_PROTO(u64 eptp, u64 gpa, u64 size, int ret),			\
	TP_ARGS(eptp, gpa, size, ret))

EPT_SPACE_RANGE_EVENT(ept_space_add);
EPT_SPACE_RANGE_EVENT(ept_space_set);
EPT_SPACE_RANGE_EVENT(ept_space_remove);
EPT_SPACE_RANGE_EVENT(ept_space_zap);
EPT_SPACE_RANGE_EVENT(ept_space_discard);
EPT_SPACE_RANGE_EVENT(ept_space_protect);
EPT_SPACE_RANGE_EVENT(ept_space_set_memtype);
EPT_SPACE_RANGE_EVENT(ept_space_move);
EPT_SPACE_RANGE_EVENT(ept_space_log_start);
EPT_SPACE_RANGE_EVENT(ept_space_log_get);
EPT_SPACE_RANGE_EVENT(ept_space_log_stop);
EPT_SPACE_RANGE_EVENT(ept_space_invalidate);

#endif /* EPT_SPACE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE space_trace
#include <trace/define_trace.h>
