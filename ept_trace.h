/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: an event for each operation, none for entries. A table is named by its EPTP, as a
 * VMM's own traces do.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ept

#if !defined(_EPT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _EPT_TRACE_H

#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(ept_mapping,
	TP_PROTO(u64 eptp, u64 gpa, u64 hpa, u64 size, int ret),
	TP_ARGS(eptp, gpa, hpa, size, ret),
	TP_STRUCT__entry(
		__field(u64, eptp)
		__field(u64, gpa)
		__field(u64, hpa)
		__field(u64, size)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->eptp = eptp;
		__entry->gpa = gpa;
		__entry->hpa = hpa;
		__entry->size = size;
		__entry->ret = ret;
	),
	TP_printk("eptp %llx gpa %llx hpa %llx size %llx ret %d", __entry->eptp, __entry->gpa,
		  __entry->hpa, __entry->size, __entry->ret)
);

DEFINE_EVENT(ept_mapping, ept_map,
	TP_PROTO(u64 eptp, u64 gpa, u64 hpa, u64 size, int ret),
	TP_ARGS(eptp, gpa, hpa, size, ret));

DEFINE_EVENT(ept_mapping, ept_remap,
	TP_PROTO(u64 eptp, u64 gpa, u64 hpa, u64 size, int ret),
	TP_ARGS(eptp, gpa, hpa, size, ret));

DEFINE_EVENT(ept_mapping, ept_install,
	TP_PROTO(u64 eptp, u64 gpa, u64 hpa, u64 size, int ret),
	TP_ARGS(eptp, gpa, hpa, size, ret));

DEFINE_EVENT(ept_mapping, ept_redirect,
	TP_PROTO(u64 eptp, u64 gpa, u64 hpa, u64 size, int ret),
	TP_ARGS(eptp, gpa, hpa, size, ret));

DECLARE_EVENT_CLASS(ept_range,
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

#define EPT_RANGE_EVENT(name)						\
DEFINE_EVENT(ept_range, name,						\
	TP_PROTO(u64 eptp, u64 gpa, u64 size, int ret),			\
	TP_ARGS(eptp, gpa, size, ret))

EPT_RANGE_EVENT(ept_map_pages);
EPT_RANGE_EVENT(ept_unmap);
EPT_RANGE_EVENT(ept_zap);
EPT_RANGE_EVENT(ept_protect);
EPT_RANGE_EVENT(ept_grant);
EPT_RANGE_EVENT(ept_set_memtype);
EPT_RANGE_EVENT(ept_set_tag);
EPT_RANGE_EVENT(ept_set_attrs);
EPT_RANGE_EVENT(ept_split);
EPT_RANGE_EVENT(ept_merge);
EPT_RANGE_EVENT(ept_harvest);

TRACE_EVENT(ept_flush,
	TP_PROTO(u64 eptp, u64 generation),
	TP_ARGS(eptp, generation),
	TP_STRUCT__entry(
		__field(u64, eptp)
		__field(u64, generation)
	),
	TP_fast_assign(
		__entry->eptp = eptp;
		__entry->generation = generation;
	),
	TP_printk("eptp %llx generation %llu", __entry->eptp, __entry->generation)
);

#endif /* _EPT_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE ept_trace
#include <trace/define_trace.h>
