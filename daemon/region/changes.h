/*
 * changes - what of the regions' truth is not written down yet
 *
 * Role:       whoever changes truth notes its key here: the first page of an extent that has come, gone or changed; a region's space; a session.
 *             Whoever writes truth down takes the keys, looks at what is there now, and clears them. What changed twice meanwhile is written
 *             once, and what came and went leaves nothing.
 * Uses:       base/
 * Invariants: C1  where truth is kept at all, what differs from what was written down last has its key here, or all is set.
 *             C2  a key more than needed does no harm.
 * Cost:       some nanoseconds a key; nothing in regions that are not kept.
 */
#ifndef PALLOCD_REGION_CHANGES_H
#define PALLOCD_REGION_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

/* Of one region. */
struct changes {
	bool kept;  /* somebody writes truth down; nothing is noted otherwise */
	bool *any;  /* set with each note: something of some region is to be written */
	bool space; /* what is grown, reserved or drained, or the generation */
	bool all;   /* there was no memory to note a key: every extent is to be written again */
	uint64_t *pages; /* first pages of extents, in no order, some perhaps twice */
	uint32_t n, size;
};

/** changes_note_slow() - there is no room for another page. */
void changes_note_slow(struct changes *c, uint64_t page);

/** changes_note() - an extent that begins at @page has come, has gone, or is another one than before. Cannot fail. */
static inline void changes_note(struct changes *c, uint64_t page)
{
	if (LIKELY(!c->kept))
		return;
	*c->any = true;
	if (LIKELY(c->n < c->size))
		c->pages[c->n++] = page;
	else
		changes_note_slow(c, page);
}

/** changes_note_space() - what is grown, reserved or drained has changed. */
static inline void changes_note_space(struct changes *c)
{
	if (LIKELY(!c->kept))
		return;
	*c->any = true;
	c->space = true;
}

/** changes_sort() - the pages ascend, each is there once. O(n log n). */
void changes_sort(struct changes *c);

/** changes_clear() - all of it is written down. The memory is kept, but for the odd large one. */
void changes_clear(struct changes *c);

/** changes_deinit() - nobody writes anything down any more. */
void changes_deinit(struct changes *c);

#endif
