// SPDX-License-Identifier: GPL-2.0-only
/*
 * quota, the part in the kernel: the policy itself.
 *
 * All it knows is in the map file's state, which the kernel puts into the
 * question: files that nobody set a limit for have 0 there.
 */
#include <linux/bpf.h>
#include <linux/remotefs.h>
#include <bpf/bpf_helpers.h>

#include "quota.h"

#define EDQUOT 122

/* What it writes into the question is the answer. */
SEC("raw_tp.w/remotefs_policy")
int quota(struct bpf_raw_tracepoint_args *context)
{
	struct remotefs_policy *policy = (void *)context->args[0];
	__u64 limit = policy->area[SLOT_LIMIT];
	__u64 used = policy->area[SLOT_USED];

	if (!limit || policy->verdict)
		return 0;
	/* What is mapped can be read without a word, so it counts as a whole. */
	if (policy->op != REMOTEFS_POLICY_READ && policy->op != REMOTEFS_POLICY_MMAP)
		return 0;
	if (used <= limit && policy->length <= limit - used) {
		policy->area[SLOT_USED] = used + policy->length;
	} else {
		policy->area[SLOT_DENIED]++;
		policy->verdict = -EDQUOT;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
