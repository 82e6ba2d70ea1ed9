/* SPDX-License-Identifier: GPL-2.0-only */
/* The slots of a map file's state that quota uses. */
#ifndef QUOTA_H
#define QUOTA_H

/* Bytes that may be read: 0 is no limit. */
#define SLOT_LIMIT	0
/* Bytes that were. */
#define SLOT_USED	1
/* How often somebody was denied. */
#define SLOT_DENIED	2

#endif
