// SPDX-License-Identifier: GPL-2.0-only
/*
 * audit, the part in the kernel: one entry for each process, map file and way of
 * access.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "audit.h"
#include "event.h"

/* What was not used for longest goes first when it is full. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct access_key);
	__type(value, struct access);
} accesses SEC(".maps");

/* Common to all events, and at the same place in each. */
struct event_file {
	EVENT_FILE;
};

static __always_inline void count(const struct event_file *file, enum how how,
				  __u64 offset, __u64 length, __u64 bytes)
{
	struct access_key key = {
		.dev = file->dev,
		.ino = file->ino,
		.source = file->source,
		.map = file->map,
		.pid = bpf_get_current_pid_tgid() >> 32,
		.uid = bpf_get_current_uid_gid(),
		.how = how,
	};
	struct access fresh = { .start = offset, .first = bpf_ktime_get_ns() };
	struct access *access = bpf_map_lookup_elem(&accesses, &key);

	if (!access) {
		bpf_get_current_comm(fresh.command, sizeof(fresh.command));
		bpf_map_update_elem(&accesses, &key, &fresh, BPF_NOEXIST);
		access = bpf_map_lookup_elem(&accesses, &key);
	}
	if (!access)
		return;
	__sync_fetch_and_add(&access->calls, 1);
	__sync_fetch_and_add(&access->bytes, bytes);
	/* Threads of one process may overtake each other here. */
	if (offset < access->start)
		access->start = offset;
	if (offset + length > access->end)
		access->end = offset + length;
	access->last = bpf_ktime_get_ns();
}

SEC("tp/remotefs/remotefs_read")
int on_read(struct event_copy *event)
{
	if (event->ret > 0)
		count((void *)event, HOW_READ, event->offset, event->ret, event->ret);
	return 0;
}

SEC("tp/remotefs/remotefs_write")
int on_write(struct event_copy *event)
{
	if (event->ret > 0)
		count((void *)event, HOW_WRITE, event->offset, event->ret, event->ret);
	return 0;
}

/* What is mapped can be read without a word: the mapping counts as a whole. */
SEC("tp/remotefs/remotefs_mmap")
int on_mmap(struct event_mmap *event)
{
	if (!event->ret)
		count((void *)event, HOW_MMAP, event->offset, event->length, event->length);
	return 0;
}

/* A fault may bring in neighbours; how many bytes were seen nobody knows. */
SEC("tp/remotefs/remotefs_fault")
int on_fault(struct event_fault *event)
{
	if (!(event->result & FAULT_RETRY))
		count((void *)event, HOW_FAULT, event->offset, 1, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
