// SPDX-License-Identifier: GPL-2.0-only
/*
 * heat, the part in the kernel: how often each part of a map file was faulted.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "event.h"
#include "heat.h"

/* heat.c fills it in. */
const volatile struct wanted wanted;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} parts SEC(".maps");

SEC("tp/remotefs/remotefs_fault")
int on_fault(struct event_fault *event)
{
	__u64 part = (event->offset - wanted.start) >> wanted.shift;
	__u32 key = part;
	__u64 *count;

	/* It comes again. */
	if (event->result & FAULT_RETRY)
		return 0;
	if (event->dev != wanted.dev || event->ino != wanted.ino ||
	    event->offset < wanted.start || part != key)
		return 0;
	count = bpf_map_lookup_elem(&parts, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
