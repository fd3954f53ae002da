/*
 * extents - extents as others may see them
 *
 * Role:       the wire's description of one becomes the public one.
 * Uses:       call, text
 */
#ifndef PACLIENT_LIB_EXTENTS_H
#define PACLIENT_LIB_EXTENTS_H

#include "client/lib/handle.h"

/** extent_read() - all of @from. */
void extent_read(const Pallocd__V1__Extent *from, struct paclient_extent *to);

/** extent_take() - the one of a reply, to the caller's struct k->to, which may be NULL. Return: 0, or PROTOCOL told to @k where there is none. */
MUST_CHECK int extent_take(struct call *k, const Pallocd__V1__Extent *from);

#endif
