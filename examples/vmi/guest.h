/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where things are in the guest's memory: what its program, its monitor, and
 * those who look at it from outside have to agree on.
 *
 *	0x001000	the guest's program
 *	0x002000	the board: its counter, and a sequence number for each parcel
 *	0x003000	the visitors' book: a count that others keep in here
 *	0x200000	the parcels: pages that the guest has exchanged all the time
 *
 * The rule of the parcels: a sequence number is odd while its parcel is being
 * exchanged, as in a seqlock.  While it is even, the parcel's first word and its
 * last are the same number.  Whoever reads the sequence, the parcel, and the same
 * sequence once more, knows exactly what must be in that page; the page that was
 * there before has another number.
 *
 * No number here has a suffix: the assembler reads them, too.
 */
#ifndef VMI_GUEST_H
#define VMI_GUEST_H

#include <stddef.h>
#include <stdint.h>

#define PAGE		4096
#define RAM_BYTES	0x400000
#define CODE		0x1000
#define BOARD		0x2000
#define SEQUENCES	0x2004
#define BOOK		0x3000
#define PARCELS		0x200000
#define PARCEL_COUNT	64
#define PARCELS_END	0x240000

/* What the guest's processors say, by the port that they write to. */
#define PORT_EXCHANGE	0x10	/* to the monitor: exchange the page at this address */
#define PORT_ROUND	0x11	/* of a visitor: all parcels were seen */
#define PORT_STALE	0x12	/* of a visitor: the parcel at this address is wrong */

struct board {
	uint32_t counter;		/* rounds that the guest has made */
	uint32_t sequence[PARCEL_COUNT];
};

_Static_assert(offsetof(struct board, sequence) == SEQUENCES - BOARD, "guest.h disagrees");
_Static_assert(PARCELS + PARCEL_COUNT * PAGE == PARCELS_END, "guest.h disagrees");

/* For numbers in assembler text. */
#define TEXT_OF(x)	#x
#define TEXT(x)		TEXT_OF(x)

static inline const volatile struct board *guest_board(const char *ram)
{
	return (const volatile struct board *)(ram + BOARD);
}

#endif /* VMI_GUEST_H */
