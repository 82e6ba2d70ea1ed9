// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that need no types of the module: events by their fields, raw events,
 * and the policy by a writable tracepoint. One object for all kernels.
 */
#include "kernel.h"

/* As events/remotefs/remotefs_read/format has it, which a test compares. */
struct read_event {
	__u64 common;
	__u32 dev;
	__u64 ino;
	__s32 source;
	__u32 map;
	__u64 offset;
	__u64 length;
	__s64 ret;
};

SEC("tp/remotefs/remotefs_read")
int field_read(struct read_event *event)
{
	number_add(ON_READ, 1);
	number_set(INODE, event->ino);
	number_set(POLICY_OFFSET, event->offset);
	number_set(POLICY_LENGTH, event->length);
	return 0;
}

SEC("raw_tp/remotefs_write")
int raw_write(struct bpf_raw_tracepoint_args *ctx)
{
	number_add(ON_WRITE, 1);
	number_set(POLICY_LENGTH, ctx->args[2]);
	return 0;
}

SEC("raw_tp.w/remotefs_policy")
int raw_refuse(struct bpf_raw_tracepoint_args *ctx)
{
	struct remotefs_policy *policy = (void *)ctx->args[0];

	if (policy->ino != number_get(REFUSE_INO) || policy->op != number_get(REFUSE_OP))
		return 0;
	policy->verdict = -(int)number_get(REFUSE_ERR);
	return 0;
}

/*
 * Slot 0 counts what is asked, slot 3 keeps the last operation; nothing else of
 * what is written matters.
 */
SEC("raw_tp.w/remotefs_policy")
int raw_state(struct bpf_raw_tracepoint_args *ctx)
{
	struct remotefs_policy *policy = (void *)ctx->args[0];

	policy->area[0]++;
	policy->area[3] = policy->op;
	policy->assign = 1 << 3;
	policy->ino = policy->dev = policy->map = policy->source = ~0;
	policy->offset = policy->length = ~0ULL;
	return 0;
}
