/* SPDX-License-Identifier: GPL-2.0-only */
/* What heat.c tells heat.bpf.c to look at. */
#ifndef HEAT_H
#define HEAT_H

#include <linux/types.h>

/* Which file, the offset of its first part, and each part's size: 1 << shift. */
struct wanted {
	__u64 ino;
	__u64 start;
	__u32 dev;
	__u32 shift;
};

#endif
